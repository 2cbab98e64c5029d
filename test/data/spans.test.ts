import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluationWindows, summariseLosses } from '../../src/data/evaluation.js';
import {
  fillSpanEvalBatch,
  fillSpans,
  heldOutSpans,
  requireSpanShape,
  spanWindows,
  trainingSpans,
  type SpanChoice,
  type SpanCounts,
} from '../../src/data/spans.js';
import { spanLengths } from '../../src/models/spanLengths.js';
import { countingSplit } from './countingSplit.js';

const SENTINEL = 1000;
const END = 999;
const IDS = { firstSentinel: SENTINEL, end: END };

/** One window corrupted, alone in its batch or beside others of zeros. */
function corrupted(choice: SpanChoice, start: number, column = 0, batchSize = 1) {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const spans = choice.spanLengths.length;
  const [source, targets] = [sum(choice.textLengths) + spans + 1, sum(choice.spanLengths) + spans + 1];
  const arrays = {
    source: new Int32Array(source * batchSize),
    inputs: new Int32Array(targets * batchSize),
    targets: new Int32Array(targets * batchSize),
  };
  fillSpans(countingSplit(900), start, choice, IDS, column, batchSize, arrays);
  const own = (array: Int32Array): number[] => [...array].filter((_, i) => i % batchSize === column);
  return { source: own(arrays.source), inputs: own(arrays.inputs), targets: own(arrays.targets), arrays };
}

describe('lengths', () => {
  it.each([
    // Published: T5 turns 568 tokens into 512 and 114 (its random_spans_helper with inputs_length 512).
    [568, 85, 28, 512, 114],
    [128, 19, 6, 116, 26],
    [20, 3, 1, 19, 5],
    // 4.5 and 10.5 tokens of noise: halves to the even number, as in TensorFlow.
    [30, 4, 1, 28, 6],
    [70, 10, 3, 64, 14],
    // At least one token in one span.
    [2, 1, 1, 3, 3],
  ])('of a window of %i: %i dropped in %i spans, %i and %i', (length, noise, spans, source, target) => {
    expect(spanLengths(length)).toEqual({
      windowLength: length,
      noiseTokens: noise,
      spans,
      sourceLength: source,
      targetLength: target,
    });
  });
});

describe('a corrupted window', () => {
  // The tokens 8 to 15: 8 9 [10] 11 12 13 [14 15].
  const choice = { textLengths: [2, 3], spanLengths: [1, 2] };

  it('has sentinels for its spans, which follow in the targets', () => {
    const { source, inputs, targets } = corrupted(choice, 8);
    expect(source).toEqual([8, 9, SENTINEL, 11, 12, 13, SENTINEL + 1, END]);
    expect(targets).toEqual([SENTINEL, 10, SENTINEL + 1, 14, 15, END]);
    expect(inputs).toEqual([END, SENTINEL, 10, SENTINEL + 1, 14, 15]);
  });

  it('is one column of a time-major batch', () => {
    const alone = corrupted(choice, 8);
    const { source, inputs, targets, arrays } = corrupted(choice, 8, 1, 3);
    expect({ source, inputs, targets }).toEqual({
      source: alone.source,
      inputs: alone.inputs,
      targets: alone.targets,
    });
    expect([...arrays.source].filter((_, i) => i % 3 !== 1).every((id) => id === 0)).toBe(true);
  });

  it('can be put together again: source and targets hold each token once, in its place', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 300 }),
        fc.nat(500),
        fc.nat(1000),
        fc.nat(1_000_000),
        (windowLength, start, seed, sequence) => {
          const lengths = spanLengths(windowLength);
          const { source, inputs, targets } = corrupted(trainingSpans(lengths, seed, sequence), start);
          expect([source.length, inputs.length, targets.length]).toEqual([
            lengths.sourceLength,
            lengths.targetLength,
            lengths.targetLength,
          ]);
          expect([source.at(-1), targets.at(-1), inputs[0]]).toEqual([END, END, END]);
          expect(inputs.slice(1)).toEqual(targets.slice(0, -1));
          const spans = new Map<number, number[]>();
          let span: number[] = [];
          for (const token of targets.slice(0, -1)) {
            if (token >= SENTINEL) spans.set(token, (span = []));
            else span.push(token);
          }
          expect(spans.size).toBe(lengths.spans);
          const text = source.slice(0, -1).flatMap((token) => spans.get(token) ?? [token]);
          expect(text).toEqual(Array.from({ length: windowLength }, (_, i) => start + i));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the choice of spans', () => {
  const counts: SpanCounts = spanLengths(128);

  it('depends on seed and number of the sequence, and on nothing else', () => {
    expect(trainingSpans(counts, 1, 5)).toEqual(trainingSpans(counts, 1, 5));
    const choices = [trainingSpans(counts, 1, 5), trainingSpans(counts, 2, 5), trainingSpans(counts, 1, 6)];
    expect(new Set(choices.map((choice) => JSON.stringify(choice))).size).toBe(3);
  });

  it('never changes: if this does, runs of before are other runs, and NUMERICS has to be raised', () => {
    expect(trainingSpans(counts, 0, 0)).toEqual({
      textLengths: [35, 15, 23, 3, 32, 1],
      spanLengths: [9, 2, 2, 1, 2, 3],
    });
  });

  it('takes every division of text and of spans equally often', () => {
    const few: SpanCounts = { windowLength: 9, noiseTokens: 4, spans: 2 };
    const draws = 3000;
    const seen = { text: new Map<string, number>(), spans: new Map<string, number>() };
    for (let sequence = 0; sequence < draws; sequence++) {
      const { textLengths, spanLengths: lengths } = trainingSpans(few, 7, sequence);
      for (const [kind, parts] of [
        ['text', textLengths],
        ['spans', lengths],
      ] as const) {
        seen[kind].set(parts.join(), (seen[kind].get(parts.join()) ?? 0) + 1);
      }
    }
    expect([...seen.text.keys()].sort()).toEqual(['1,4', '2,3', '3,2', '4,1']);
    expect([...seen.spans.keys()].sort()).toEqual(['1,3', '2,2', '3,1']);
    for (const counted of [seen.text, seen.spans]) {
      const even = draws / counted.size;
      const chiSquare = [...counted.values()].reduce((sum, n) => sum + (n - even) ** 2 / even, 0);
      // The 99.9% points with 3 and 2 degrees of freedom are 16.3 and 13.8.
      expect(chiSquare).toBeLessThan(13);
    }
  });

  it('refuses more spans than tokens', () => {
    expect(() => trainingSpans({ windowLength: 9, noiseTokens: 2, spans: 3 }, 0, 0)).toThrow(
      "2 tokens can't be divided into 3 parts",
    );
  });
});

