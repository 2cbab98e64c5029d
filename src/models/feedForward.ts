/** The position-wise feed-forward layer. */
import { gelu, relu, squaredRelu, swish } from '../ops/activations.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { DecoderOptions } from './decoderOptions.js';
import type { ModelShape, Params } from './model.js';
import type { ParamSpec } from './params.js';
import { matrix, residualScale, vector } from './paramSpecs.js';

export function feedForwardParams(prefix: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const { dModel, dFf } = shape;
  const params = [matrix(`${prefix}.in`, dModel, dFf, dModel ** -0.5, 'feedForward')];
  if (options.gated) params.push(matrix(`${prefix}.gated`, dModel, dFf, dModel ** -0.5, 'feedForward'));
  if (options.feedForwardBiases) params.push(vector(`${prefix}.inBias`, dFf, 0, 'feedForward'));
  params.push(matrix(`${prefix}.out`, dFf, dModel, dFf ** -0.5 * residualScale(shape), 'feedForward'));
  if (options.feedForwardBiases) params.push(vector(`${prefix}.outBias`, dModel, 0, 'feedForward'));
  return params;
}

export function activate(x: Tensor, activation: DecoderOptions['activation']): Tensor {
  if (typeof activation === 'function') return activation(x);
  switch (activation) {
    case 'relu':
      return relu(x);
    case 'gelu':
      return gelu(x);
    case 'swish':
      return swish(x);
    case 'squaredRelu':
      return squaredRelu(x);
    default:
      return activation satisfies never;
  }
}

/** `activation(x W_in + b) [* x V] W_out + b`. @param x [rows, dModel] */
export function feedForward(prefix: string, x: Tensor, params: Params, options: DecoderOptions): Tensor {
  const parameter = (name: string): Tensor => params[`${prefix}.${name}`]!;
  const biased = (y: Tensor, name: string): Tensor =>
    options.feedForwardBiases ? tf.add(y, parameter(name)) : y;
  const hidden = activate(biased(tf.matMul(x, parameter('in')), 'inBias'), options.activation);
  const gated = options.gated ? tf.mul(hidden, tf.matMul(x, parameter('gated'))) : hidden;
  return biased(tf.matMul(gated, parameter('out')), 'outBias');
}
