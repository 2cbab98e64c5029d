/**
 * Building a prepared corpus in a folder, from its files: read, divide, train the tokenizer, encode. Memory is bounded,
 * whatever the length of the text: some bytes a document, and the text that is worked on. Every few seconds the state
 * is saved, so that a folder whose process was killed can be gone on with.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trainBpe } from './bpe.js';
import { readDocuments, sha256Start } from './documents.js';
import { SavedState, writeDurably } from './saved.js';
import { warnOfSharedDocuments } from './sharedDocuments.js';
import { type SourceFile, SPLIT_NAMES, type SplitName } from './sources.js';
import { type DividedDocuments, splitDocuments, type SplitUnit } from './split.js';
import { SplitWriter, type WrittenSplit } from './splitWriter.js';
import { inOrder, piecesOf } from './textPieces.js';
import { type TextPool, textPool } from './textPool.js';
import {
  hashTexts,
  readExactly,
  type TextFiles,
  textFiles,
  type TextTable,
  TextWriter,
} from './textTable.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';
import { formatTokenizer, parseTokenizer } from './tokenizerJson.js';

/** The file of the tokenizer in the folder of a prepared corpus. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** How far a preparation is: what is done of all in this phase (files when reading, bytes otherwise). */
export interface PrepareProgress {
  readonly phase: 'downloading' | 'reading' | 'training the tokenizer' | 'encoding';
  readonly done: number;
  readonly total: number;
}

/** A file and what its bytes hashed to when the corpus was looked up. */
export interface HashedFile {
  readonly file: SourceFile;
  readonly sha256: string;
}

export interface BuiltCorpus {
  readonly contentSha256: string;
  readonly splitUnit: SplitUnit;
  readonly tokenizerSha256: string;
  readonly splits: Readonly<Record<SplitName, WrittenSplit>>;
}

/** The tokenizer is trained on no more than this of the training split, from its beginning. */
const MAX_TRAINING_BYTES = 2 ** 30;

export interface BuildOptions {
  readonly files: readonly HashedFile[];
  readonly vocabSize: number;
  readonly warn: (message: string) => void;
  readonly onProgress: (progress: PrepareProgress) => void;
  /** Seconds of work that a kill may cost. */
  readonly saveSeconds: number;
}

/**
 * Builds a corpus in a folder, going on with what is there: `tokenizer.json`, and for each split the tokens and the
 * places of its documents.
 *
 * @throws CorpusError where the files can't be used
 */
export async function buildCorpus(folder: string, options: BuildOptions): Promise<BuiltCorpus> {
  const state = new SavedState(folder, options.saveSeconds);
  const files = textFiles(folder);
  const { table, contentSha256 } = await readTexts(files, options, state);
  const reader = openSync(files.texts, 'r');
  let divided: DividedDocuments;
  try {
    divided = splitDocuments({
      table,
      splitOfFile: (file) => options.files[file]!.file.split,
      read: (from, to) => {
        const bytes = Buffer.allocUnsafe(to - from);
        readExactly(reader, bytes, from);
        return bytes;
      },
    });
  } finally {
    closeSync(reader);
  }
  if (divided.unit === 'given')
    warnOfSharedDocuments(divided, (file) => options.files[file]!.file.name, options.warn);

  const pool = textPool(files.texts, table.totalBytes());
  try {
    const tokenizer = await tokenizerOf(folder, divided, pool, options);
    const json = formatTokenizer(tokenizer);
    await pool.doByAll({ kind: 'tokenizer', json });
    const splits = await encodeSplits(folder, divided, pool, tokenizer.vocabSize, options, state);
    return {
      contentSha256,
      splitUnit: divided.unit,
      tokenizerSha256: createHash('sha256').update(json).digest('hex'),
      splits,
    };
  } finally {
    await pool.close();
    for (const path of [files.texts, files.table, state.path]) rmSync(path, { force: true });
  }
}

