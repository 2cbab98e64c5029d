import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochs, fillBatch, trainingOrder, type TrainingOrder } from '../../src/data/batches.js';
import { CorpusError } from '../../src/data/errors.js';
import { countingSplit } from './countingSplit.js';

/** The sequences of a batch, first input each; the stream counts 0, 1, 2, ..., so a token is its own place. */
function startsOf(order: TrainingOrder, tokens: number, step: number, batchSize: number): number[] {
  const length = order.contextLength * batchSize;
  const [inputs, targets] = [new Int32Array(length), new Int32Array(length)];
  fillBatch(order, countingSplit(tokens), { step, batchSize, inputs, targets });
  for (let t = 0; t < order.contextLength; t++) {
    for (let b = 0; b < batchSize; b++) {
      expect(inputs[t * batchSize + b]).toBe(inputs[b]! + t);
      expect(targets[t * batchSize + b]).toBe(inputs[b]! + t + 1);
    }
  }
  return [...inputs.subarray(0, batchSize)];
}

describe('training batches', () => {
  // Ten sequences of 4; the orders of the epochs are those of `shuffle.test.ts`.
  const order = trainingOrder({ tokens: 43, contextLength: 4, seed: 0 });

  it('read the sequences in the order of the seed, time-major, epoch after epoch', () => {
    expect(order.sequencesPerEpoch).toBe(10);
    const read = [0, 1, 2, 3, 4].flatMap((step) => startsOf(order, 43, step, 4));
    expect(read.map((start) => start / 4)).toEqual([
      1, 5, 4, 9, 8, 2, 7, 6, 3, 0, 3, 4, 0, 8, 6, 7, 9, 5, 1, 2,
    ]);
    const otherSeed = trainingOrder({ tokens: 43, contextLength: 4, seed: 1 });
    expect(startsOf(otherSeed, 43, 0, 10).map((start) => start / 4)).toEqual([6, 5, 1, 2, 8, 3, 9, 0, 7, 4]);
  });

  it('do not depend on what was read before: a run may begin in the middle', () => {
    expect(startsOf(trainingOrder({ tokens: 43, contextLength: 4, seed: 0 }), 43, 3, 4)).toEqual(
      startsOf(order, 43, 3, 4),
    );
    expect(startsOf(order, 43, 0, 4)).toEqual([4, 20, 16, 36]);
  });

  it('predict each token once an epoch', () => {
    const starts = startsOf(order, 43, 0, 10).sort((a, b) => a - b);
    expect(starts).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  });

  it('come from one sequence of sequences, whatever the batch size', () => {
    const options = fc.record({
      tokens: fc.integer({ min: 12, max: 200 }),
      contextLength: fc.integer({ min: 1, max: 11 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 9 }), (options, batchSize) => {
        const one = trainingOrder(options);
        const expected = Array.from({ length: 3 * batchSize }, (_, i) => one.startOf(i));
        const read = [0, 1, 2].flatMap((step) => startsOf(one, options.tokens, step, batchSize));
        expect(read).toEqual(expected);
      }),
    );
  });

  it('count their epochs', () => {
    expect(epochs(5, 4, 4, countingSplit(43))).toBe(2);
    expect(epochs(1, 1, 4, countingSplit(41))).toBe(0.1);
  });

  it('refuse a stream shorter than one sequence, and arrays of another size', () => {
    expect(() => trainingOrder({ tokens: 128, contextLength: 128, seed: 0 })).toThrow(
      new CorpusError('The training split has 128 tokens; a context of 128 needs 129 at least.'),
    );
    const [inputs, targets] = [new Int32Array(8), new Int32Array(7)];
    expect(() => {
      fillBatch(order, countingSplit(43), { step: 0, batchSize: 2, inputs, targets });
    }).toThrow('targets has 7 elements, and 8 are needed');
    expect(() => trainingOrder({ tokens: 128, contextLength: 0, seed: 0 })).toThrow('contextLength is 0');
  });
});
