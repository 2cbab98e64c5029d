/** Layers that decoders are made of, each with its parameters beside its function. */
import { gelu, relu, squaredRelu, swish } from '../ops/activations.js';
import { attention, type AttentionShape } from '../ops/attention.js';
import { causalConv, MDHA_KERNEL } from '../ops/causalConv.js';
import { layerNorm, primerNormLingvo, rmsNorm } from '../ops/norms.js';
import { rotary } from '../ops/positions.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { DecoderOptions } from './decoderOptions.js';
import type { ModelShape, Params, Positions } from './model.js';
import type { Init, ParamGroup, ParamSpec } from './params.js';

const constant = (value: number): Init => ({ kind: 'constant', value });
const normal = (std: number): Init => ({ kind: 'normal', std });

const matrix = (name: string, rows: number, columns: number, std: number, group: ParamGroup): ParamSpec => ({
  name,
  shape: [rows, columns],
  init: normal(std),
  group,
  decay: true,
});

const vector = (name: string, length: number, value: number, group: ParamGroup): ParamSpec => ({
  name,
  shape: [length],
  init: constant(value),
  group,
  decay: false,
});

/** Projections that write to the residual stream start smaller, so that its variance does not grow with depth (Radford et al. 2019). */
const residualScale = ({ init, nLayers }: ModelShape): number => (init === 'small' ? 1 / Math.sqrt(2 * nLayers) : 1);

// Normalisation

export function normParams(prefix: string, dModel: number, { norm }: DecoderOptions): ParamSpec[] {
  const gamma = vector(`${prefix}.gamma`, dModel, 1, 'norm');
  return norm === 'rmsNorm' ? [gamma] : [gamma, vector(`${prefix}.beta`, dModel, 0, 'norm')];
}

/** @param x [rows, dModel] */
export function normalise(prefix: string, x: Tensor, params: Params, { norm }: DecoderOptions): Tensor {
  const gamma = params[`${prefix}.gamma`]!;
  switch (norm) {
    case 'rmsNorm':
      return rmsNorm(x, gamma);
    case 'layerNorm':
      return layerNorm(x, gamma, params[`${prefix}.beta`]!);
    case 'primerNormLingvo':
      return primerNormLingvo(x, gamma, params[`${prefix}.beta`]!);
    default:
      return norm satisfies never;
  }
}

// Attention

const PROJECTIONS = ['q', 'k', 'v'] as const;

/** Names of the projections from the residual stream; with shared Q/K there is one for both. */
const inputProjections = ({ sharedQueryKey }: DecoderOptions): readonly string[] =>
  sharedQueryKey ? ['qk', 'v'] : PROJECTIONS;

export function attentionParams(prefix: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const { dModel, nHeads, dHead, init } = shape;
  const width = nHeads * dHead;
  const queryStd = (fanIn: number): number => (init === 't5' ? (fanIn * dHead) ** -0.5 : fanIn ** -0.5);
  const params = inputProjections(options).map((name) =>
    matrix(`${prefix}.${name}`, dModel, width, name === 'q' ? queryStd(dModel) : dModel ** -0.5, 'attention'),
  );
  if (options.sharedQueryKey) params.push(matrix(`${prefix}.qFromShared`, width, width, queryStd(width), 'attention'));
  if (options.qkvConvolution) {
    for (const name of inputProjections(options)) {
      const shape = [MDHA_KERNEL.length, width];
      const init: Init = { kind: 'rows', values: MDHA_KERNEL };
      params.push({ name: `${prefix}.${name}Conv`, shape, init, group: 'convolution', decay: false });
    }
  }
  params.push(matrix(`${prefix}.o`, width, dModel, width ** -0.5 * residualScale(shape), 'attention'));
  return params;
}

const joined = (tensors: Tensor[]): Tensor => tf.concat(tensors, 1);

/**
 * Multi-head self-attention, with MDHA's convolutions and shared Q/K where the options say so.
 * @param x [contextLength * batchSize, dModel], time-major
 * @param mask causal mask, with the relative bias in it where positions are relative
 */
export function selfAttention(
  prefix: string,
  x: Tensor,
  params: Params,
  mask: Tensor,
  batchSize: number,
  shape: ModelShape,
  options: DecoderOptions,
  positions: Positions,
): Tensor {
  const { contextLength, nHeads, dHead, init } = shape;
  const heads: AttentionShape = { contextLength, batchSize, nHeads, dHead };
  const names = inputProjections(options);
  const parameter = (name: string): Tensor => params[`${prefix}.${name}`]!;
  // One product for all projections, and one convolution: fewer and larger operations.
  let projected = tf.matMul(x, joined(names.map(parameter)));
  if (options.qkvConvolution) {
    projected = causalConv(projected, joined(names.map((name) => parameter(`${name}Conv`))), batchSize);
  }
  const parts = tf.split(projected, names.length, 1);
  const [query, key, value] = options.sharedQueryKey
    ? [tf.matMul(parts[0]!, parameter('qFromShared')), parts[0]!, parts[1]!]
    : [parts[0]!, parts[1]!, parts[2]!];
  const turned = (y: Tensor): Tensor => (positions === 'rotary' ? rotary(y, heads) : y);
  // T5's initial values leave the factor 1 / sqrt(dHead) to the query projection.
  const queryScale = init === 't5' ? 1 : dHead ** -0.5;
  const context = attention(turned(query), turned(key), value, mask, queryScale, heads);
  return tf.matMul(context, parameter('o'));
}

// Feed-forward

export function feedForwardParams(prefix: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const { dModel, dFf } = shape;
  const params = [matrix(`${prefix}.in`, dModel, dFf, dModel ** -0.5, 'feedForward')];
  if (options.gated) params.push(matrix(`${prefix}.gated`, dModel, dFf, dModel ** -0.5, 'feedForward'));
  if (options.feedForwardBiases) params.push(vector(`${prefix}.inBias`, dFf, 0, 'feedForward'));
  params.push(matrix(`${prefix}.out`, dFf, dModel, dFf ** -0.5 * residualScale(shape), 'feedForward'));
  if (options.feedForwardBiases) params.push(vector(`${prefix}.outBias`, dModel, 0, 'feedForward'));
  return params;
}

function activate(x: Tensor, activation: DecoderOptions['activation']): Tensor {
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
  const biased = (y: Tensor, name: string): Tensor => (options.feedForwardBiases ? tf.add(y, parameter(name)) : y);
  const hidden = activate(biased(tf.matMul(x, parameter('in')), 'inBias'), options.activation);
  const gated = options.gated ? tf.mul(hidden, tf.matMul(x, parameter('gated'))) : hidden;
  return biased(tf.matMul(gated, parameter('out')), 'outBias');
}
