/** What a model costs by closed forms written by hand, and what a run is named by. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ortEngine } from '../../src/engine/ort.js';
import { buildModel } from '../../src/models/buildModel.js';
import type { ModelSetup, RunSetup } from '../../src/store/record.js';
import { describeModel, runKey, type StreamHashes } from '../../src/train/describe.js';
import { makeOptimizer } from '../../src/train/optimizers.js';
import { trainingProgram } from '../../src/train/programs.js';
import { ADAMW, TINY_MODEL } from '../engine/tinyTraining.js';
import { SETUP } from './tinyRun.js';

/**
 * Matrix FLOPs of a step, forward and backward: a matrix of weights makes three products (its output, and the gradients of
 * its input and of itself), each 2 m n k; so do scores and context of attention, dense over T x T. The embedding is gathered.
 */
function matmulByHand(setup: ModelSetup, batchSize: number, weights: number): number {
  const { contextLength: time, nLayers, nHeads, dHead, dModel, vocabSize } = setup;
  const tokens = batchSize * time;
  const attention = 2 * (6 * batchSize * nHeads * time * time * dHead);
  return nLayers * (6 * tokens * weights + attention) + 6 * tokens * dModel * vocabSize;
}

const STUDY: ModelSetup = {
  ...TINY_MODEL,
  vocabSize: 1024,
  contextLength: 128,
  dModel: 64,
  nHeads: 4,
  dHead: 16,
  dFf: 256,
};

describe('matrix FLOPs by rule 1', () => {
  const width = ({ nHeads, dHead }: ModelSetup): number => nHeads * dHead;
  const vanilla = (setup: ModelSetup): number =>
    4 * setup.dModel * width(setup) + 2 * setup.dModel * setup.dFf;

  it.each<[string, Partial<ModelSetup>, (setup: ModelSetup) => number]>([
    ['transformer', {}, vanilla],
    ['transformer', { positions: 'rotary' }, vanilla],
    ['transformer', { positions: 'relative' }, vanilla],
    ['transformer', { tiedEmbeddings: true }, vanilla],
    ['primer-ez', {}, vanilla],
    ['transformer++', {}, (setup) => vanilla(setup) + setup.dModel * setup.dFf],
    // One projection for q and k, and a square one from keys to queries.
    ['primer', {}, (setup) => vanilla(setup) - setup.dModel * width(setup) + width(setup) ** 2],
  ])('of %s %j equal the closed form', (preset, change, weights) => {
    for (const [base, batchSize] of [
      [TINY_MODEL, 3],
      [STUDY, 8],
    ] as const) {
      const setup = { ...base, ...change, preset };
      expect(describeModel(setup, batchSize).flopsMatmulPerStep).toBe(
        matmulByHand(setup, batchSize, weights(setup)),
      );
    }
  });

  it('are most of all FLOPs, and sum with the other kinds to the total', () => {
    const { flopsPerStep, flopsMatmulPerStep, flopsByKind } = describeModel(STUDY, 8);
    expect(Object.values(flopsByKind).reduce((sum, flops) => sum + flops, 0)).toBe(flopsPerStep);
    expect(flopsByKind['matmul']).toBe(flopsMatmulPerStep);
    expect(flopsMatmulPerStep / flopsPerStep).toBeGreaterThan(0.8);
    expect(flopsMatmulPerStep / flopsPerStep).toBeLessThan(0.98);
    // 6 N D with N the weights of all products is a lower bound that attention exceeds.
    const products = 2 * vanilla(STUDY) + 64 * 1024;
    expect(flopsMatmulPerStep).toBeGreaterThan(6 * products * 8 * 128);
  });

  it('grow in proportion to the batch', () => {
    const [one, four] = [1, 4].map((batchSize) => describeModel(STUDY, batchSize).flopsMatmulPerStep);
    expect(four).toBe(4 * one!);
  });

  it('do not change when the model has been compiled with all passes, and leave the optimizer out', async () => {
    const before = describeModel({ ...TINY_MODEL, dFf: 13 }, 2);
    for (const optimise of [true, false]) {
      const model = buildModel({ ...TINY_MODEL, dFf: 14 });
      const program = trainingProgram(model, makeOptimizer(ADAMW), 1, { batchSize: 2, contextLength: 6 });
      await (await ortEngine.compileStep(program, { threads: 1, optimise })).dispose();
    }
    const after = describeModel({ ...TINY_MODEL, dFf: 14 }, 2);
    // A column more in two matrices, a bias and an activation; 12 tokens, 2 layers.
    const products = 2 * 12 * 2 * 6 * 8;
    expect(after.flopsMatmulPerStep - before.flopsMatmulPerStep).toBe(products);
    // Elementwise: bias and ReLU forward; step and product backward; the bias's gradient is a sum.
    expect(after.flopsPerStep - before.flopsPerStep - products).toBe(2 * 12 * 5);
  });
});

