/** Preparing a corpus: from the name in a sweep file to three streams of tokens, kept in a cache on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { requireVocabSize } from './bpe.js';
import { buildCorpus, type BuildOptions, type HashedFile, type PrepareProgress } from './build.js';
import {
  CACHE_FORMAT,
  type CachedCorpus,
  defaultCacheDir,
  loadBuilt,
  loadCached,
  storeBuilt,
} from './cache.js';
import { sha256 } from './documents.js';
import { CorpusError } from './errors.js';
import { claimPartial } from './partial.js';
import { resolveCorpus } from './resolve.js';
import { type CorpusSource, reasonOf, SPLIT_NAMES, type SplitName } from './sources.js';
import type { SplitUnit } from './split.js';
import { rememberedSha256 } from './stamps.js';
import type { Tokenizer } from './tokenizer.js';
import type { TokenSplit } from './tokenSplit.js';

/** Seconds of a preparation that a kill may cost. */
const SAVE_SECONDS = 10;

export type { PrepareProgress } from './build.js';
export type { TokenSplit } from './tokenSplit.js';

export interface PrepareOptions {
  /** `sotu`, or the user's texts; see `locateCorpus`. */
  readonly corpus: string;
  /** Tokens in the vocabulary, 257 at least: 256 bytes and the separator. */
  readonly vocabSize: number;
  /** Folder of the cache; see `defaultCacheDir` for where it is otherwise. */
  readonly cacheDir?: string | undefined;
  /** Folder that the paths of a corpus are relative to; the working folder where absent. */
  readonly baseDir?: string | undefined;
  readonly onProgress?: ((progress: PrepareProgress) => void) | undefined;
  /** Whether a dataset that is not here is downloaded; so it is where absent. */
  readonly download?: boolean | undefined;
  /** Seconds of work that a kill may cost; 10 where absent. */
  readonly saveSeconds?: number | undefined;
  /** Told of what does not stop the preparation but should be known; `process.emitWarning` where absent. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A corpus ready for training. */
export interface PreparedCorpus {
  /** The corpus as it was asked for. */
  readonly id: string;
  readonly vocabSize: number;
  /** SHA-256, in hex, of the text: the bytes of all documents in source order, each followed by a form feed. */
  readonly contentSha256: string;
  /** Trained on the training split alone. */
  readonly tokenizer: Tokenizer;
  readonly train: TokenSplit;
  readonly val: TokenSplit;
  readonly test: TokenSplit;
  readonly splitUnit: SplitUnit;
  readonly name: string;
  readonly licence: string | null;
  readonly origin: string;
  /** Where it lies in the cache, with its `tokenizer.json`; null where the cache could not be written. */
  readonly directory: string | null;
}

/**
 * Prepares a corpus, or loads it where this text has been prepared at this vocabulary size before.
 *
 * Documents are divided into splits (`splitDocuments`), the tokenizer is trained on the training split, and every
 * split is encoded. The result is a function of the files' names and contents and of the vocabulary size; that is
 * also what it is cached under. Safe to call from several processes at once.
 *
 * @throws CorpusError where the corpus can't be found or used
 */
export async function prepareCorpus(options: PrepareOptions): Promise<PreparedCorpus> {
  const { corpus, vocabSize } = options;
  const warn =
    options.onWarning ??
    ((message: string): void => {
      process.emitWarning(message);
    });
  requireVocabSize(vocabSize);
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const source = await resolveCorpus(corpus, {
    baseDir: options.baseDir ?? process.cwd(),
    cacheDir,
    download: options.download,
    onProgress: options.onProgress,
  });
  const hashes = rememberedSha256(
    source.files.map(({ path }) => path),
    cacheDir,
  );
  const files = source.files.map((file, i): HashedFile => ({ file, sha256: hashes[i]! }));
  requireRegistered(corpus, source, files);
  const key = cacheKey(files, vocabSize);
  const slug =
    basename(corpus)
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'corpus';
  const directory = resolve(cacheDir, 'corpora', `${slug.slice(0, 40)}-${vocabSize}-${key.slice(0, 16)}`);

  const cached = loadCached(directory, key);
  if (cached !== undefined) return withSource(source, cached, directory);
  const build: BuildOptions = {
    files,
    vocabSize,
    warn,
    onProgress: options.onProgress ?? (() => undefined),
    saveSeconds: options.saveSeconds ?? SAVE_SECONDS,
  };
  let folder: string;
  try {
    folder = claimPartial(dirname(directory), basename(directory));
  } catch (error) {
    warn(
      `The prepared corpus can't be kept in ${directory} (${reasonOf(error)}), so every process prepares it anew and ` +
        'holds it in memory. Set ISOLOSS_CACHE to a folder that can be written.',
    );
    return withSource(source, await buildForOneself(build), null);
  }
  try {
    storeBuilt(folder, directory, key, await buildCorpus(folder, build));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new CorpusError(
      `Corpus ${corpus}: there is no space left in ${cacheDir}, where it is prepared. While that goes on it takes the text, ` +
        'unpacked, and 2 bytes a token (4 for vocabularies over 65,536). Make room, or set ISOLOSS_CACHE to another folder.',
      { cause: error },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const stored = loadCached(directory, key);
  if (stored === undefined)
    throw new CorpusError(`${directory} was changed while the corpus was being prepared.`);
  return withSource(source, stored, directory);
}

/** Builds a corpus where there is no folder to keep it in. */
async function buildForOneself(build: BuildOptions): Promise<CachedCorpus> {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-corpus-'));
  try {
    return loadBuilt(folder, await buildCorpus(folder, build));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A corpus known by a name is the one that was made known, byte for byte. */
function requireRegistered(corpus: string, source: CorpusSource, files: readonly HashedFile[]): void {
  const { registeredSha256 } = source;
  if (registeredSha256 === undefined || registeredSha256 === hashOfFiles(files)) return;
  throw new CorpusError(
    `Corpus ${corpus}: its files in ${source.origin} have changed since it was added. ` +
      `Put the old ones back, or say that these are meant: isoloss data add ${corpus} ${source.origin}`,
  );
}

/** SHA-256, in hex, over names and contents of a corpus's files. */
export function hashOfFiles(files: readonly HashedFile[]): string {
  return sha256(JSON.stringify(files.map(({ file, sha256 }) => [file.name, file.split, sha256])));
}

function cacheKey(files: readonly HashedFile[], vocabSize: number): string {
  const contents = files.map(({ file, sha256 }) => ({
    name: file.name,
    split: file.split,
    sha256,
    ...(file.field === undefined ? {} : { field: file.field }),
  }));
  return sha256(JSON.stringify({ format: CACHE_FORMAT, vocabSize, files: contents }));
}

function withSource(source: CorpusSource, cached: CachedCorpus, directory: string | null): PreparedCorpus {
  const { id, name, licence, origin } = source;
  const { contentSha256, splitUnit, tokenizer, splits } = cached;
  return {
    id,
    name,
    licence,
    origin,
    vocabSize: tokenizer.vocabSize,
    contentSha256,
    splitUnit,
    tokenizer,
    ...splits,
    directory,
  };
}

/** Facts about a prepared corpus for reports: plain data, with nothing of this machine in it. */
export interface CorpusDescription {
  readonly id: string;
  readonly name: string;
  readonly licence: string | null;
  readonly origin: string;
  readonly contentSha256: string;
  readonly vocabSize: number;
  /** What was divided into splits: whole documents, blocks of documents, or nothing (the corpus's own splits). */
  readonly splitUnit: SplitUnit;
  readonly documents: number;
  readonly utf8Bytes: number;
  readonly splits: Readonly<Record<SplitName, SplitDescription>>;
}

/** One split of a {@link CorpusDescription}. */
export interface SplitDescription {
  readonly documents: number;
  readonly utf8Bytes: number;
  /** Tokens, the separators included. */
  readonly tokens: number;
  readonly bytesPerToken: number;
  /** Of the token stream. */
  readonly sha256: string;
}

/** Name, licence, origin and sizes of a prepared corpus. Documents are blocks where blocks were divided. */
export function corpusDescription(corpus: PreparedCorpus): CorpusDescription {
  const { id, name, licence, origin, contentSha256, vocabSize, splitUnit } = corpus;
  const of = (split: SplitName): SplitDescription => {
    const { documentCount, utf8Bytes, tokens, sha256 } = corpus[split];
    return {
      documents: documentCount,
      utf8Bytes,
      tokens: tokens.length,
      bytesPerToken: utf8Bytes / tokens.length,
      sha256,
    };
  };
  const splits = { train: of('train'), val: of('val'), test: of('test') };
  const sum = (count: (split: SplitDescription) => number): number =>
    SPLIT_NAMES.reduce((total, split) => total + count(splits[split]), 0);
  return {
    id,
    name,
    licence,
    origin,
    contentSha256,
    vocabSize,
    splitUnit,
    documents: sum((split) => split.documents),
    utf8Bytes: sum((split) => split.utf8Bytes),
    splits,
  };
}
