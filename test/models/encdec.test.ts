/** The encoder-decoder by its definition: logits, what sees what, buckets, parameters and FLOPs by hand. */
import { describe, expect, it } from 'vitest';
import { ortEngine } from '../../src/engine/ort.js';
import type { HostTensors } from '../../src/engine/tensors.js';
import { ModelError } from '../../src/models/error.js';
import { countParams } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import {
  architectureNames,
  defaultDff,
  defaultPositions,
  objectiveOf,
  registerVariant,
} from '../../src/models/registry.js';
import { parseVariant } from '../../src/models/variant.js';
import { centredConv } from '../../src/ops/centredConv.js';
import { bidirectionalBucket } from '../../src/ops/positions.js';
import type { ModelSetup } from '../../src/store/record.js';
import { describeModel } from '../../src/train/describe.js';
import { forwardProgram, gradientProgram } from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { expectClose, expectTracedAsEager, fillInputs, randomValues, runOnce } from '../engine/harness.js';
import * as truth from '../ops/float64.js';
import * as reference from './encdecReference.js';
import { telltaleParams } from './tinyModels.js';

const ENCODER_DECODERS = ['t5-encdec', 't5++-encdec', 't5-primer-ez-encdec'];

/** A window of 20: 3 tokens dropped in one span, so 19 for the encoder and 5 for the decoder, and one sentinel. */
const SETUP: ModelSetup = {
  preset: 't5-encdec',
  positions: 'relative',
  vocabSize: 12,
  contextLength: 20,
  dModel: 6,
  nLayers: 2,
  nHeads: 2,
  dHead: 4,
  dFf: 8,
  tiedEmbeddings: false,
  init: 'small',
};
const SOURCE = [3, 11, 0, 5, 5, 1, 2, 9, 7, 4, 12, 6, 8, 10, 0, 1, 3, 2, 11];
const OTHER_SOURCE = SOURCE.toReversed();
const INPUTS = [11, 12, 4, 1, 9];
const OTHER_INPUTS = [11, 2, 2, 0, 7];

const timeMajor = (sequences: readonly (readonly number[])[]): Int32Array =>
  Int32Array.from(sequences[0]!.flatMap((_, t) => sequences.map((sequence) => sequence[t]!)));

/** Logits of sequences, [sequence][time][vocabulary], by the traced graph. */
async function logitsOf(
  setup: ModelSetup,
  sources: readonly (readonly number[])[],
  inputs: readonly (readonly number[])[],
) {
  const model = buildModel(setup);
  const batchSize = sources.length;
  const program = forwardProgram(model, { batchSize, contextLength: setup.contextLength });
  const params = telltaleParams(model);
  const keyed: HostTensors = Object.fromEntries(
    Object.entries(params).map(([name, values]) => [paramKey(name), values]),
  );
  const { logits } = await runOnce(ortEngine, program, {
    ...keyed,
    inputs: timeMajor(inputs),
    source: timeMajor(sources),
  });
  const rows = truth.rowsOf(logits!, setup.vocabSize + 1);
  return { params, logits: inputs.map((_, b) => truth.sequenceOf(rows, b, batchSize)) };
}

describe('logits', () => {
  it.each<[string, Partial<ModelSetup>]>([
    ['t5-encdec', {}],
    ['t5++-encdec', {}],
    ['t5-primer-ez-encdec', {}],
    ['t5-encdec', { tiedEmbeddings: true, init: 't5' }],
    ['t5-primer-ez-encdec', { positions: 'absolute' }],
    ['t5-primer-ez-encdec', { positions: 'rotary' }],
  ])('of %s %j are those of the definition', async (preset, change) => {
    const setup = { ...SETUP, preset, ...change };
    const { params, logits } = await logitsOf(setup, [SOURCE, OTHER_SOURCE], [INPUTS, OTHER_INPUTS]);
    const definition = reference.DEFINITIONS[preset]!;
    const expected = [
      reference.referenceLogits(SOURCE, INPUTS, params, setup, definition),
      reference.referenceLogits(OTHER_SOURCE, OTHER_INPUTS, params, setup, definition),
    ];
    expectClose(logits.flat(2), expected.flat(2), preset, { relative: 1e-4, absolute: 1e-5 });
  });

  it('are not to be had without what the encoder reads', () => {
    const { logits } = buildModel(SETUP);
    expect(() => logits({}, undefined as never, 1)).toThrow(/needs the tokens that its encoder reads/);
  });
});