/** Brings all documents into one file. */
async function readTexts(
  files: TextFiles,
  { files: sources, onProgress }: BuildOptions,
  state: SavedState,
): Promise<{ table: TextTable; contentSha256: string }> {
  const writer = new TextWriter(files, state.progress);
  // Documents in source order, each followed by a form feed.
  const content = createHash('sha256');
  if (writer.textBytes > 0) await hashTexts(files.texts, writer.table, content);
  const hashText = (text: Buffer): Buffer => {
    content.update(text).update('\f');
    return sha256Start(text);
  };
  try {
    const note = (read: number): void => {
      writer.save();
      state.note({ files: read, documents: writer.table.count, textBytes: writer.textBytes });
    };
    for (let index = state.progress.files; index < sources.length; index++) {
      const { file, sha256 } = sources[index]!;
      for await (const texts of readDocuments(file, sha256)) writer.add(texts, index, hashText);
      onProgress({ phase: 'reading', done: index + 1, total: sources.length });
      if (state.isDue()) {
        note(index + 1);
        state.save({});
      }
    }
    note(sources.length);
    return { table: writer.table, contentSha256: content.digest('hex') };
  } finally {
    writer.close();
  }
}

async function tokenizerOf(
  folder: string,
  { texts, order }: DividedDocuments,
  pool: TextPool,
  { vocabSize, onProgress }: BuildOptions,
): Promise<Tokenizer> {
  const path = join(folder, TOKENIZER_FILE);
  const kept = readTokenizer(path);
  if (kept !== undefined) return kept;
  const wordCounts = new Map<string, number>();
  const rows = beginningOf(order.train, texts);
  const total = rows.reduce((sum, text) => sum + texts.bytesOf(text), 0);
  let done = 0;
  const tasks = piecesOf(rows, texts);
  await inOrder(
    tasks,
    pool.width,
    async ({ ranges }) => pool.do({ kind: 'count', ranges }),
    (_, { bytes }) => {
      done += bytes;
      onProgress({ phase: 'training the tokenizer', done, total });
    },
  );
  for (const { words, counts } of await pool.doByAll({ kind: 'counts' })) {
    words!.forEach((word, i) => wordCounts.set(word, (wordCounts.get(word) ?? 0) + counts![i]!));
  }
  const tokenizer = createTokenizer(trainBpe(wordCounts, vocabSize));
  writeDurably(path, formatTokenizer(tokenizer));
  return tokenizer;
}

function readTokenizer(path: string): Tokenizer | undefined {
  try {
    return parseTokenizer(readFileSync(path, 'utf8'), path);
  } catch {
    return undefined;
  }
}

/** The first texts that together have no more than {@link MAX_TRAINING_BYTES}, one at least. */
function beginningOf(rows: Uint32Array, texts: TextTable): Uint32Array {
  let bytes = texts.bytesOf(rows[0]!);
  let end = 1;
  for (; end < rows.length; end++) {
    bytes += texts.bytesOf(rows[end]!);
    if (bytes > MAX_TRAINING_BYTES) break;
  }
  return rows.subarray(0, end);
}

async function encodeSplits(
  folder: string,
  { texts, order }: DividedDocuments,
  pool: TextPool,
  vocabSize: number,
  { onProgress }: BuildOptions,
  state: SavedState,
): Promise<Record<SplitName, WrittenSplit>> {
  const bytesOf = (rows: Uint32Array): number => rows.reduce((sum, text) => sum + texts.bytesOf(text), 0);
  const total = SPLIT_NAMES.reduce((sum, split) => sum + bytesOf(order[split]), 0);
  let done = 0;
  const encode = async (split: SplitName): Promise<WrittenSplit> => {
    const before = state.progress.encoded[split];
    const rows = order[split];
    const writer = new SplitWriter(folder, split, vocabSize, before);
    try {
      const utf8Bytes = bytesOf(rows);
      done += utf8Bytes - bytesOf(rows.subarray(before.texts));
      const save = (): void => {
        writer.sync();
        const { tokens, documents } = writer;
        state.save({ encoded: { ...state.progress.encoded, [split]: { texts: documents, tokens } } });
      };
      await inOrder(
        piecesOf(rows.subarray(before.texts), texts),
        pool.width,
        async ({ ranges }) => (await pool.do({ kind: 'encode', ranges })).encoded!,
        (encoded, { bytes }) => {
          writer.add(encoded);
          done += bytes;
          if (state.isDue()) save();
          onProgress({ phase: 'encoding', done, total });
        },
      );
      writer.sync();
      return { ...writer.result(), utf8Bytes };
    } finally {
      writer.close();
    }
  };
  return { train: await encode('train'), val: await encode('val'), test: await encode('test') };
}
