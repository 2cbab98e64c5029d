/** Training of the zoo: traced steps against eager TensorFlow.js, and the load-balancing loss beside the reported one. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/executable.js';
import { countFlops } from '../../src/engine/cost.js';
import { ortEngine } from '../../src/engine/ort.js';
import { hostArray, sizeOf, type HostArray } from '../../src/engine/tensors.js';
import { trace } from '../../src/engine/trace/trace.js';
import type { LanguageModel } from '../../src/models/model.js';
import { PRESETS } from '../../src/models/presets.js';
import { balanceLoss, expertCapacity, randomWords, tf } from '../../src/ops/index.js';
import { decoder } from '../../src/models/decoder.js';
import { makeOptimizer } from '../../src/train/optimizers.js';
import {
  evaluationProgram,
  gradientProgram,
  RANDOM_WORDS,
  trainingProgram,
} from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { stackScalars } from '../../src/train/stepRunner.js';
import { eager, expectClose, randomValues, runOnce } from '../engine/harness.js';
import { FEW_EXPERTS, randomParams, tinyModel, TINY } from './zooModels.js';

const BATCH = { batchSize: 2, contextLength: TINY.contextLength };
const STEPS = 3;
const TOKENS = (seed: number): Int32Array =>
  randomValues(
    { shape: [STEPS * BATCH.batchSize * BATCH.contextLength], dtype: 'int32' },
    seed,
    0,
    TINY.vocabSize,
  ) as Int32Array;

const OPTIMIZER = makeOptimizer({
  kind: 'adamw',
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.95,
  // Large, so that the optimizer does not blow up the rounding of gradients that are 0 in exact arithmetic.
  epsilon: 1e-4,
  weightDecay: 0.1,
  clipNorm: 1,
});

/** Metrics of the steps, and the state after them. */
async function train(model: LanguageModel, engine: Engine, optimise: boolean) {
  const program = trainingProgram(model, OPTIMIZER, 1, BATCH);
  const executable = await engine.compileStep(program, { threads: 1, optimise });
  const state: Record<string, HostArray> = Object.fromEntries(
    program.state.map(({ name, dtype, shape }) => [name, hostArray(dtype, sizeOf(shape))]),
  );
  for (const [name, values] of Object.entries(randomParams(model))) state[paramKey(name)] = values;
  executable.setState(state);
  const scalars = stackScalars(OPTIMIZER, 1, STEPS, () => 1e-2);
  const metrics = await executable.run(STEPS, { inputs: TOKENS(1), targets: TOKENS(2), ...scalars });
  const result = { metrics, state: await executable.getState() };
  await executable.dispose();
  return result;
}

/** Presets whose layers the headline presets do not have; the others are choices among the same layers. */
const NEW_LAYERS = [
  'transformer-gelu',
  't5-1.1',
  'transformer+separable-conv',
  'transformer+primer-norm-lingvo',
  'transformer+post-softmax-gating',
  'evolved-transformer',
  'switch-primer',
  'synthesizer-random',
  'synthesizer-dense',
  'synthesizer-random-plus',
];

describe('traced training is eager training', () => {
  it.each(NEW_LAYERS)('%s', async (preset) => {
    const { model } = tinyModel(preset, preset === 'evolved-transformer' ? 'relative' : undefined);
    const expected = await train(model, eager, true);
    for (const optimise of [false, true]) {
      const actual = await train(model, ortEngine, optimise);
      for (const [name, values] of Object.entries(expected.metrics)) {
        expectClose(actual.metrics[name]!, values, `${preset}: ${name}`, { relative: 1e-5, absolute: 1e-6 });
      }
      for (const [name, values] of Object.entries(expected.state)) {
        if (name.startsWith(paramKey(''))) {
          expectClose(actual.state[name]!, values, `${preset}: ${name}`, { relative: 1e-5, absolute: 1e-5 });
        }
      }
    }
  });
});