describe.each(ENCODER_DECODERS)('%s', (preset) => {
  const setup = { ...SETUP, preset };

  it('decodes causally: a changed token changes no logit before it, and some from it on', async () => {
    const before = (await logitsOf(setup, [SOURCE, OTHER_SOURCE], [INPUTS, OTHER_INPUTS])).logits;
    const after = (await logitsOf(setup, [SOURCE, OTHER_SOURCE], [INPUTS.with(3, 6), OTHER_INPUTS])).logits;
    expect(after[0]!.slice(0, 3)).toEqual(before[0]!.slice(0, 3));
    expect(after[0]![3]).not.toEqual(before[0]![3]);
    expect(after[0]![4]).not.toEqual(before[0]![4]);
    expect(after[1]).toEqual(before[1]);
  });

  it('encodes both ways: any token of the source reaches every logit, and no other sequence', async () => {
    const before = (await logitsOf(setup, [SOURCE, OTHER_SOURCE], [INPUTS, OTHER_INPUTS])).logits;
    for (const place of [0, 9, 18]) {
      const changed = SOURCE.with(place, (SOURCE[place]! + 1) % 12);
      const after = (await logitsOf(setup, [changed, OTHER_SOURCE], [INPUTS, OTHER_INPUTS])).logits;
      for (let t = 0; t < 5; t++) expect(after[0]![t], `${place} ${t}`).not.toEqual(before[0]![t]);
      expect(after[1]).toEqual(before[1]);
    }
  });

  it('has the gradients of eager TensorFlow.js when traced', async () => {
    const model = buildModel(setup);
    const program = gradientProgram(model, { batchSize: 2, contextLength: setup.contextLength });
    const params = Object.fromEntries(
      Object.entries(telltaleParams(model)).map(([name, values]) => [paramKey(name), values]),
    );
    const tokens = (length: number, seed: number) =>
      randomValues({ shape: [2 * length], dtype: 'int32' }, seed, 0, 13);
    await expectTracedAsEager(
      program,
      { ...params, inputs: tokens(5, 1), targets: tokens(5, 2), source: tokens(19, 3) },
      preset,
      { relative: 1e-4, absolute: 1e-5 },
    );
  });
});

describe('the centred convolution', () => {
  it('sees one step back and one ahead, zeros beyond the ends, also where there are few steps', async () => {
    for (const steps of [1, 2, 5]) {
      const program = {
        inputs: [
          { name: 'x', shape: [steps * 2, 3], dtype: 'float32' as const },
          { name: 'w', shape: [3, 3], dtype: 'float32' as const },
        ],
        fn: (inputs: Readonly<Record<string, Parameters<typeof centredConv>[0]>>) => ({
          y: centredConv(inputs['x']!, inputs['w']!, 2),
        }),
      };
      const values = fillInputs(program.inputs);
      const { y } = await runOnce(ortEngine, program, values);
      const x = truth.rowsOf(values['x']!, 3);
      const w = truth.rowsOf(values['w']!, 3);
      const expected = [0, 1].map((b) => reference.centredConv(truth.sequenceOf(x, b, 2), w));
      expectClose(y!, truth.timeMajor(expected).flat(), `${steps} steps`);
    }
  });
});

describe('bidirectional buckets', () => {
  it('are those of T5, with 16 for each direction', () => {
    for (let back = -300; back <= 300; back++) {
      expect(bidirectionalBucket(back), `${back}`).toBe(reference.bidirectionalBucket(back));
    }
    expect([0, 7, 8, 11, 12, 15, 16, 90, 91, 127, 128, 1000].map(bidirectionalBucket)).toEqual([
      0, 7, 8, 8, 9, 9, 10, 14, 15, 15, 15, 15,
    ]);
    expect([-1, -7, -8, -1000].map(bidirectionalBucket)).toEqual([17, 23, 24, 31]);
  });
});

