/** `isoloss data add` and `list`: what they do, apart from how it is shown. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defaultCacheDir } from './cache.js';
import { hashOfFiles } from './corpus.js';
import { CorpusError } from './errors.js';
import { readRegistry, type RegisteredCorpus, registerCorpus } from './registry.js';
import { DEFAULT_CORPUS, locateCorpus, sha256OfFile } from './sources.js';

/** Hashes a corpus's files and makes it known by a name. @throws CorpusError where the path or the name is no good */
export function addCorpus(
  name: string,
  path: string,
  {
    replace = false,
    cacheDir = defaultCacheDir(),
  }: { readonly replace?: boolean; readonly cacheDir?: string } = {},
): RegisteredCorpus {
  const absolute = resolve(path);
  const { files } = locateCorpus(absolute, '/');
  const sha256 = hashOfFiles(files.map((file) => ({ file, sha256: sha256OfFile(file.path) })));
  const entry = { path: absolute, sha256 };
  registerCorpus(cacheDir, name, entry, replace);
  return entry;
}

export interface ListedCorpus {
  readonly name: string;
  readonly path: string;
  /** `ready`, or why it can't be used as it stands; contents are only checked when it is used. */
  readonly state: string;
  /** On disk, in the cache folder; null for files that lie elsewhere. */
  readonly bytes: number | null;
}

/** The default corpus, those made known by a name, downloaded datasets, and what is prepared. */
export function listCorpora(cacheDir: string = defaultCacheDir()): ListedCorpus[] {
  const own = Object.entries(readRegistry(cacheDir)).map(([name, { path }]) => ({ name, path }));
  const sotu = locateCorpus(DEFAULT_CORPUS, '/');
  return [
    { name: DEFAULT_CORPUS, path: sotu.origin, state: 'ready', bytes: null },
    ...own.map(({ name, path }) => ({ name, path, state: stateOf(path), bytes: null })),
    ...foldersIn(join(cacheDir, 'datasets')).map(({ name, path }) => {
      const isWhole = existsSync(join(path, 'manifest.json'));
      const state = isWhole ? 'downloaded' : 'being downloaded, or cut off: the same command goes on';
      return { name: `hf:${name.replaceAll('--', '/')}`, path, state, bytes: bytesIn(path) };
    }),
    ...foldersIn(join(cacheDir, 'corpora')).map(({ name, path }) => {
      const isWhole = !name.startsWith('.');
      const state = isWhole ? 'prepared' : 'being prepared, or cut off: the same command goes on';
      return { name: name.replace(/^\./, ''), path, state, bytes: bytesIn(path) };
    }),
  ];
}

function foldersIn(parent: string): { readonly name: string; readonly path: string }[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, path: join(parent, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function stateOf(path: string): string {
  try {
    locateCorpus(path, '/');
    return 'ready';
  } catch (error) {
    if (error instanceof CorpusError) return error.message;
    throw error;
  }
}