describe('the load-balancing loss', () => {
  const { model } = tinyModel('switch-transformer');
  const params = Object.fromEntries(
    Object.entries(randomParams(model)).map(([name, values]) => [paramKey(name), values]),
  );
  const rows = BATCH.batchSize * BATCH.contextLength;
  const inputs = { ...params, inputs: TOKENS(1).slice(0, rows), targets: TOKENS(2).slice(0, rows) };

  it('is not part of the loss that is reported', async () => {
    const { loss } = await runOnce(ortEngine, gradientProgram(model, BATCH), inputs);
    const { nats } = await runOnce(ortEngine, evaluationProgram(model, BATCH), inputs);
    expectClose(loss!, [nats!.reduce((sum, value) => sum + value, 0) / rows], 'loss');
  });

  it('is part of the gradient of the router and of nothing after it', async () => {
    const { logitsAndAuxiliaryLoss, ...withoutBalance } = model;
    expect(logitsAndAuxiliaryLoss).toBeDefined();
    const balanced = await runOnce(ortEngine, gradientProgram(model, BATCH), inputs);
    const plain = await runOnce(ortEngine, gradientProgram(withoutBalance, BATCH), inputs);
    expect(Array.from(balanced['layer1.experts.router']!)).not.toEqual(
      Array.from(plain['layer1.experts.router']!),
    );
    for (const name of ['layer1.experts.in', 'layer1.experts.out', 'finalNorm.gamma', 'output']) {
      expectClose(balanced[name]!, plain[name]!, name);
    }
  });

  it('is the weighted sum of experts x share x mean probability', () => {
    // Two sequences of two tokens, three experts. Sequence 0 chooses experts 0 and 1, sequence 1 expert 2 twice.
    const probabilities = tf.tensor2d([
      [0.5, 0.3, 0.2],
      [0.1, 0.1, 0.8],
      [0.2, 0.6, 0.2],
      [0.2, 0.1, 0.7],
    ]);
    const choice = tf.tensor2d([
      [1, 0, 0],
      [0, 0, 1],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    const shape = { contextLength: 2, batchSize: 2, experts: 3, capacity: 2 };
    // Sequence 0: 3 (0.5 x 0.35 + 0.5 x 0.45) = 1.2; sequence 1: 3 x 1 x 0.75 = 2.25.
    expect(balanceLoss(probabilities, choice, shape).dataSync()[0]).toBeCloseTo((1.2 + 2.25) / 2, 6);
  });
});

describe("the jitter of a router's input", () => {
  const { shape, options, positions, model } = tinyModel('switch-primer');
  const withJitter = (jitter: number): LanguageModel =>
    decoder(shape, { ...options, experts: { ...FEW_EXPERTS, jitter } }, positions);
  const params = Object.fromEntries(
    Object.entries(randomParams(model)).map(([name, values]) => [paramKey(name), values]),
  );
  const rows = BATCH.batchSize * BATCH.contextLength;
  const inputs = { ...params, inputs: TOKENS(1).slice(0, rows), targets: TOKENS(2).slice(0, rows) };
  const words = { [RANDOM_WORDS]: randomWords(0, 1) };

  it('changes a training step, equally on every engine, and no evaluation', async () => {
    const program = gradientProgram(withJitter(0.2), BATCH);
    const expected = await runOnce(eager, program, { ...inputs, ...words });
    const actual = await runOnce(ortEngine, program, { ...inputs, ...words });
    for (const [name, values] of Object.entries(expected)) {
      expectClose(actual[name]!, values, name, { relative: 1e-5, absolute: 1e-5 });
    }
    const without = await runOnce(ortEngine, gradientProgram(model, BATCH), inputs);
    expect(actual['loss']).not.toEqual(without['loss']);
    const evaluated = await runOnce(ortEngine, evaluationProgram(withJitter(0.2), BATCH), inputs);
    expect(evaluated).toEqual(await runOnce(ortEngine, evaluationProgram(model, BATCH), inputs));
  });

  it('is 0.01 in the Switch presets, as in the release', () => {
    expect(PRESETS['switch-transformer']!.options.experts!.jitter).toBe(0.01);
    expect(PRESETS['switch-primer']!.options.experts!.jitter).toBe(0.01);
  });
});

it('eager training with an auxiliary loss leaves no tensors behind', async () => {
  const { model } = tinyModel('switch-transformer');
  await tf.setBackend('cpu');
  const before = tf.memory().numTensors;
  await train(model, eager, true);
  expect(tf.memory().numTensors).toBe(before);
});

describe('FLOPs of a mixture', () => {
  const matmul = (preset: string): number => {
    const { fn, inputs } = gradientProgram(tinyModel(preset).model, BATCH);
    return countFlops(trace(fn, inputs, 'naive')).matmul;
  };

  it('are those of the slots and the router, with dispatch and combination for nothing', () => {
    const { dModel, dFf } = TINY;
    const rows = BATCH.batchSize * BATCH.contextLength;
    const slots = FEW_EXPERTS.count * expertCapacity(TINY.contextLength, FEW_EXPERTS) * BATCH.batchSize;
    // Each product once forward and twice backward; two matrices a feed-forward layer, one layer of the two is a mixture.
    const layer = (tokens: number): number => 3 * 2 * (2 * tokens * dModel * dFf);
    const router = 3 * 2 * rows * dModel * FEW_EXPERTS.count;
    expect(matmul('switch-transformer') - matmul('transformer')).toBe(layer(slots) - layer(rows) + router);
  });
});

describe('capacity of an expert', () => {
  it.each([
    [128, 32, 1.2, 4, 4],
    [512, 32, 1.2, 4, 19],
    [64, 32, 1.2, 4, 4],
    [3, 32, 1.2, 4, 3],
    [8, 3, 1, 1, 2],
  ])('of %i tokens, %i experts, factor %f, at least %i is %i', (length, count, factor, least, capacity) => {
    expect(expertCapacity(length, { count, capacityFactor: factor, minCapacity: least })).toBe(capacity);
  });

  it('leaves tokens out in the tests', () => {
    expect(expertCapacity(TINY.contextLength, FEW_EXPERTS) * FEW_EXPERTS.count).toBeLessThan(
      TINY.contextLength,
    );
  });
});