describe('held-out windows', () => {
  // Windows of 20 drop 3 tokens in 1 span. Documents of 30, 15 and 155 tokens.
  const split = countingSplit(200, [0, 30, 45]);
  const counts = spanLengths(20);
  const windows = spanWindows(split, counts, IDS, 180);

  it('are those of next-token evaluation, with spans that do not depend on how many there are', () => {
    expect([...windows.starts]).toEqual([
      ...evaluationWindows(split, { contextLength: 20, maxTokens: 180 }).starts,
    ]);
    expect([windows.count, windows.contextLength, windows.tokens]).toEqual([9, 5, 45]);
    const fewer = spanWindows(split, counts, IDS, 60);
    for (const [w, start] of fewer.starts.entries()) {
      expect(fewer.choices[w]).toEqual(windows.choices[windows.starts.indexOf(start)]);
      expect(fewer.choices[w]).toEqual(heldOutSpans(counts, start));
    }
  });

  it('have the targets that their batches have, and each the document it lies in', () => {
    const batchSize = 4;
    const batch = {
      source: new Int32Array(counts.sourceLength * batchSize),
      inputs: new Int32Array(counts.targetLength * batchSize),
      targets: new Int32Array(counts.targetLength * batchSize),
    };
    for (const first of [0, 4, 8]) {
      fillSpanEvalBatch(windows, split, IDS, { ...batch, first, batchSize });
      for (let b = 0; b < batchSize; b++) {
        const w = Math.min(first + b, 8);
        const column = [...batch.targets].filter((_, i) => i % batchSize === b);
        expect(column).toEqual([...windows.targets.subarray(w * 5, (w + 1) * 5)]);
      }
    }
    const documentOf = (token: number): number => (token < 30 ? 0 : token < 45 ? 1 : 2);
    for (let w = 0; w < 9; w++) {
      const targets = [...windows.targets.subarray(w * 5, (w + 1) * 5)];
      const [, first, second, third] = targets.map(documentOf);
      expect([...windows.documents.subarray(w * 5, (w + 1) * 5)]).toEqual([
        first,
        first,
        second,
        third,
        third,
      ]);
    }
  });

  it('are summed over all targets, per byte of the text in them', () => {
    const byteLengths = new Int32Array(SENTINEL + 1).fill(2, 0, 900);
    const { lossNats, bitsPerByte, tokens } = summariseLosses(
      new Float32Array(45).fill(0.5),
      windows,
      byteLengths,
    );
    expect([lossNats, tokens]).toEqual([0.5, 45]);
    // 3 of 5 targets are text, of 2 bytes each.
    expect(bitsPerByte).toBeCloseTo((45 * 0.5) / (Math.LN2 * 9 * 3 * 2), 12);
  });

  it('need arrays of their own lengths', () => {
    const arrays = { source: new Int32Array(38), inputs: new Int32Array(10), targets: new Int32Array(9) };
    expect(() => requireSpanShape(arrays, 2, counts)).toThrow('targets has 9 elements, and 10 are needed');
  });
});
