/** Held-out evaluation: fixed windows of a split, and what the losses of their tokens come to. Layout: `packing.ts`. */
import { CorpusError } from './errors.js';
import {
  type BatchArrays,
  fillSequence,
  requireBatchShape,
  requireLength,
  requirePositive,
  sequenceCount,
} from './packing.js';
import type { TokenSplit } from './tokenSplit.js';

/** Tokens in memory at a time where all of a split are counted. */
const SCANNED_TOKENS = 2 ** 18;

/** Fixed windows of a held-out split. Arrays of predicted tokens are window-major: token t of window w is at w T + t. */
export interface EvalWindows {
  readonly contextLength: number;
  /** Number of windows. */
  readonly count: number;
  /** Predicted tokens: `count * contextLength`. */
  readonly tokens: number;
  /** Index in the stream of each window's first input. */
  readonly starts: Int32Array;
  /** Ids of the predicted tokens. */
  readonly targets: Int32Array;
  /** Index in the split's documents of each predicted token; a separator belongs to the document that it ends. */
  readonly documents: Int32Array;
}

/**
 * Number of windows that a split of so many tokens is evaluated on.
 *
 * @throws CorpusError where the split has fewer windows, or `maxTokens` is less than one window
 */
export function evaluationWindowCount(
  splitTokens: number,
  { contextLength, maxTokens }: { contextLength: number; maxTokens: number },
): number {
  requirePositive('maxTokens', maxTokens);
  const available = sequenceCount(splitTokens, contextLength);
  const count = Math.floor(maxTokens / contextLength);
  if (count === 0) {
    throw new CorpusError(
      `An evaluation of ${maxTokens} tokens holds no whole window of ${contextLength}; ask for ${contextLength} at least.`,
    );
  }
  if (count > available) {
    throw new CorpusError(
      `An evaluation of ${maxTokens} tokens was asked for, and the split has ${splitTokens} tokens, enough for ` +
        `${available * contextLength} in windows of ${contextLength}. Ask for at most that, or give more text.`,
    );
  }
  return count;
}

/**
 * The windows that a split is evaluated on: as many whole windows as `maxTokens` predicted tokens hold, out of the
 * windows that tile the split, evenly spaced over it from its start, so that a short evaluation too sees documents
 * from all of the split. Windows cross documents, and no token is predicted twice. They depend on the split, the
 * context length and `maxTokens` only.
 *
 * @throws CorpusError where the split has fewer windows, or `maxTokens` is less than one window
 */
export function evaluationWindows(
  split: TokenSplit,
  { contextLength, maxTokens }: { contextLength: number; maxTokens: number },
): EvalWindows {
  const available = sequenceCount(split.tokens.length, contextLength);
  const count = evaluationWindowCount(split.tokens.length, { contextLength, maxTokens });
  const tokens = count * contextLength;
  const windows = {
    contextLength,
    count,
    tokens,
    starts: new Int32Array(count),
    targets: new Int32Array(tokens),
    documents: new Int32Array(tokens),
  };
  const { documentStarts } = split;
  let document = 0;
  for (let w = 0; w < count; w++) {
    const start = Math.floor((w * available) / count) * contextLength;
    windows.starts[w] = start;
    const window = split.tokens.slice(start, start + contextLength + 1);
    for (let t = 0; t < contextLength; t++) {
      const predicted = start + t + 1;
      while (document + 1 < documentStarts.length && documentStarts[document + 1]! <= predicted) document++;
      windows.targets[w * contextLength + t] = window[t + 1]!;
      windows.documents[w * contextLength + t] = document;
    }
  }
  return windows;
}

/**
 * Writes a batch of windows, from window `first` on. Where fewer than `batchSize` are left, the last window fills the
 * remaining columns; {@link storeEvalLosses} leaves those out.
 */
export function fillEvalBatch(
  windows: EvalWindows,
  split: TokenSplit,
  batch: BatchArrays & { first: number; batchSize: number },
): void {
  const { first, batchSize } = batch;
  requireBatchShape(batch, batchSize, windows.contextLength);
  for (let b = 0; b < batchSize; b++) {
    const start = windows.starts[Math.min(first + b, windows.count - 1)]!;
    fillSequence(split, start, b, batchSize, windows.contextLength, batch);
  }
}

/** Copies the losses of a batch written by {@link fillEvalBatch}, time-major, to their places in `perTokenNats`. */
export function storeEvalLosses(
  windows: EvalWindows,
  batch: { first: number; batchSize: number; losses: ArrayLike<number> },
  perTokenNats: Float32Array | Float64Array,
): void {
  const { contextLength } = windows;
  const { first, batchSize, losses } = batch;
  requireLength('losses', losses, batchSize * contextLength);
  requireLength('perTokenNats', perTokenNats, windows.tokens);
  const columns = Math.min(batchSize, windows.count - first);
  for (let b = 0; b < columns; b++) {
    for (let t = 0; t < contextLength; t++) {
      perTokenNats[(first + b) * contextLength + t] = losses[t * batchSize + b]!;
    }
  }
}

/** What an evaluation comes to. */
export interface LossSummary {
  /** Mean over the predicted tokens; NaN or infinite where a token's loss is. */
  readonly lossNats: number;
  /** Summed nats / (ln 2 x UTF-8 bytes that the predicted tokens decode to; a separator decodes to none). */
  readonly bitsPerByte: number;
  /** Predicted tokens. */
  readonly tokens: number;
  /** Summed nats and predicted tokens of each document met, in stream order. */
  readonly byDocument: { document: number; nats: number; tokens: number }[];
}

/**
 * Sums up an evaluation.
 *
 * @param perTokenNats loss of each predicted token, window-major as in {@link EvalWindows}
 * @param byteLengths the tokenizer's `byteLengths`
 */
export function summariseLosses(
  perTokenNats: ArrayLike<number>,
  windows: EvalWindows,
  byteLengths: ArrayLike<number>,
): LossSummary {
  requireLength('perTokenNats', perTokenNats, windows.tokens);
  const byDocument: LossSummary['byDocument'] = [];
  let nats = 0;
  let bytes = 0;
  for (let i = 0; i < windows.tokens; i++) {
    const document = windows.documents[i]!;
    let sums = byDocument.at(-1);
    if (sums?.document !== document) byDocument.push((sums = { document, nats: 0, tokens: 0 }));
    sums.nats += perTokenNats[i]!;
    sums.tokens++;
    nats += perTokenNats[i]!;
    bytes += byteLengths[windows.targets[i]!]!;
  }
  return {
    lossNats: nats / windows.tokens,
    bitsPerByte: nats / (Math.LN2 * bytes),
    tokens: windows.tokens,
    byDocument,
  };
}

/**
 * Entropy, in nats per token, of the split's own token frequencies: the loss of the best model that knows no context,
 * and the yardstick below which a model has learned to use it.
 */
export function unigramEntropyNats({ tokens }: TokenSplit, vocabSize: number): number {
  const counts = new Float64Array(vocabSize);
  for (let start = 0; start < tokens.length; start += SCANNED_TOKENS) {
    const end = Math.min(tokens.length, start + SCANNED_TOKENS);
    for (const token of tokens.slice(start, end)) counts[token]!++;
  }
  return counts.reduce((sum, count) => {
    const share = count / tokens.length;
    return share > 0 ? sum - share * Math.log(share) : sum;
  }, 0);
}
