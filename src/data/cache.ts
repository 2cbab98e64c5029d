/**
 * Prepared corpora on disk. One folder holds `tokenizer.json`, the three token streams and `meta.json`; it is
 * written aside and renamed, so that it is whole or not there, and everything in it is checked by checksum when
 * it is loaded. Any number of processes may load and store at once.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { sha256 } from './documents.js';
import { SPLIT_NAMES, type SplitName } from './sources.js';
import type { SplitUnit } from './split.js';
import type { Tokenizer } from './tokenizer.js';
import { formatTokenizer, parseTokenizer } from './tokenizerJson.js';
import { littleEndianBytes, tokensFromBytes, type TokenSplit } from './tokenSplit.js';

/** Raise it when a change to reading, splitting, training or encoding gives other tokens, or the files change. */
export const CACHE_FORMAT = 1;

/** A folder being written is older than this only if its writer is gone. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** What is kept of a prepared corpus. */
export interface CachedCorpus {
  readonly contentSha256: string;
  readonly splitUnit: SplitUnit;
  readonly tokenizer: Tokenizer;
  readonly splits: Readonly<Record<SplitName, TokenSplit>>;
}

const hexSha256 = z.string().regex(/^[0-9a-f]{64}$/);
const splitSchema = z.object({
  sha256: hexSha256,
  utf8Bytes: z.number(),
  documents: z.array(z.string()),
  documentStarts: z.array(z.number().int()),
});
const contentsSchema = z.object({
  format: z.literal(CACHE_FORMAT),
  key: hexSha256,
  vocabSize: z.number().int(),
  contentSha256: hexSha256,
  splitUnit: z.enum(['document', 'block', 'given']),
  tokenizerSha256: hexSha256,
  splits: z.object({ train: splitSchema, val: splitSchema, test: splitSchema }),
});
/** meta.json: the contents as a string, and their checksum. */
const metaSchema = z.object({ sha256: hexSha256, contents: z.string() });

/**
 * Folder of the cache: `$ISOLOSS_CACHE`, or `isoloss` in the place for caches of the system: `$XDG_CACHE_HOME`,
 * else `%LOCALAPPDATA%` on Windows and `~/.cache` elsewhere.
 */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['ISOLOSS_CACHE'];
  if (own !== undefined && own !== '') return own;
  // The XDG specification has relative paths ignored.
  const system = [environment['XDG_CACHE_HOME'], environment['LOCALAPPDATA']].find(
    (path) => path !== undefined && isAbsolute(path),
  );
  return join(system ?? join(homedir(), '.cache'), 'isoloss');
}

/** Loads a prepared corpus; undefined where the folder is not there, or is not what `key` asks for, byte for byte. */
export function loadCached(directory: string, key: string): CachedCorpus | undefined {
  try {
    const meta = metaSchema.parse(JSON.parse(readFileSync(join(directory, 'meta.json'), 'utf8')));
    if (sha256(meta.contents) !== meta.sha256) return undefined;
    const contents = contentsSchema.parse(JSON.parse(meta.contents));
    const tokenizerFile = join(directory, 'tokenizer.json');
    const tokenizerJson = readFileSync(tokenizerFile);
    if (contents.key !== key || sha256(tokenizerJson) !== contents.tokenizerSha256) return undefined;
    const load = (split: SplitName): TokenSplit => {
      const { documentStarts, ...rest } = contents.splits[split];
      const bytes = readFileSync(join(directory, `${split}.bin`));
      if (sha256(bytes) !== rest.sha256) throw new Error(`${split}.bin is damaged`);
      return {
        ...rest,
        tokens: tokensFromBytes(bytes, contents.vocabSize),
        documentStarts: Int32Array.from(documentStarts),
      };
    };
    return {
      contentSha256: contents.contentSha256,
      splitUnit: contents.splitUnit,
      tokenizer: parseTokenizer(tokenizerJson.toString('utf8'), tokenizerFile),
      splits: { train: load('train'), val: load('val'), test: load('test') },
    };
  } catch {
    // Whatever is wrong with a cache, the answer is to prepare the corpus again.
    return undefined;
  }
}

