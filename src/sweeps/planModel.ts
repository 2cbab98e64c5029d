/** What one model at one size costs to train, from its traced graph alone: nothing is allocated, so any size will do. */
import type { ModelSetup, OptimizerSetup } from '../store/record.js';
import { SMALL_SCALE_ADAMW } from '../train/optimizers.js';
import { modelFigures, type ModelFigures } from '../train/describe.js';
import { runMemory, type RunMemory } from '../train/memory.js';
import { type Device, deviceBasis, deviceSecondsPerStep } from './devices.js';
import { architectureOf, secondsPerStep, shapeOf } from './estimate.js';
import { bytesText, countText, durationText, flopsText } from './format.js';
import { machineBasis, type SpeedBook } from './speedBook.js';

export interface ModelPlan {
  readonly model: ModelSetup;
  readonly batchSize: number;
  readonly tokensPerStep: number;
  readonly figures: ModelFigures;
  readonly flopsPerToken: number;
  readonly memory: RunMemory;
  readonly secondsPerStep: number;
  /** Of a whole training of `steps` steps; null where none were given. */
  readonly training: {
    readonly steps: number;
    readonly tokens: number;
    readonly flops: number;
    readonly seconds: number;
  } | null;
  /** Where the seconds are of, and how they were come by. */
  readonly on: string;
  readonly basis: string;
}

/** Learning rate and decay change no size; a rate is an input of the graph. */
const OPTIMIZERS: Readonly<Record<OptimizerSetup['kind'], OptimizerSetup>> = {
  adamw: SMALL_SCALE_ADAMW,
  adafactor: { kind: 'adafactor', learningRate: 1e-2, weightDecay: 0, clipNorm: null },
};

/** @param where a device by its figures, or this machine by the runs that have ended on it */
export function planModel(
  model: ModelSetup,
  training: {
    readonly batchSize: number;
    readonly optimizer: OptimizerSetup['kind'];
    readonly steps: number | null;
  },
  where: { readonly device: Device } | { readonly speed: SpeedBook; readonly threads: number },
): ModelPlan {
  const { batchSize, steps } = training;
  const figures = modelFigures(model, batchSize);
  const memory = runMemory({ model, batchSize, optimizer: OPTIMIZERS[training.optimizer] });
  const tokensPerStep = batchSize * model.contextLength;
  const { flopsPerStep } = figures;
  const seconds =
    'device' in where
      ? deviceSecondsPerStep(where.device, flopsPerStep, memory.operations)
      : secondsPerStep(
          where.speed.observations,
          { shape: shapeOf(model, batchSize), architecture: architectureOf(model), flopsPerStep },
          where.threads,
        );
  return {
    model,
    batchSize,
    tokensPerStep,
    figures,
    flopsPerToken: flopsPerStep / tokensPerStep,
    memory,
    secondsPerStep: seconds,
    training:
      steps === null
        ? null
        : { steps, tokens: steps * tokensPerStep, flops: steps * flopsPerStep, seconds: steps * seconds },
    on: 'device' in where ? where.device.label : 'this machine',
    basis: 'device' in where ? deviceBasis(where.device) : machineBasis(where.speed),
  };
}

/** A plan as people read it. */
export function modelPlanText(plan: ModelPlan): string {
  const { model, figures, memory, training } = plan;
  const { dModel, nLayers, nHeads, dHead, dFf, vocabSize, contextLength } = model;
  const groups = Object.entries(figures.paramsByGroup).map(([name, n]) => `${name} ${countText(n)}`);
  const kinds = Object.entries(figures.flopsByKind)
    .sort(([, a], [, b]) => b - a)
    .map(([name, flops]) => `${name} ${flopsText(flops, 3)}`);
  const lines = [
    `${model.preset}@${model.positions}: d ${dModel}, ${nLayers} layers, ${nHeads} heads of ${dHead}, dFf ${dFf}, vocabulary ${vocabSize}, ` +
      `context ${contextLength}, batch ${plan.batchSize}`,
    `  parameters  ${countText(figures.paramsTotal)} (${countText(figures.paramsNonEmbedding)} without embeddings, ` +
      `${countText(figures.paramsActive)} used for each token): ${groups.join(', ')}`,
    `  FLOPs       ${flopsText(figures.flopsPerStep, 4)} a step of ${countText(plan.tokensPerStep)} tokens, ` +
      `${flopsText(plan.flopsPerToken, 4)} a token: ${kinds.join(', ')}`,
    `  memory      ${bytesText(memory.totalBytes)}: parameters and optimizer state ${bytesText(memory.stateBytes)}, ` +
      `most alive at once ${bytesText(memory.peakBytes)}, constants ${bytesText(memory.constantBytes)}, and what the engine adds`,
    `  time        ${secondsText(plan.secondsPerStep)} a step on ${plan.on} (${plan.basis})`,
  ];
  if (training !== null) {
    lines.push(
      `  training    ${countText(training.steps)} steps: ${countText(training.tokens)} tokens, ` +
        `${flopsText(training.flops, 4)} FLOPs, about ${durationText(training.seconds)}`,
    );
  }
  return lines.join('\n');
}

const secondsText = (seconds: number): string =>
  seconds < 10 ? `${Number(seconds.toPrecision(3))} s` : durationText(seconds);
