/** Training batches: which sequences of the stream a step reads, in a seeded order. Layout: `packing.ts`. */
import { CorpusError } from './errors.js';
import { type BatchArrays, fillSequence, requireBatchShape, sequenceCount } from './packing.js';
import { permutation } from './shuffle.js';
import type { TokenSplit } from './tokenSplit.js';

/** The seeded order in which a run reads a split's sequences. */
export interface TrainingOrder {
  readonly contextLength: number;
  readonly seed: number;
  readonly sequencesPerEpoch: number;
  /** Index in the stream of the first input of sequence number `sequence`, 0 being the first that a run reads. */
  startOf(sequence: number): number;
}

/**
 * The order of training sequences. Sequences tile the stream: number k of an epoch covers the inputs k T to
 * (k + 1) T - 1 and their successors, T being the context length, so that an epoch predicts each token once (but the
 * first, and fewer than T at the end). Each epoch is a permutation of its own, decided by seed and epoch. The order
 * depends on the stream, the context length and the seed only, never on batch size or number of steps: a shorter
 * run reads a prefix of what a longer one reads.
 *
 * @param options.tokens tokens in the stream
 * @throws CorpusError where the stream is shorter than one sequence
 */
export function trainingOrder(options: {
  tokens: number;
  contextLength: number;
  seed: number;
}): TrainingOrder {
  const { tokens, contextLength, seed } = options;
  const sequencesPerEpoch = sequenceCount(tokens, contextLength);
  if (sequencesPerEpoch === 0) {
    throw new CorpusError(
      `The training split has ${tokens} tokens; a context of ${contextLength} needs ${contextLength + 1} at least.`,
    );
  }
  let permuted: { epoch: number; order: Uint32Array } = { epoch: -1, order: new Uint32Array(0) };
  return {
    contextLength,
    seed,
    sequencesPerEpoch,
    startOf(sequence) {
      const epoch = Math.floor(sequence / sequencesPerEpoch);
      if (permuted.epoch !== epoch) {
        permuted = { epoch, order: permutation(sequencesPerEpoch, `isoloss sequences ${seed} ${epoch}`) };
      }
      return permuted.order[sequence - epoch * sequencesPerEpoch]! * contextLength;
    },
  };
}

/**
 * Writes the batch of a training step: sequences `step * batchSize` onwards of the order.
 *
 * @param batch.step steps done before this one, so 0 is the first
 */
export function fillBatch(
  order: TrainingOrder,
  split: TokenSplit,
  batch: BatchArrays & { step: number; batchSize: number },
): void {
  const { step, batchSize } = batch;
  requireBatchShape(batch, batchSize, order.contextLength);
  for (let b = 0; b < batchSize; b++) {
    fillSequence(split, order.startOf(step * batchSize + b), b, batchSize, order.contextLength, batch);
  }
}

/** How often a run of this length reads each sequence of the split, on average. */
export function epochs(steps: number, batchSize: number, contextLength: number, split: TokenSplit): number {
  return (steps * batchSize) / sequenceCount(split.tokens.length, contextLength);
}
