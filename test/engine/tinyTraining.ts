/** Training steps of tiny models: real graphs, small enough for eager tfjs. */
import type { StepProgram } from '../../src/engine/executable.js';
import { hostArray, sizeOf, type HostArray, type HostTensors } from '../../src/engine/tensors.js';
import { initialValue } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import type { ModelSetup, OptimizerSetup } from '../../src/store/record.js';
import { makeOptimizer } from '../../src/train/optimizers.js';
import { RANDOM_WORDS, tokenSpecs, trainingProgram } from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { stackRandomWords, stackScalars } from '../../src/train/stepRunner.js';
import { uniformNumbers } from './harness.js';

/** The width of heads is a field of its own: here nHeads x dHead is not dModel. */
export const TINY_MODEL: ModelSetup = {
  preset: 'transformer',
  positions: 'absolute',
  vocabSize: 11,
  contextLength: 6,
  dModel: 8,
  nLayers: 2,
  nHeads: 2,
  dHead: 6,
  dFf: 12,
  tiedEmbeddings: false,
  init: 'small',
};

export const ADAMW: OptimizerSetup = {
  kind: 'adamw',
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
};

export const ADAFACTOR: OptimizerSetup = {
  kind: 'adafactor',
  learningRate: 1e-2,
  weightDecay: 0,
  clipNorm: 1,
};

export const BATCH_SIZE = 2;

export interface TinyTraining {
  readonly program: StepProgram;
  /** Initial values of parameters, zeros elsewhere. */
  readonly state: HostTensors;
  /** Per-step inputs of consecutive steps, `firstStep` counting from 1. */
  readonly inputs: (firstStep: number, stepCount: number) => HostTensors;
}

/** A training step of any model, and what goes into it. */
export function trainingStep(
  setup: ModelSetup,
  optimizerSetup: OptimizerSetup,
  batchSize: number,
  seed: number,
): TinyTraining {
  const model = buildModel(setup);
  const optimizer = makeOptimizer(optimizerSetup);
  const batch = { batchSize, contextLength: setup.contextLength };
  const program = trainingProgram(model, optimizer, optimizerSetup.clipNorm, batch);
  const state: Record<string, HostArray> = Object.fromEntries(
    program.state.map(({ name, dtype, shape }) => [name, hostArray(dtype, sizeOf(shape))]),
  );
  for (const param of model.params) state[paramKey(param.name)] = initialValue(param, seed);
  const draws = program.perStep.some(({ name }) => name === RANDOM_WORDS);
  // Tokens of step n depend on n alone, however the steps are divided into calls.
  const tokens = (size: number, stream: number, firstStep: number, stepCount: number): Int32Array =>
    Int32Array.from(
      Array.from({ length: stepCount }, (_, i) => {
        const next = uniformNumbers(1000 * stream + firstStep + i);
        return Array.from({ length: size }, () => Math.floor(next() * setup.vocabSize));
      }).flat(),
    );
  return {
    program,
    state,
    inputs: (firstStep, stepCount) => ({
      ...Object.fromEntries(
        tokenSpecs(model, batch).map(({ name, shape }, i) => [
          name,
          tokens(sizeOf(shape), i + 1, firstStep, stepCount),
        ]),
      ),
      ...stackScalars(optimizer, firstStep, stepCount, () => optimizerSetup.learningRate),
      ...(draws ? { [RANDOM_WORDS]: stackRandomWords(3, firstStep, stepCount) } : {}),
    }),
  };
}

export const tinyTraining = (
  change: Partial<ModelSetup> = {},
  optimizerSetup: OptimizerSetup = ADAMW,
  seed = 3,
): TinyTraining => trainingStep({ ...TINY_MODEL, ...change }, optimizerSetup, BATCH_SIZE, seed);