const STREAMS: StreamHashes = { train: 'a'.repeat(64), val: 'b'.repeat(64), test: 'c'.repeat(64) };

const keyOf = (setup: RunSetup, streams: StreamHashes = STREAMS): string =>
  runKey(setup, describeModel(setup.model, setup.batchSize), streams).runKey;

describe('the run key', () => {
  const key = keyOf(SETUP);
  const model = (change: Partial<ModelSetup>): RunSetup => ({
    ...SETUP,
    model: { ...SETUP.model, ...change },
  });
  const optimizer = (change: object): RunSetup => ({
    ...SETUP,
    optimizer: { ...SETUP.optimizer, ...change },
  });

  it('is the first 16 hex digits of the SHA-256 of the canonical JSON of its parts', () => {
    const { keyParts } = runKey(SETUP, describeModel(SETUP.model, SETUP.batchSize), STREAMS);
    const sorted = (value: unknown): unknown =>
      typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(([name, part]) => [name, sorted(part)]),
          )
        : value;
    const digest = createHash('sha256')
      .update(JSON.stringify(sorted(keyParts)))
      .digest('hex');
    expect(key).toBe(digest.slice(0, 16));
    expect(keyParts).toMatchObject({ flopRule: 1, precision: 'f32', seed: 1, steps: 20, tokensPerStep: 32 });
  });

  it('is the same for the same run', () => {
    expect(keyOf(structuredClone(SETUP))).toBe(key);
  });

  it.each<[string, RunSetup]>([
    ['architecture', model({ preset: 'transformer' })],
    ['positions', model({ positions: 'rotary' })],
    ['vocabulary', model({ vocabSize: 258 })],
    ['context', model({ contextLength: 9 })],
    ['width', model({ dModel: 9 })],
    ['layers', model({ nLayers: 2 })],
    ['heads', model({ nHeads: 4, dHead: 2 })],
    ['feed-forward width', model({ dFf: 20 })],
    ['tying', model({ tiedEmbeddings: true })],
    ['initial values', model({ init: 't5' })],
    [
      'optimizer',
      { ...SETUP, optimizer: { kind: 'adafactor', learningRate: 1e-2, weightDecay: 0.1, clipNorm: 1 } },
    ],
    ['learning rate', optimizer({ learningRate: 2e-2 })],
    ['beta1', optimizer({ beta1: 0.8 })],
    ['beta2', optimizer({ beta2: 0.9 })],
    ['epsilon', optimizer({ epsilon: 1e-7 })],
    ['weight decay', optimizer({ weightDecay: 0 })],
    ['clipping', optimizer({ clipNorm: null })],
    ['schedule', { ...SETUP, schedule: { kind: 'constant', warmupFraction: 0.1 } }],
    ['warm-up', { ...SETUP, schedule: { ...SETUP.schedule, warmupFraction: 0.2 } as RunSetup['schedule'] }],
    ['steps', { ...SETUP, steps: 21 }],
    ['batch', { ...SETUP, batchSize: 5 }],
    ['seed', { ...SETUP, seed: 2 }],
    ['evaluation', { ...SETUP, evalTokens: 88 }],
  ])('depends on %s', (_, changed) => {
    expect(keyOf(changed)).not.toBe(key);
  });

  it('depends on each stream of tokens, but not on what the corpus is called', () => {
    for (const split of ['train', 'val', 'test'] as const) {
      expect(keyOf(SETUP, { ...STREAMS, [split]: 'd'.repeat(64) }), split).not.toBe(key);
    }
    expect(keyOf({ ...SETUP, corpus: 'the-same-text-elsewhere.txt' })).toBe(key);
  });

  it('tells architectures apart that differ in initial values or decay alone', () => {
    // Without training, MDHA's kernels could be any: the graph is the same, their initial values are in the key.
    const cost = describeModel(SETUP.model, SETUP.batchSize);
    expect(runKey(SETUP, { ...cost, initSha256: '0' }, STREAMS).runKey).not.toBe(key);
  });

  it('knows nothing of how and where a run is made', () => {
    const { keyParts } = runKey(SETUP, describeModel(SETUP.model, SETUP.batchSize), STREAMS);
    const text = JSON.stringify(keyParts);
    expect(Object.keys(keyParts).filter((name) => /engine|thread|call|host|version|cpu/i.test(name))).toEqual(
      [],
    );
    expect(text).not.toMatch(/layer0|primer|embedding|onnx/);
  });
});