describe('what an encoder-decoder costs', () => {
  /** A layer's attention 4 x 48 and feed-forward 2 x 48 weights, norms of 6. */
  const ATTENTION = 4 * 6 * 8;
  const ENCODER = 2 * (ATTENTION + 2 * 48 + 2 * 6) + 6 + 64;
  const DECODER = 2 * (2 * ATTENTION + 2 * 48 + 3 * 6) + 6 + 64;

  it('in parameters, sentinels in the embedding and the output matrix', () => {
    const counts = (preset: string) => countParams(buildModel({ ...SETUP, preset }).params);
    const plain = counts('t5-encdec');
    expect(plain.paramsNonEmbedding).toBe(ENCODER + DECODER);
    expect(plain.paramsByGroup).toMatchObject({ embedding: 13 * 6, output: 13 * 6, positions: 2 * 64 });
    expect(counts('t5++-encdec').paramsTotal - plain.paramsTotal).toBe(4 * 48);
    // Kernels of 3 x 8 for q, k and v in the self-attention of every layer, none in cross-attention.
    expect(counts('t5-primer-ez-encdec').paramsByGroup['convolution']).toBe(4 * 3 * 24);
  });

  it('is that of T5-base: 220 million in 12 layers each', () => {
    const base = {
      ...SETUP,
      vocabSize: 32_100,
      contextLength: 568,
      dModel: 768,
      nLayers: 12,
      nHeads: 12,
      dHead: 64,
      dFf: 3072,
      tiedEmbeddings: true,
      init: 't5',
    } as const;
    const { paramsTotal } = countParams(buildModel(base).params);
    // Published: 222,903,552 with a vocabulary of 32,128, as here with 28 sentinels.
    expect(paramsTotal).toBe(222_903_552);
  });

  it('in matrix FLOPs, by a closed form', () => {
    const batchSize = 3;
    const [source, target] = [19 * batchSize, 5 * batchSize];
    const products = (times: number, weights: number): number => 6 * times * weights;
    const scores = (queries: number, keys: number): number => 2 * 6 * batchSize * 8 * queries * keys;
    const feedForward = 2 * 6 * 8;
    const encoder = products(source, ATTENTION + feedForward) + scores(19, 19);
    const decoder =
      products(target, ATTENTION + feedForward) +
      scores(5, 5) +
      products(target, ATTENTION / 2) +
      products(source, ATTENTION / 2) +
      scores(5, 19);
    const expected = 2 * (encoder + decoder) + products(target, 13 * 6);
    for (const preset of ['t5-encdec', 't5-primer-ez-encdec']) {
      expect(describeModel({ ...SETUP, preset }, batchSize).flopsMatmulPerStep).toBe(expected);
    }
  });
});

describe('the registry', () => {
  it('knows them, their positions, widths and objective', () => {
    expect(architectureNames().filter((name) => name.endsWith('-encdec'))).toEqual(ENCODER_DECODERS);
    for (const name of ENCODER_DECODERS) {
      expect(defaultPositions(name)).toBe('relative');
      expect(objectiveOf(name)).toBe('spanCorruption');
    }
    expect(objectiveOf('t5')).toBe('nextToken');
    expect(defaultDff('t5-encdec', 48)).toBe(192);
    expect(defaultDff('t5++-encdec', 48)).toBe(128);
  });

  it('keeps their names, and lets no variant over the decoder core start from one', () => {
    const variant = (name: string, base: string) => ({ name, base, options: { activation: 'gelu' } });
    expect(() => parseVariant(variant('mine', 't5-encdec'), 'mine.ts')).toThrow(ModelError);
    const taken = parseVariant(variant('t5-encdec', 't5'), 'taken.ts');
    expect(() => registerVariant(taken, 'taken.ts')).toThrow(/name of a preset/);
  });

  it('refuses windows without room for text and span, and rotary heads of odd width', () => {
    expect(() => buildModel({ ...SETUP, contextLength: 1 })).toThrow(/at least 2, not 1/);
    expect(() => buildModel({ ...SETUP, positions: 'rotary', dHead: 3 })).toThrow(/must be even, not 3/);
  });
});
