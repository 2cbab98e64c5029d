/** A compiled training step with its initial state: what a run, a bench and a timing share. */
import type { Engine, EngineOptions, Executable } from '../engine/executable.js';
import { hostArray, sizeOf, type HostArray } from '../engine/tensors.js';
import { initialValue } from '../models/params.js';
import { randomWords } from '../ops/random.js';
import { buildModel } from '../models/buildModel.js';
import type { LanguageModel } from '../models/model.js';
import type { ModelSetup, OptimizerSetup } from '../store/record.js';
import { makeOptimizer, type Optimizer } from './optimizers.js';
import { RANDOM_WORDS, tokenSpecs, trainingProgram, type BatchShape } from './programs.js';
import { paramKey } from './stateNames.js';

export interface StepRunner {
  readonly model: LanguageModel;
  readonly optimizer: Optimizer;
  readonly executable: Executable;
  readonly seed: number;
  /** Whether a step takes the words that its random numbers are drawn from. */
  readonly drawsRandomNumbers: boolean;
  /** Names and shapes of the state: parameters and optimizer slots. */
  readonly state: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Compiles the training step of a model and puts its initial values in place. */
export async function compileTraining(
  engine: Engine,
  setup: {
    readonly model: ModelSetup;
    readonly optimizer: OptimizerSetup;
    readonly batchSize: number;
    readonly seed: number;
  },
  options: EngineOptions,
): Promise<StepRunner> {
  const model = buildModel(setup.model);
  const optimizer = makeOptimizer(setup.optimizer);
  const batch = { batchSize: setup.batchSize, contextLength: setup.model.contextLength };
  const program = trainingProgram(model, optimizer, setup.optimizer.clipNorm, batch);
  const executable = await engine.compileStep(program, options);
  const initial: Record<string, HostArray> = Object.fromEntries(
    program.state.map(({ name, dtype, shape }) => [name, hostArray(dtype, sizeOf(shape))]),
  );
  for (const param of model.params) initial[paramKey(param.name)] = initialValue(param, setup.seed);
  executable.setState(initial);
  const drawsRandomNumbers = program.perStep.some(({ name }) => name === RANDOM_WORDS);
  return { model, optimizer, executable, seed: setup.seed, drawsRandomNumbers, state: program.state };
}

/** All but the tokens of consecutive steps, stacked as `Executable.run` takes them: the optimizer's scalars, random words. */
export function stackStepInputs(
  { optimizer, seed, drawsRandomNumbers }: StepRunner,
  firstStep: number,
  stepCount: number,
  learningRateAt: (step: number) => number,
): Record<string, Float32Array> {
  const scalars = stackScalars(optimizer, firstStep, stepCount, learningRateAt);
  return drawsRandomNumbers
    ? { ...scalars, [RANDOM_WORDS]: stackRandomWords(seed, firstStep, stepCount) }
    : scalars;
}

/** The words of consecutive steps, one after the other. */
export function stackRandomWords(seed: number, firstStep: number, stepCount: number): Float32Array {
  const words = Array.from({ length: stepCount }, (_, i) => randomWords(seed, firstStep + i));
  const length = words[0]?.length ?? 0;
  const stacked = new Float32Array(stepCount * length);
  words.forEach((values, i) => stacked.set(values, i * length));
  return stacked;
}

/** The optimizer's scalars of consecutive steps, stacked as `Executable.run` takes them. */
export function stackScalars(
  optimizer: Optimizer,
  firstStep: number,
  stepCount: number,
  learningRateAt: (step: number) => number,
): Record<string, Float32Array> {
  const stacked: Record<string, Float32Array> = Object.fromEntries(
    optimizer.scalars.map((name) => [`scalar/${name}`, new Float32Array(stepCount)]),
  );
  for (let i = 0; i < stepCount; i++) {
    const values = optimizer.scalarValues(firstStep + i, learningRateAt(firstStep + i));
    for (const name of optimizer.scalars) stacked[`scalar/${name}`]![i] = values[name]!;
  }
  return stacked;
}

/** Token tensors of consecutive steps where it matters only that there are some: made-up ids below `vocabSize`. */
export function madeUpTokens(
  model: LanguageModel,
  batch: BatchShape,
  stepCount: number,
  vocabSize: number,
): Record<string, Int32Array> {
  return Object.fromEntries(
    tokenSpecs(model, batch).map(({ name, shape }) => [
      name,
      Int32Array.from({ length: stepCount * sizeOf(shape) }, (_, i) => (i * 7919 + (i >> 5)) % vocabSize),
    ]),
  );
}
