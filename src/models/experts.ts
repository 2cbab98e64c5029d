/** Mixture of experts in the place of a feed-forward layer: top-1 routing, capacity, load-balancing loss. */
import { balanceLoss, expertCapacity, mixture, routeTopOne, type MixtureShape } from '../ops/mixture.js';
import { isTraining, random } from '../ops/random.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { DecoderOptions, ExpertOptions } from './decoderOptions.js';
import { activate } from './feedForward.js';
import type { ModelShape } from './model.js';
import type { ParamSpec } from './params.js';
import { expertMatrices, matrix, residualScale } from './paramSpecs.js';
import type { Pass } from './pass.js';

/** Whether a layer (from 0) has experts: the last of every group of `everyNthLayer`. */
export const hasExperts = (layer: number, { experts }: DecoderOptions): boolean =>
  experts !== null && (layer + 1) % experts.everyNthLayer === 0;

/** A router and, for each expert, a feed-forward layer without biases, as in the release. */
export function expertParams(prefix: string, shape: ModelShape, { count }: ExpertOptions): ParamSpec[] {
  const { dModel, dFf } = shape;
  const outStd = dFf ** -0.5 * residualScale(shape);
  return [
    matrix(`${prefix}.router`, dModel, count, dModel ** -0.5, 'router'),
    expertMatrices(`${prefix}.in`, count, dModel, dFf, dModel ** -0.5),
    expertMatrices(`${prefix}.out`, count, dFf, dModel, outStd),
  ];
}

/**
 * @param x [contextLength * batchSize, dModel], time-major
 * @returns the layer's output, like x, and its weighted load-balancing loss, a scalar
 */
export function expertFeedForward(
  prefix: string,
  x: Tensor,
  experts: ExpertOptions,
  { params, batchSize, shape: { contextLength }, options }: Pass,
): { output: Tensor; auxiliaryLoss: Tensor } {
  const parameter = (name: string): Tensor => params[`${prefix}.${name}`]!;
  const capacity = expertCapacity(contextLength, experts);
  const shape: MixtureShape = { contextLength, batchSize, experts: experts.count, capacity };
  const probabilities = tf.softmax(tf.matMul(jittered(prefix, x, experts), parameter('router')));
  const routing = routeTopOne(probabilities, shape);
  const output = mixture(x, probabilities, routing, shape, (dispatched) =>
    tf.matMul(activate(tf.matMul(dispatched, parameter('in')), options.activation), parameter('out')),
  );
  const balance = balanceLoss(probabilities, routing.choice, shape);
  return { output, auxiliaryLoss: tf.mul(balance, experts.balanceWeight) };
}

/** The router's input in training, each element times a number around 1 (Mesh TensorFlow's `multiplicative_jitter`). */
function jittered(prefix: string, x: Tensor, { jitter = 0 }: ExpertOptions): Tensor {
  if (jitter === 0 || !isTraining()) return x;
  const uniform = random(x.shape, { site: `${prefix}.jitter` });
  return tf.mul(x, tf.add(tf.mul(uniform, 2 * jitter), 1 - jitter));
}
