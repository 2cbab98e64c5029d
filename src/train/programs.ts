/** The functions of a run in plain TensorFlow.js: training step, gradients alone (for FLOPs), evaluation. */
import type { FunctionProgram, StepProgram } from '../engine/executable.js';
import type { TensorSpec } from '../engine/tensors.js';
import { trace, type TensorFunction, type Tensors } from '../engine/trace/trace.js';
import type { LanguageModel } from '../models/model.js';
import { crossEntropy, tokenNats } from '../ops/crossEntropy.js';
import { drawsRandomNumbers, inTraining, RANDOM_WORDS_SHAPE } from '../ops/random.js';
import { tf, type Tensor } from '../ops/tf.js';
import { scalarSpecs, type Optimizer } from './optimizers.js';
import { paramKey, slotKey } from './stateNames.js';
import { stepParts } from './stepParts.js';
import { clipped, squareSum, updated } from './update.js';
import { updateUnits } from './updateUnits.js';

export interface BatchShape {
  readonly batchSize: number;
  readonly contextLength: number;
}

/** The token tensors of a batch, time-major: inputs, targets, and what an encoder reads where the model has one. */
export function tokenSpecs(
  { encoder }: LanguageModel,
  { batchSize, contextLength }: BatchShape,
): TensorSpec[] {
  const length = encoder?.targetLength ?? contextLength;
  const lengths: [string, number][] = [
    ['inputs', length],
    ['targets', length],
    ...(encoder === undefined ? [] : [['source', encoder.sourceLength] as [string, number]]),
  ];
  return lengths.map(([name, tokens]) => ({ name, shape: [batchSize * tokens], dtype: 'int32' }));
}

export const paramSpecs = (model: LanguageModel): TensorSpec[] =>
  model.params.map(({ name, shape }) => ({ name: paramKey(name), shape, dtype: 'float32' }));

/** Input that the random numbers of a step are drawn from, where the model draws any. */
export const RANDOM_WORDS = 'random/words';

const drawsOf = new WeakMap<LanguageModel, boolean>();

/** The words of a step, as an input of the graphs of models that draw random numbers and of no others. */
function randomSpecs(model: LanguageModel, batch: BatchShape): TensorSpec[] {
  const draws = model.drawsRandomNumbers ?? drawsOf.get(model) ?? tracedDraws(model, batch);
  return draws ? [{ name: RANDOM_WORDS, shape: RANDOM_WORDS_SHAPE, dtype: 'float32' }] : [];
}

function tracedDraws(model: LanguageModel, batch: BatchShape): boolean {
  let draws = false;
  const forward: TensorFunction = (tensors) => {
    draws = drawsRandomNumbers(() => outputsOf(model, byParamName(model, tensors), tensors, batch));
    return {};
  };
  trace(forward, [...paramSpecs(model), ...tokenSpecs(model, batch)], 'naive');
  drawsOf.set(model, draws);
  return draws;
}

const byParamName = (model: LanguageModel, tensors: Tensors): Record<string, Tensor> =>
  Object.fromEntries(model.params.map(({ name }) => [name, tensors[paramKey(name)]!]));

const logitsOf = (
  model: LanguageModel,
  params: Readonly<Record<string, Tensor>>,
  tensors: Tensors,
  batchSize: number,
): Tensor => model.logits(params, tensors['inputs']!, batchSize, tensors['source']);

/** Logits, and the further term of the training loss where the model has one. */
function outputsOf(
  model: LanguageModel,
  params: Readonly<Record<string, Tensor>>,
  tensors: Tensors,
  { batchSize }: BatchShape,
): { readonly logits: Tensor; readonly auxiliaryLoss: Tensor | null } {
  return (
    model.logitsAndAuxiliaryLoss?.(params, tensors['inputs']!, batchSize) ?? {
      logits: logitsOf(model, params, tensors, batchSize),
      auxiliaryLoss: null,
    }
  );
}

/**
 * Cross-entropy, and the gradient of every parameter: of the cross-entropy, plus the model's auxiliary loss where it has one.
 * @param share what the cross-entropy is multiplied by: the part of the batch that these tokens are
 */
