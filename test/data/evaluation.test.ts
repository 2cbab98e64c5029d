import { describe, expect, it } from 'vitest';
import {
  evaluationWindows,
  fillEvalBatch,
  storeEvalLosses,
  summariseLosses,
  unigramEntropyNats,
} from '../../src/data/evaluation.js';
import { countingSplit } from './countingSplit.js';

// 24 tokens in documents of 10, 3 and 11, separators included; five windows of 4 and three tokens over.
const split = countingSplit(24, [0, 10, 13]);

describe('evaluationWindows', () => {
  it('takes all windows where all are asked for', () => {
    const windows = evaluationWindows(split, { contextLength: 4, maxTokens: 20 });
    expect([...windows.starts]).toEqual([0, 4, 8, 12, 16]);
    expect([...windows.targets]).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('spaces fewer over the split, whole windows only', () => {
    const windows = evaluationWindows(split, { contextLength: 4, maxTokens: 11 });
    expect([windows.count, windows.tokens]).toEqual([2, 8]);
    expect([...windows.starts]).toEqual([0, 8]);
    expect([...windows.targets]).toEqual([1, 2, 3, 4, 9, 10, 11, 12]);
  });

  it('knows the document of each predicted token, the separator being the last of its own', () => {
    const windows = evaluationWindows(split, { contextLength: 4, maxTokens: 11 });
    expect([...windows.documents]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    const later = evaluationWindows(split, { contextLength: 4, maxTokens: 20 });
    expect([...later.documents]).toEqual([...Array<number>(9).fill(0), 1, 1, 1, ...Array<number>(8).fill(2)]);
  });

  it('refuses more than the split has, with the numbers', () => {
    expect(() => evaluationWindows(split, { contextLength: 4, maxTokens: 24 })).toThrow(
      'An evaluation of 24 tokens was asked for, and the split has 24 tokens, enough for 20 in windows of 4.',
    );
    expect(() => evaluationWindows(split, { contextLength: 4, maxTokens: 3 })).toThrow(
      'holds no whole window of 4',
    );
  });
});

describe('batches of windows', () => {
  it('carry every loss to its place, a last batch with spare columns too', () => {
    const windows = evaluationWindows(split, { contextLength: 4, maxTokens: 20 });
    const perTokenNats = new Float64Array(20).fill(Number.NaN);
    const [inputs, targets] = [new Int32Array(12), new Int32Array(12)];
    for (const first of [0, 3]) {
      fillEvalBatch(windows, split, { first, batchSize: 3, inputs, targets });
      expect(targets).toEqual(inputs.map((token) => token + 1));
      storeEvalLosses(windows, { first, batchSize: 3, losses: targets }, perTokenNats);
    }
    expect([...inputs]).toEqual([12, 16, 16, 13, 17, 17, 14, 18, 18, 15, 19, 19]);
    expect([...perTokenNats]).toEqual([...windows.targets]);
  });
});

describe('summariseLosses', () => {
  const windows = evaluationWindows(split, { contextLength: 4, maxTokens: 20 });
  // The token at place i decodes to i % 3 bytes: over the places 1 to 20 that is 7 x (1 + 2) = 21 bytes.
  const byteLengths = Array.from({ length: 24 }, (_, i) => i % 3);

  it('gives mean nats, bits per byte and sums by document', () => {
    const nats = Array.from({ length: 20 }, (_, i) => (i < 9 ? 2 : i < 12 ? 3 : 4));
    const summary = summariseLosses(nats, windows, byteLengths);
    expect(summary.tokens).toBe(20);
    expect(summary.lossNats).toBeCloseTo((18 + 9 + 32) / 20, 12);
    expect(summary.bitsPerByte).toBeCloseTo(59 / (0.6931471805599453 * 21), 12);
    expect(summary.byDocument).toEqual([
      { document: 0, nats: 18, tokens: 9 },
      { document: 1, nats: 9, tokens: 3 },
      { document: 2, nats: 32, tokens: 8 },
    ]);
  });

  it('hides no loss that is not finite', () => {
    const summary = summariseLosses(
      Array.from({ length: 20 }, (_, i) => (i === 10 ? Number.NaN : 1)),
      windows,
      byteLengths,
    );
    expect([summary.lossNats, summary.bitsPerByte, summary.byDocument[1]!.nats]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });

  it('refuses losses of another number of tokens', () => {
    expect(() => summariseLosses([1, 2], windows, byteLengths)).toThrow(
      'perTokenNats has 2 elements, and 20 are needed',
    );
  });
});

describe('unigramEntropyNats', () => {
  it('is that of the token frequencies', () => {
    const of = (tokens: number[]): number =>
      unigramEntropyNats({ ...split, tokens: Int32Array.from(tokens) }, 8);
    expect(of([0, 1, 2, 3, 4, 5, 6, 7])).toBeCloseTo(Math.log(8), 12);
    expect(of([3, 3, 3])).toBe(0);
    // H(1/2, 1/4, 1/4) = 1.5 bits.
    expect(of([0, 0, 5, 7])).toBeCloseTo(1.5 * Math.LN2, 12);
  });
});
