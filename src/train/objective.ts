/** What a run predicts, and so what its batches hold: the next token of a text, or the spans dropped from one. */
import { fillBatch, trainingOrder } from '../data/batches.js';
import type { PreparedCorpus, TokenSplit } from '../data/corpus.js';
import {
  evaluationWindows,
  fillEvalBatch,
  storeEvalLosses,
  summariseLosses,
  type EvalWindows,
  type LossSummary,
} from '../data/evaluation.js';
import {
  fillSpanEvalBatch,
  fillSpans,
  requireSpanShape,
  spanWindows,
  trainingSpans,
  type SpanArrays,
  type SpanIds,
} from '../data/spans.js';
import { objectiveOf } from '../models/registry.js';
import { spanLengths } from '../models/spanLengths.js';

/** The token tensors of a step or an evaluation batch, named and as long as `tokenSpecs` (programs.ts) says. */
export type TokenBatch = Readonly<Record<string, Int32Array>>;

/** Held-out windows of a split, evaluated batch by batch. */
export interface HeldOut {
  /** Number of windows. */
  readonly count: number;
  /** Writes the windows from `first` on; the last one again where fewer than `batchSize` are left. */
  fill(batch: TokenBatch, first: number, batchSize: number): void;
  /** Keeps the nats of a batch that `fill` wrote, time-major like its targets. */
  keep(nats: ArrayLike<number>, first: number, batchSize: number): void;
  /** What the kept nats come to. */
  summarise(): LossSummary;
}

export interface Objective {
  /** What writes the batch of the training step after `step` others. */
  training(setup: {
    readonly seed: number;
    readonly batchSize: number;
  }): (batch: TokenBatch, step: number) => void;
  /** @param evalTokens tokens of the windows' text */
  heldOut(split: TokenSplit, evalTokens: number): HeldOut;
}

/** The objective of an architecture on a corpus. */
export function objectiveFor(
  model: { readonly preset: string; readonly contextLength: number },
  corpus: PreparedCorpus,
): Objective {
  const kind = objectiveOf(model.preset);
  switch (kind) {
    case 'nextToken':
      return nextToken(model.contextLength, corpus);
    case 'spanCorruption':
      return spanCorruption(model.contextLength, corpus);
    default:
      return kind satisfies never;
  }
}

function nextToken(contextLength: number, corpus: PreparedCorpus): Objective {
  const arrays = ({ inputs, targets }: TokenBatch) => ({ inputs: inputs!, targets: targets! });
  return {
    training({ seed, batchSize }) {
      const order = trainingOrder({ tokens: corpus.train.tokens.length, contextLength, seed });
      return (batch, step) => fillBatch(order, corpus.train, { step, batchSize, ...arrays(batch) });
    },
    heldOut(split, evalTokens) {
      const windows = evaluationWindows(split, { contextLength, maxTokens: evalTokens });
      return heldOutOver(windows, corpus.tokenizer.byteLengths, (batch, first, batchSize) =>
        fillEvalBatch(windows, split, { first, batchSize, ...arrays(batch) }),
      );
    },
  };
}

function spanCorruption(contextLength: number, corpus: PreparedCorpus): Objective {
  const counts = spanLengths(contextLength);
  const { tokenizer, vocabSize } = corpus;
  const ids: SpanIds = { firstSentinel: vocabSize, end: tokenizer.separatorId };
  // Sentinels decode to nothing.
  const byteLengths = new Int32Array(vocabSize + counts.spans);
  byteLengths.set(tokenizer.byteLengths);
  const arrays = (batch: TokenBatch, batchSize: number): SpanArrays => {
    const { source, inputs, targets } = batch;
    const named = { source: source!, inputs: inputs!, targets: targets! };
    requireSpanShape(named, batchSize, counts);
    return named;
  };
  return {
    training({ seed, batchSize }) {
      const { tokens } = corpus.train;
      const order = trainingOrder({ tokens: tokens.length, contextLength, seed });
      return (batch, step) => {
        const named = arrays(batch, batchSize);
        for (let b = 0; b < batchSize; b++) {
          const sequence = step * batchSize + b;
          const choice = trainingSpans(counts, seed, sequence);
          fillSpans(corpus.train, order.startOf(sequence), choice, ids, b, batchSize, named);
        }
      };
    },
    heldOut(split, evalTokens) {
      const windows = spanWindows(split, counts, ids, evalTokens);
      return heldOutOver(windows, byteLengths, (batch, first, batchSize) =>
        fillSpanEvalBatch(windows, split, ids, { first, batchSize, ...arrays(batch, batchSize) }),
      );
    },
  };
}

function heldOutOver(windows: EvalWindows, byteLengths: Int32Array, fill: HeldOut['fill']): HeldOut {
  const nats = new Float32Array(windows.tokens);
  return {
    count: windows.count,
    fill,
    keep: (losses, first, batchSize) => storeEvalLosses(windows, { first, batchSize, losses }, nats),
    summarise: () => summariseLosses(nats, windows, byteLengths),
  };
}
