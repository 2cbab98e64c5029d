/** From what a sweep file calls its corpus to files on this machine: names made known, datasets to download, paths. */
import type { PrepareProgress } from './build.js';
import { downloadDataset, isDatasetName } from './huggingFace.js';
import { readRegistry } from './registry.js';
import { type CorpusSource, DEFAULT_CORPUS, locateCorpus } from './sources.js';

export interface ResolveOptions {
  /** Folder that relative paths start from. */
  readonly baseDir: string;
  readonly cacheDir: string;
  /** Whether a dataset that is not here is downloaded; so it is where absent. */
  readonly download?: boolean | undefined;
  readonly onProgress?: ((progress: PrepareProgress) => void) | undefined;
}

/**
 * Finds the files of a corpus, downloading those of a Hugging Face dataset that are not here yet.
 *
 * @param corpus `sotu`; a name made known by `isoloss data add`; `hf:OWNER/NAME`; otherwise as `locateCorpus` takes it
 * @throws CorpusError where it can't be found or had
 */
export async function resolveCorpus(corpus: string, options: ResolveOptions): Promise<CorpusSource> {
  if (isDatasetName(corpus)) return downloadDataset(corpus, options);
  const known = corpus === DEFAULT_CORPUS ? {} : readRegistry(options.cacheDir);
  const entry = Object.hasOwn(known, corpus) ? known[corpus] : undefined;
  if (entry === undefined) return locateCorpus(corpus, options.baseDir);
  const source = locateCorpus(entry.path, options.baseDir);
  return { ...source, id: corpus, name: corpus, origin: entry.path, registeredSha256: entry.sha256 };
}
