/** Corpora that were made known by a name (`isoloss data add`): `corpora.json` in the cache folder. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CorpusError } from './errors.js';
import { makeDirectory } from './folders.js';
import { DEFAULT_CORPUS, reasonOf } from './sources.js';

const entrySchema = z.object({
  /** Folder, file or pattern, absolute. */
  path: z.string(),
  /** Of names and contents of its files. */
  sha256: z.string(),
});
const registrySchema = z.record(z.string(), entrySchema);

export type RegisteredCorpus = z.infer<typeof entrySchema>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** @throws CorpusError where the file is there and can't be read */
export function readRegistry(cacheDir: string): Record<string, RegisteredCorpus> {
  const path = join(cacheDir, 'corpora.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
    throw new CorpusError(`${path} can't be read (${reasonOf(error)}).`, { cause: error });
  }
  try {
    return registrySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new CorpusError(`${path} is damaged: remove it, and add the corpora again (isoloss data add).`, {
      cause: error,
    });
  }
}

/**
 * Makes a corpus known, or known anew.
 *
 * @param replace - whether the name may stand for other texts until now
 * @throws CorpusError where the name can't be one, or stands for other texts
 */
export function registerCorpus(
  cacheDir: string,
  name: string,
  entry: RegisteredCorpus,
  replace: boolean,
): void {
  if (!NAME.test(name) || name === DEFAULT_CORPUS) {
    throw new CorpusError(
      `"${name}" can't name a corpus: letters, digits, dots, hyphens and underscores, and not ${DEFAULT_CORPUS}.`,
    );
  }
  const path = join(cacheDir, 'corpora.json');
  const known = readRegistry(cacheDir);
  const before = Object.hasOwn(known, name) ? known[name] : undefined;
  // The same place with other contents is a corpus that was changed and is added anew.
  const isOther = before !== undefined && before.path !== entry.path && before.sha256 !== entry.sha256;
  if (isOther && !replace) {
    throw new CorpusError(
      `${name} is the name of other texts, ${before.path}; say --replace to give it to these, or choose another one.`,
    );
  }
  const entries = { ...known, [name]: entry };
  makeDirectory(cacheDir);
  const aside = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(aside, `${JSON.stringify(entries, null, 2)}\n`, { flush: true });
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}
