/** Multi-head self-attention: projections, convolutions on them, where the weights come from, what is done after. */
import { attention, type AttentionShape } from '../ops/attention.js';
import { causalConv, MDHA_KERNEL } from '../ops/causalConv.js';
import { rotary } from '../ops/positions.js';
import { denseSynthesizer, randomSynthesizer } from '../ops/synthesizer.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { DecoderOptions } from './decoderOptions.js';
import type { ModelShape } from './model.js';
import type { ParamSpec } from './params.js';
import { kernelOf, matrix, residualScale, table } from './paramSpecs.js';
import type { Pass } from './pass.js';

/** Standard deviation of a Synthesizer's learned scores: attention is near even to begin with. */
const RANDOM_SCORE_STD = 0.02;

/** Names of the projections from the residual stream; with shared Q/K there is one for both. */
function inputProjections({ sharedQueryKey, attentionWeights }: DecoderOptions): readonly string[] {
  switch (attentionWeights) {
    case 'queryKey':
    case 'randomPlus':
      return sharedQueryKey ? ['qk', 'v'] : ['q', 'k', 'v'];
    case 'dense':
      return ['q', 'v'];
    case 'random':
      return ['v'];
    default:
      return attentionWeights satisfies never;
  }
}

export function attentionParams(prefix: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const { dModel, nHeads, dHead, contextLength, init } = shape;
  const { attentionWeights, qkvConvolution } = options;
  const width = nHeads * dHead;
  const queryStd = (fanIn: number): number => (init === 't5' ? (fanIn * dHead) ** -0.5 : fanIn ** -0.5);
  const names = inputProjections(options);
  const params = names.map((name) =>
    matrix(
      `${prefix}.${name}`,
      dModel,
      width,
      // A Synthesizer's query is not multiplied by a key, so T5's factor of 1 / sqrt(dHead) is not for it.
      name === 'q' && attentionWeights !== 'dense' ? queryStd(dModel) : dModel ** -0.5,
      'attention',
    ),
  );
  if (options.sharedQueryKey) {
    params.push(matrix(`${prefix}.qFromShared`, width, width, queryStd(width), 'attention'));
  }
  if (qkvConvolution !== 'none') {
    const channels = qkvConvolution === 'afterProjection' ? width : dModel;
    params.push(...names.map((name) => kernelOf(`${prefix}.${name}Conv`, MDHA_KERNEL, channels)));
  }
  if (attentionWeights === 'random' || attentionWeights === 'randomPlus') {
    const scores = [nHeads, contextLength, contextLength];
    params.push(table(`${prefix}.scores`, scores, { kind: 'normal', std: RANDOM_SCORE_STD }, 'attention'));
  }
  if (attentionWeights === 'dense') {
    params.push(matrix(`${prefix}.scoreProjection`, dHead, contextLength, dHead ** -0.5, 'attention'));
  }
  if (options.postSoftmaxGating) {
    params.push(table(`${prefix}.gate`, [contextLength, width], { kind: 'constant', value: 1 }, 'attention'));
  }
  params.push(matrix(`${prefix}.o`, width, dModel, width ** -0.5 * residualScale(shape), 'attention'));
  return params;
}

const joined = (tensors: Tensor[]): Tensor => tf.concat(tensors, 1);

/** A depthwise convolution over time: causal, or centred where attention sees both ways. */
type Convolution = (x: Tensor, kernel: Tensor, batchSize: number) => Tensor;

/** The projections of x in the order of `inputProjections`, each [rows, nHeads * dHead]. */
export function project(prefix: string, x: Tensor, pass: Pass, convolution: Convolution): Tensor[] {
  const { params, batchSize, options } = pass;
  const names = inputProjections(options);
  const parameter = (name: string): Tensor => params[`${prefix}.${name}`]!;
  if (options.qkvConvolution === 'beforeProjection') {
    return names.map((name) =>
      tf.matMul(convolution(x, parameter(`${name}Conv`), batchSize), parameter(name)),
    );
  }
  // One product for all projections, and one convolution: fewer and larger operations.
  let projected = tf.matMul(x, joined(names.map(parameter)));
  if (options.qkvConvolution === 'afterProjection') {
    projected = convolution(projected, joined(names.map((name) => parameter(`${name}Conv`))), batchSize);
  }
  // tfjs has no gradient for a split into one.
  return names.length === 1 ? [projected] : tf.split(projected, names.length, 1);
}

/**
 * Multi-head self-attention as the options have it.
 * @param x [contextLength * batchSize, dModel], time-major
 * @param mask causal mask, with the relative bias in it where positions are relative
 */
export function selfAttention(prefix: string, x: Tensor, mask: Tensor, pass: Pass): Tensor {
  const { params, options, shape, batchSize } = pass;
  const { contextLength, nHeads, dHead } = shape;
  const heads: AttentionShape = { contextLength, batchSize, nHeads, dHead, causal: true };
  const context = attend(prefix, project(prefix, x, pass, causalConv), mask, heads, pass);
  const gated = options.postSoftmaxGating ? gate(context, params[`${prefix}.gate`]!, heads) : context;
  return tf.matMul(gated, params[`${prefix}.o`]!);
}

/** T5's initial values leave the factor 1 / sqrt(dHead) to the query projection. */
export const queryScale = ({ init, dHead }: ModelShape): number => (init === 't5' ? 1 : dHead ** -0.5);

/**
 * Attention by the products of queries with keys.
 * @param parts what `project` gives
 * @param mask null where every position sees all others
 */
export function attendByProducts(
  prefix: string,
  parts: readonly Tensor[],
  mask: Tensor | null,
  heads: AttentionShape,
  { params, options, shape, positions }: Pass,
): Tensor {
  const [query, key, value] = options.sharedQueryKey
    ? [tf.matMul(parts[0]!, params[`${prefix}.qFromShared`]!), parts[0]!, parts[1]!]
    : [parts[0]!, parts[1]!, parts[2]!];
  const turned = (y: Tensor): Tensor => (positions === 'rotary' ? rotary(y, heads) : y);
  return attention(turned(query), turned(key), value, mask, queryScale(shape), heads);
}

function attend(prefix: string, parts: Tensor[], mask: Tensor, heads: AttentionShape, pass: Pass): Tensor {
  const { params, options } = pass;
  const parameter = (name: string): Tensor => params[`${prefix}.${name}`]!;
  const byProducts = (scoreMask: Tensor): Tensor => attendByProducts(prefix, parts, scoreMask, heads, pass);
  switch (options.attentionWeights) {
    case 'queryKey':
      return byProducts(mask);
    case 'randomPlus':
      return byProducts(tf.add(parameter('scores'), mask));
    case 'random':
      return randomSynthesizer(parts[0]!, tf.add(parameter('scores'), mask), heads);
    case 'dense':
      return denseSynthesizer(parts[0]!, parameter('scoreProjection'), parts[1]!, mask, heads);
    default:
      return options.attentionWeights satisfies never;
  }
}

/** Primer's post-softmax gating: every position and channel has its factor. @param factors [contextLength, channels] */
function gate(context: Tensor, factors: Tensor, { contextLength, batchSize }: AttentionShape): Tensor {
  const channels = factors.shape[1]!;
  const byTime = tf.reshape(context, [contextLength, batchSize, channels]);
  return tf.reshape(tf.mul(byTime, tf.expandDims(factors, 1)), context.shape);
}
