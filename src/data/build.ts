/** Building a prepared corpus from its files: read, divide, train the tokenizer, encode. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { trainBpe } from './bpe.js';
import type { CachedCorpus } from './cache.js';
import { readDocuments, type SourceDocument } from './documents.js';
import { type SourceFile, SPLIT_NAMES } from './sources.js';
import { splitDocuments, type SplitDocuments } from './split.js';
import { createTokenizer } from './tokenizer.js';
import { encodeDocument, joinDocuments, type TokenArray, type TokenSplit } from './tokenSplit.js';
import { countWords } from './words.js';

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

/**
 * Builds a prepared corpus in memory. Yields to the event loop between files and between documents.
 *
 * @throws CorpusError where the files can't be used
 */
export async function buildCorpus(
  files: readonly HashedFile[],
  vocabSize: number,
  warn: (message: string) => void,
  onProgress: (progress: PrepareProgress) => void,
): Promise<CachedCorpus> {
  const found: SourceDocument[] = [];
  for (const [index, { file, sha256 }] of files.entries()) {
    for (const document of await readDocuments(file, sha256)) found.push(document);
    onProgress({ phase: 'reading', done: index + 1, total: files.length });
    await nextTurn();
  }
  const { unit, documents } = splitDocuments(found);
  if (unit === 'given') warnOfSharedDocuments(documents, warn);

  const wordCounts = new Map<string, number>();
  await forEachDocument(documents.train, 'training the tokenizer', onProgress, ({ bytes }) => {
    countWords(bytes.toString('utf8'), wordCounts);
  });
  const tokenizer = createTokenizer(trainBpe(wordCounts, vocabSize));

  const encoded = new Map<SourceDocument, TokenArray>();
  const all = SPLIT_NAMES.flatMap((split) => documents[split]);
  await forEachDocument(all, 'encoding', onProgress, (document) => {
    encoded.set(document, encodeDocument(document, tokenizer));
  });
  const join = (part: readonly SourceDocument[]): TokenSplit =>
    joinDocuments(
      part.map((document) => ({ document, tokens: encoded.get(document)! })),
      vocabSize,
    );
  return {
    contentSha256: hashOfText(found),
    splitUnit: unit,
    tokenizer,
    splits: { train: join(documents.train), val: join(documents.val), test: join(documents.test) },
  };
}

async function forEachDocument(
  documents: readonly SourceDocument[],
  phase: PrepareProgress['phase'],
  onProgress: (progress: PrepareProgress) => void,
  visit: (document: SourceDocument) => void,
): Promise<void> {
  const total = documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
  let done = 0;
  for (const document of documents) {
    visit(document);
    done += document.bytes.length;
    onProgress({ phase, done, total });
    await nextTurn();
  }
}

/** SHA-256, in hex, of the documents in source order, each followed by a form feed. */
function hashOfText(documents: readonly SourceDocument[]): string {
  const hash = createHash('sha256');
  for (const { bytes } of documents) hash.update(bytes).update('\f');
  return hash.digest('hex');
}

function warnOfSharedDocuments(
  documents: SplitDocuments['documents'],
  warn: (message: string) => void,
): void {
  const trained = new Map(documents.train.map((document) => [document.sha256, document.name]));
  for (const split of ['val', 'test'] as const) {
    for (const { name, sha256 } of documents[split]) {
      const twin = trained.get(sha256);
      if (twin !== undefined) warn(`Document ${name} of the ${split} split is also trained on, as ${twin}.`);
    }
  }
}
