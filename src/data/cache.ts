/**
 * Prepared corpora on disk. One folder holds `tokenizer.json`, for each split the tokens and the places of its documents,
 * and `meta.json`; it is made aside and renamed, so that it is whole or not there, and everything in it is checked by
 * checksum. Any number of processes may load and store at once.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
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
import { type BuiltCorpus, TOKENIZER_FILE } from './build.js';
import { sha256 } from './documents.js';
import { sha256OfFile, SPLIT_NAMES, type SplitName } from './sources.js';
import type { SplitUnit } from './split.js';
import { startsFile, tokensFile } from './splitWriter.js';
import { stampOf, writeBesides } from './stamps.js';
import type { Tokenizer } from './tokenizer.js';
import { parseTokenizer } from './tokenizerJson.js';
import {
  fileTokens,
  loadNumbers,
  loadTokens,
  tokenBytes,
  type TokenSplit,
  type TokenStream,
} from './tokenSplit.js';

/** Raise it when a change to reading, splitting, training or encoding gives other tokens, or the files change. */
export const CACHE_FORMAT = 2;

/** What is kept of a prepared corpus. */
export interface CachedCorpus {
  readonly contentSha256: string;
  readonly splitUnit: SplitUnit;
  readonly tokenizer: Tokenizer;
  readonly splits: Readonly<Record<SplitName, TokenSplit>>;
}

const hexSha256 = z.string().regex(/^[0-9a-f]{64}$/);
const splitSchema = z.object({
  tokens: z.number().int(),
  documents: z.number().int(),
  utf8Bytes: z.number(),
  sha256: hexSha256,
  startsSha256: hexSha256,
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
type Contents = z.infer<typeof contentsSchema>;
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
    const contents = readMeta(directory);
    const tokenizerFile = join(directory, TOKENIZER_FILE);
    const tokenizerJson = readFileSync(tokenizerFile);
    if (contents.key !== key || sha256(tokenizerJson) !== contents.tokenizerSha256) return undefined;
    requireChecked(directory, contents);
    const split = (name: SplitName): TokenSplit => splitOf(directory, contents, name, fileTokens);
    return {
      contentSha256: contents.contentSha256,
      splitUnit: contents.splitUnit,
      tokenizer: parseTokenizer(tokenizerJson.toString('utf8'), tokenizerFile),
      splits: { train: split('train'), val: split('val'), test: split('test') },
    };
  } catch {
    // Whatever is wrong with a cache, the answer is to prepare the corpus again.
    return undefined;
  }
}

/** A corpus that was just built in `folder`, held in memory, so that the folder may go. */
export function loadBuilt(folder: string, built: BuiltCorpus): CachedCorpus {
  const { contentSha256, splitUnit, splits } = built;
  const path = join(folder, TOKENIZER_FILE);
  const tokenizer = parseTokenizer(readFileSync(path, 'utf8'), path);
  const contents = { splits, vocabSize: tokenizer.vocabSize };
  const split = (name: SplitName): TokenSplit => {
    const { documentStarts, ...rest } = splitOf(folder, contents, name, loadTokens);
    return { ...rest, documentStarts };
  };
  return {
    contentSha256,
    splitUnit,
    tokenizer,
    splits: { train: split('train'), val: split('val'), test: split('test') },
  };
}

function splitOf(
  folder: string,
  { splits, vocabSize }: Pick<Contents, 'splits' | 'vocabSize'>,
  name: SplitName,
  open: (path: string, vocabSize: number, length: number) => TokenStream,
): TokenSplit {
  const { sha256, utf8Bytes, documents, tokens } = splits[name];
  let documentStarts: Float64Array | undefined;
  return {
    sha256,
    utf8Bytes,
    documentCount: documents,
    tokens: open(join(folder, tokensFile(name)), vocabSize, tokens),
    get documentStarts() {
      return (documentStarts ??= loadNumbers(join(folder, startsFile(name)), documents));
    },
  };
}

function readMeta(directory: string): Contents {
  const meta = metaSchema.parse(JSON.parse(readFileSync(join(directory, 'meta.json'), 'utf8')));
  if (sha256(meta.contents) !== meta.sha256) throw new Error('meta.json is damaged');
  return contentsSchema.parse(JSON.parse(meta.contents));
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
      const contents = readMeta(directory);
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
 * Checks the checksums of all streams. What was found in order is noted with the files' stamps in `checked.json`, so
 * that streams of any size are read for it once, and again only when something has happened to them.
 */
function requireChecked(directory: string, { splits, vocabSize }: Contents): void {
  const files = SPLIT_NAMES.flatMap((split) => {
    const { sha256, startsSha256, tokens, documents } = splits[split];
    return [
      { name: tokensFile(split), sha256, bytes: tokens * tokenBytes(vocabSize) },
      { name: startsFile(split), sha256: startsSha256, bytes: documents * Float64Array.BYTES_PER_ELEMENT },
    ];
  });
  for (const { name, bytes } of files)
    if (statSync(join(directory, name)).size !== bytes) throw new Error(`${name} is damaged`);
  const stamps = files.map(({ name }) => stampOf(join(directory, name)));
  const checked = join(directory, 'checked.json');
  const note = JSON.stringify(stamps);
  const isStamped = stamps.every((stamp) => stamp !== null);
  if (isStamped && existsSync(checked) && readFileSync(checked, 'utf8') === note) return;
  for (const { name, sha256 } of files)
    if (sha256OfFile(join(directory, name)) !== sha256) throw new Error(`${name} is damaged`);
  if (isStamped) writeBesides(checked, note);
}

/**
 * Puts a folder in which a corpus was built into its place. Where another process has stored the same in the meantime,
 * theirs stays; a damaged one is replaced.
 *
 * @throws the error of the file system, nothing half-written being left under `directory`
 */
export function storeBuilt(folder: string, directory: string, key: string, built: BuiltCorpus): void {
  const vocabSize = vocabSizeOf(folder);
  const contents = JSON.stringify({ format: CACHE_FORMAT, key, vocabSize, ...built } satisfies Contents);
  const meta = join(folder, 'meta.json');
  writeFileSync(
    meta,
    JSON.stringify({ sha256: sha256(contents), contents } satisfies z.infer<typeof metaSchema>),
  );
  syncToDisk(meta);
  syncToDisk(folder);
  moveIntoPlace(folder, directory, key);
  syncToDisk(dirname(directory));
}

function vocabSizeOf(folder: string): number {
  const path = join(folder, TOKENIZER_FILE);
  return parseTokenizer(readFileSync(path, 'utf8'), path).vocabSize;
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
