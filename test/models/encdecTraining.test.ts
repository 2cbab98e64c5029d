/** Encoder-decoders trained: traced as eager, learning, held-out losses by the definition, the same bits however cut up. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainingOrder } from '../../src/data/batches.js';
import type { PreparedCorpus } from '../../src/data/corpus.js';
import { fillSpans, heldOutSpans, trainingSpans, type SpanChoice } from '../../src/data/spans.js';
import { initialValue } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { spanLengths } from '../../src/models/spanLengths.js';
import { loadCheckpoint } from '../../src/store/checkpoint.js';
import type { RunSetup } from '../../src/store/record.js';
import { checkpointPath } from '../../src/store/runDirectory.js';
import { eager, expectClose } from '../engine/harness.js';
import { tokenNats } from '../ops/float64.js';
import {
  madeUpCorpus,
  plan,
  removeTemporaryFolders,
  rowsOf,
  SETUP,
  stopAfter,
  temporaryFolder,
  traceOf,
  train,
} from '../train/tinyRun.js';
import { DEFINITIONS, referenceLogits } from './encdecReference.js';

/** Windows of 24: 4 tokens dropped in one span, so 22 for the encoder and 6 for the decoder. */
const CHANGE: Partial<RunSetup> = {
  model: { ...SETUP.model, preset: 't5-primer-ez-encdec', contextLength: 24 },
  evalTokens: 240,
  steps: 30,
};
const MODEL = CHANGE.model!;
const LENGTHS = spanLengths(24);

let corpus: PreparedCorpus;
beforeAll(async () => {
  corpus = await madeUpCorpus(temporaryFolder());
});
afterAll(removeTemporaryFolders);

/** Nats of the targets of a window, by the definition in plain loops. */
function natsOf(
  split: PreparedCorpus['val'],
  start: number,
  choice: SpanChoice,
  params: Readonly<Record<string, Float32Array>>,
): { nats: number[]; targets: number[] } {
  const arrays = {
    source: new Int32Array(LENGTHS.sourceLength),
    inputs: new Int32Array(LENGTHS.targetLength),
    targets: new Int32Array(LENGTHS.targetLength),
  };
  fillSpans(split, start, choice, { firstSentinel: 257, end: corpus.tokenizer.separatorId }, 0, 1, arrays);
  const [source, inputs, targets] = [[...arrays.source], [...arrays.inputs], [...arrays.targets]];
  const logits = referenceLogits(source, inputs, params, MODEL, DEFINITIONS[MODEL.preset]!);
  return { nats: tokenNats(logits, targets), targets };
}

const mean = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0) / xs.length;

describe('a run of an encoder-decoder', () => {
  it('learns, and its losses are those of the definition', async () => {
    const run = plan(corpus, CHANGE);
    const record = await train(run, corpus);
    expect(record.status).toBe('done');
    const rows = rowsOf(run.directory);
    const losses = rows.flatMap((row) => (row.kind === 'train' ? [row.lossNats!] : []));
    expect(losses[0]).toBeCloseTo(Math.log(258), 0);
    expect(mean(losses.slice(-3))).toBeLessThan(losses[0]! - 0.5);
    // Tokens of a step are those of the text that it covers.
    expect(rows[0]).toMatchObject({ tokens: 4 * 24 });

    const specs = buildModel(MODEL).params;
    const initial = Object.fromEntries(specs.map((spec) => [spec.name, initialValue(spec, SETUP.seed)]));
    const order = trainingOrder({ tokens: corpus.train.tokens.length, contextLength: 24, seed: SETUP.seed });
    const first = [0, 1, 2, 3].flatMap(
      (sequence) =>
        natsOf(corpus.train, order.startOf(sequence), trainingSpans(LENGTHS, SETUP.seed, sequence), initial)
          .nats,
    );
    expect(losses[0]).toBeCloseTo(mean(first), 5);

    const { tensors } = loadCheckpoint(checkpointPath(run.directory)).checkpoint!;
    const final = Object.fromEntries(
      specs.map(({ name }) => [name, tensors[`param/${name}`]!.data as Float32Array]),
    );
    for (const split of ['val', 'test'] as const) {
      const available = Math.floor((corpus[split].tokens.length - 1) / 24);
      const windows = Array.from({ length: 10 }, (_, w) => {
        const start = Math.floor((w * available) / 10) * 24;
        return natsOf(corpus[split], start, heldOutSpans(LENGTHS, start), final);
      });
      const nats = windows.flatMap((window) => window.nats);
      // A token of this vocabulary is one byte; separators, end marks and sentinels are none.
      const bytes = windows.flatMap(({ targets }) => targets).filter((target) => target < 256).length;
      const { lossNats, bitsPerByte, tokens } = record.final![split];
      expect(tokens).toBe(60);
      expect(lossNats).toBeCloseTo(mean(nats), 4);
      expect(bitsPerByte).toBeCloseTo((60 * mean(nats)) / (Math.LN2 * bytes), 4);
    }
  });

  it('ends with the same bits however it is cut up', async () => {
    const undisturbed = plan(corpus, CHANGE);
    const expected = traceOf(undisturbed.directory, await train(undisturbed, corpus));
    const cut = plan(corpus, CHANGE);
    for (const [stops, stepsPerCall] of [
      [1, 4],
      [2, 3],
    ] as const) {
      const record = await train(cut, corpus, { shouldStop: stopAfter(stops), stepsPerCall });
      expect(record.status).toBe('interrupted');
    }
    const record = await train(cut, corpus, { stepsPerCall: 8 });
    expect(record.execution!.resumes).toBe(2);
    expect(traceOf(cut.directory, record)).toEqual(expected);
  });

  it.each(['t5-encdec', 't5++-encdec', 't5-primer-ez-encdec'])(
    'of %s comes to the same losses on eager TensorFlow.js',
    async (preset) => {
      const change = { ...CHANGE, model: { ...MODEL, preset }, steps: 8, evalTokens: 96 };
      const [traced, eagerRun] = [plan(corpus, change), plan(corpus, change)];
      await train(traced, corpus);
      await train(eagerRun, corpus, { engine: eager });
      const losses = (directory: string): number[] => rowsOf(directory).map((row) => row.lossNats!);
      expectClose(losses(eagerRun.directory), losses(traced.directory), preset, {
        relative: 2e-5,
        absolute: 0,
      });
    },
  );

  it('reads the same windows with the same spans whatever the architecture', async () => {
    const firstBatch = async (preset: string) => {
      const filled: Int32Array[] = [];
      const { objectiveFor } = await import('../../src/train/objective.js');
      const model = { ...MODEL, preset };
      const fill = objectiveFor(model, corpus).training({ seed: 3, batchSize: 2 });
      const batch = { source: new Int32Array(44), inputs: new Int32Array(12), targets: new Int32Array(12) };
      for (const step of [0, 1, 700]) {
        fill(batch, step);
        filled.push(...Object.values(batch).map((values) => values.slice()));
      }
      return filled;
    };
    expect(await firstBatch('t5++-encdec')).toEqual(await firstBatch('t5-encdec'));
  });
});
