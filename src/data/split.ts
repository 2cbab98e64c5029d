/** Dividing a corpus into train, val and test: by document, with a fixed seed. */
import { cutIntoBlocks } from './blocks.js';
import { CorpusError } from './errors.js';
import type { SourceDocument } from './documents.js';
import { permutation } from './shuffle.js';
import { SPLIT_NAMES, type SplitName } from './sources.js';

/** Share of the corpus's bytes that val and test each have at least. */
const HELD_OUT_FRACTION = 0.05;

/** A document with a larger share of the bytes is never held out: it would take the split's size into its own hands. */
const LARGEST_HELD_OUT_FRACTION = 0.1;

/**
 * Decides the shuffle. Among six short labels tried, this one gives both held-out sets of the default corpus the
 * widest mix of 19th- and 20th-century addresses; it was chosen before any model was trained on them.
 */
const SHUFFLE_LABEL = 'isoloss';

/** Blocks that a corpus is cut into where its documents are too few or too large to be held out. */
const BLOCKS_PER_CORPUS = 100;

/**
 * What was divided: `document`, the rule; `block`, contiguous blocks of documents, where there are too few of them;
 * `given`, the corpus came with its own splits.
 */
export type SplitUnit = 'document' | 'block' | 'given';

export interface SplitDocuments {
  readonly unit: SplitUnit;
  readonly documents: Readonly<Record<SplitName, readonly SourceDocument[]>>;
}

/**
 * Divides documents into train, val and test.
 *
 * Documents are shuffled with a fixed seed; test takes the first ones until it has 5% of the bytes, val the next
 * until it has 5%, train the rest. A document of more than 10% of the bytes always trains, and documents with the
 * same text go to the same split, so that no held-out document is also trained on. Where the documents of at most
 * 10% are not enough for both held-out sets (a single document, say), every document is first cut into contiguous
 * blocks of about 1% of the corpus, at blank lines where there are any, and the blocks are divided in its place:
 * held-out blocks then come from documents that are trained on in part. A corpus that names its splits keeps them,
 * in its own order.
 *
 * @throws CorpusError where a split stays empty
 */
export function splitDocuments(documents: readonly SourceDocument[]): SplitDocuments {
  const result = divide(documents);
  for (const split of SPLIT_NAMES) {
    if (result.documents[split].length === 0) {
      throw new CorpusError(
        `The corpus has too little text, or too often the same, for a ${split} split ` +
          `(documents: ${documents.length}, bytes: ${totalBytes(documents)}). Give more text.`,
      );
    }
  }
  return result;
}

function divide(documents: readonly SourceDocument[]): SplitDocuments {
  if (documents.some((document) => document.split !== null)) {
    const of = (split: SplitName): SourceDocument[] =>
      documents.filter((document) => document.split === split);
    return { unit: 'given', documents: { train: of('train'), val: of('val'), test: of('test') } };
  }
  const byDocument = holdOut(documents);
  if (byDocument !== undefined) return { unit: 'document', documents: byDocument };
  const blockBytes = Math.ceil(totalBytes(documents) / BLOCKS_PER_CORPUS);
  const blocks = documents.flatMap((document) => cutIntoBlocks(document, blockBytes));
  return { unit: 'block', documents: holdOut(blocks) ?? { train: blocks, val: [], test: [] } };
}

/** Undefined where the documents small enough to be held out do not fill both held-out sets. */
function holdOut(documents: readonly SourceDocument[]): Record<SplitName, SourceDocument[]> | undefined {
  const total = totalBytes(documents);
  const order = permutation(documents.length, SHUFFLE_LABEL);
  const splits: Record<SplitName, SourceDocument[]> = { train: [], val: [], test: [] };
  const bytes: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
  const splitOfText = new Map<string, SplitName>();
  const firstUnfilled = (): SplitName =>
    (['test', 'val'] as const).find((split) => bytes[split] < HELD_OUT_FRACTION * total) ?? 'train';
  for (const index of order) {
    const document = documents[index]!;
    const mayBeHeldOut = document.bytes.length <= LARGEST_HELD_OUT_FRACTION * total;
    const split = splitOfText.get(document.sha256) ?? (mayBeHeldOut ? firstUnfilled() : 'train');
    splitOfText.set(document.sha256, split);
    splits[split].push(document);
    bytes[split] += document.bytes.length;
  }
  return firstUnfilled() === 'train' && splits.train.length > 0 ? splits : undefined;
}

function totalBytes(documents: readonly SourceDocument[]): number {
  return documents.reduce((sum, document) => sum + document.bytes.length, 0);
}
