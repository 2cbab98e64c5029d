/** `isoloss data add` and `list`: what they do, apart from how it is shown. */
import { resolve } from 'node:path';
import { defaultCacheDir } from './cache.js';
import { hashOfFiles } from './corpus.js';
import { CorpusError } from './errors.js';
import { readRegistry, type RegisteredCorpus, registerCorpus } from './registry.js';
import { DEFAULT_CORPUS, locateCorpus, sha256OfFile } from './sources.js';

/** Hashes a corpus's files and makes it known by a name. @throws CorpusError where the path or the name is no good */
export function addCorpus(
  name: string,
  path: string,
  cacheDir: string = defaultCacheDir(),
): RegisteredCorpus {
  const absolute = resolve(path);
  const { files } = locateCorpus(absolute, '/');
  const sha256 = hashOfFiles(files.map((file) => ({ file, sha256: sha256OfFile(file.path) })));
  const entry = { path: absolute, sha256 };
  registerCorpus(cacheDir, name, entry);
  return entry;
}

export interface ListedCorpus {
  readonly name: string;
  readonly path: string;
  /** `ready`, or why it can't be used as it stands; contents are only checked when it is used. */
  readonly state: string;
}

/** The default corpus and those made known by a name. */
export function listCorpora(cacheDir: string = defaultCacheDir()): ListedCorpus[] {
  const own = Object.entries(readRegistry(cacheDir)).map(([name, { path }]) => ({ name, path }));
  const sotu = locateCorpus(DEFAULT_CORPUS, '/');
  return [
    { name: DEFAULT_CORPUS, path: sotu.origin, state: 'ready' },
    ...own.map(({ name, path }) => ({ name, path, state: stateOf(path) })),
  ];
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