function lossAndGradients(
  model: LanguageModel,
  tensors: Tensors,
  batch: BatchShape,
  share = 1,
): { loss: Tensor; gradients: Record<string, Tensor> } {
  const params = byParamName(model, tensors);
  const names = Object.keys(params);
  const nats = (logits: Tensor): Tensor => {
    const mean = crossEntropy(logits, tensors['targets']!);
    return share === 1 ? mean : tf.mul(mean, share);
  };
  let reported: Tensor | undefined;
  const f = (...values: Tensor[]): Tensor => {
    const named = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
    const { logits, auxiliaryLoss } = inTraining(tensors[RANDOM_WORDS] ?? null, () =>
      outputsOf(model, named, tensors, batch),
    );
    if (auxiliaryLoss === null) return nats(logits);
    // Kept, because tfjs lets go of what the differentiated function does not return.
    reported = tf.keep(nats(logits));
    return tf.add(reported, auxiliaryLoss);
  };
  const { value, grads } = tf.valueAndGrads(f)(Object.values(params));
  return {
    loss: reported ?? value,
    gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]!])),
  };
}

/** Forward and backward alone: the graph that FLOP rule 1 counts. */
export function gradientProgram(model: LanguageModel, batch: BatchShape): FunctionProgram {
  const fn: TensorFunction = (inputs) => {
    const { loss, gradients } = lossAndGradients(model, inputs, batch);
    return { loss, ...gradients };
  };
  return { inputs: [...paramSpecs(model), ...tokenSpecs(model, batch), ...randomSpecs(model, batch)], fn };
}

/** The forward pass alone. Output `logits`, [contextLength * batchSize, vocabSize]. */
export function forwardProgram(model: LanguageModel, batch: BatchShape): FunctionProgram {
  const read = tokenSpecs(model, batch).filter(({ name }) => name !== 'targets');
  return {
    inputs: [...paramSpecs(model), ...read],
    fn: (tensors) => ({ logits: logitsOf(model, byParamName(model, tensors), tensors, batch.batchSize) }),
  };
}

/** Nats of every predicted token, with the parameters as inputs. Output `nats`, time-major like the targets. */
export function evaluationProgram(model: LanguageModel, batch: BatchShape): FunctionProgram {
  const fn: TensorFunction = (inputs) => ({
    nats: tokenNats(logitsOf(model, byParamName(model, inputs), inputs, batch.batchSize), inputs['targets']!),
  });
  return { inputs: [...paramSpecs(model), ...tokenSpecs(model, batch)], fn };
}

/** One whole training step: forward, backward, clipping, optimizer. Metrics: `loss` (nats per token) and `gradNorm`. */
export function trainingProgram(
  model: LanguageModel,
  optimizer: Optimizer,
  clipNorm: number | null,
  batch: BatchShape,
): StepProgram {
  const slotSpecs = model.params.flatMap((param) =>
    Object.entries(optimizer.slots(param)).map(([slot, shape]): TensorSpec => ({
      name: slotKey(slot, param.name),
      shape,
      dtype: 'float32',
    })),
  );
  const state = [...paramSpecs(model), ...slotSpecs];
  const parts = stepParts(model, optimizer, clipNorm, batch, state, (partBatch, share) => ({
    inputs: [...paramSpecs(model), ...tokenSpecs(model, partBatch)],
    fn: (inputs) => lossAndGradients(model, inputs, partBatch, share),
  }));
  return {
    state,
    perStep: [...tokenSpecs(model, batch), ...randomSpecs(model, batch), ...scalarSpecs(optimizer)],
    metrics: ['loss', 'gradNorm'],
    ...(parts === null ? {} : { parts }),
    step(state, perStep) {
      const { loss, gradients } = lossAndGradients(model, { ...state, ...perStep }, batch);
      const units = updateUnits(model.params, optimizer);
      const joined = units.map(({ join }) => join((name) => gradients[name]!));
      const norm = tf.sqrt(squareSum(joined));
      const next = updated(units, clipped(joined, norm, clipNorm), optimizer, state, perStep);
      return { state: next, metrics: { loss, gradNorm: norm } };
    },
  };
}