/**
 * Finds the prepared corpus whose training tokens have this SHA-256: what a run was trained on, wherever its texts lie by
 * now. Undefined where the cache holds none, or only a damaged one.
 */
export function findCached(cacheDir: string, trainSha256: string): CachedCorpus | undefined {
  const corpora = join(cacheDir, 'corpora');
  if (!existsSync(corpora)) return undefined;
  for (const name of readdirSync(corpora).filter((entry) => !entry.startsWith('.'))) {
    const directory = join(corpora, name);
    try {
      const meta = metaSchema.parse(JSON.parse(readFileSync(join(directory, 'meta.json'), 'utf8')));
      const contents = contentsSchema.parse(JSON.parse(meta.contents));
      if (contents.splits.train.sha256 !== trainSha256) continue;
      const found = loadCached(directory, contents.key);
      if (found !== undefined) return found;
    } catch {
      // A folder of another format, or one that is just being replaced.
    }
  }
  return undefined;
}

/**
 * Stores a prepared corpus as `directory`. Where another process has stored the same in the meantime, theirs stays;
 * a damaged one is replaced.
 *
 * @throws the error of the file system, nothing half-written being left under `directory`
 */
export function storeCached(directory: string, key: string, corpus: CachedCorpus): void {
  const parent = dirname(directory);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent);
  const aside = join(parent, `.${basename(directory)}.${randomUUID()}.tmp`);
  try {
    writeFolder(aside, key, corpus);
    moveIntoPlace(aside, directory, key);
    syncToDisk(parent);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function writeFolder(folder: string, key: string, { tokenizer, splits, ...facts }: CachedCorpus): void {
  mkdirSync(folder);
  const write = (name: string, content: Buffer | string): void => {
    const path = join(folder, name);
    writeFileSync(path, content);
    syncToDisk(path);
  };
  const tokenizerJson = formatTokenizer(tokenizer);
  write('tokenizer.json', tokenizerJson);
  const kept = (split: SplitName): z.infer<typeof splitSchema> => {
    const { documentStarts, documents, utf8Bytes, sha256 } = splits[split];
    return { sha256, utf8Bytes, documents: [...documents], documentStarts: [...documentStarts] };
  };
  for (const split of SPLIT_NAMES) write(`${split}.bin`, littleEndianBytes(splits[split].tokens));
  const contents = JSON.stringify({
    format: CACHE_FORMAT,
    key,
    vocabSize: tokenizer.vocabSize,
    ...facts,
    tokenizerSha256: sha256(tokenizerJson),
    splits: { train: kept('train'), val: kept('val'), test: kept('test') },
  } satisfies z.infer<typeof contentsSchema>);
  write(
    'meta.json',
    JSON.stringify({ sha256: sha256(contents), contents } satisfies z.infer<typeof metaSchema>),
  );
  syncToDisk(folder);
}

function moveIntoPlace(aside: string, directory: string, key: string): void {
  try {
    renameSync(aside, directory);
    return;
  } catch (error) {
    // A folder is renamed onto another only where that one is empty, so something is there already.
    if (statSync(directory, { throwIfNoEntry: false }) === undefined) throw error;
  }
  if (loadCached(directory, key) !== undefined) return;
  const damaged = join(dirname(directory), `.${basename(directory)}.${randomUUID()}.tmp`);
  renameSync(directory, damaged);
  rmSync(damaged, { recursive: true, force: true });
  try {
    renameSync(aside, directory);
  } catch (error) {
    // Another process has just put its own there.
    if (loadCached(directory, key) === undefined) throw error;
  }
}

/** Removes what processes killed while they were writing have left. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith('.') || !name.endsWith('.tmp')) continue;
    const path = join(parent, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS)
      rmSync(path, { recursive: true, force: true });
  }
}

function syncToDisk(path: string): void {
  // Windows can't open a folder to sync it.
  if (process.platform === 'win32' && statSync(path).isDirectory()) return;
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
