/** The decoder block of the Evolved Transformer (So et al. 2019, figure 3; Primer's release and Mesh TensorFlow). */
import { causalConv } from '../ops/causalConv.js';
import { tf, type Tensor } from '../ops/tf.js';
import { attentionParams, selfAttention } from './attention.js';
import type { DecoderOptions } from './decoderOptions.js';
import type { ModelShape } from './model.js';
import { normalise, normParams } from './norm.js';
import type { ParamSpec } from './params.js';
import { matrix, residualScale, table } from './paramSpecs.js';
import type { Pass } from './pass.js';

/**
 * Blocks in the place of `nLayers` Transformer layers. A block does the work of about two layers with fewer parameters
 * than two, so there is one more to make parameters equal: 4 for 6 layers and 7 for 12, as in the release.
 */
export const evolvedBlocks = (nLayers: number): number => Math.floor(nLayers / 2) + 1;

/** The first attention of a block has twice the heads at half the width. */
export const doubledHeads = (shape: ModelShape): ModelShape => ({
  ...shape,
  nHeads: 2 * shape.nHeads,
  dHead: shape.dHead / 2,
});

const LEFT_WIDTH = 11;
const RIGHT_WIDTH = 7;
const OUTPUT_WIDTH = 7;

/** A depthwise kernel whose output has the variance of its input, and the pointwise matrix after it. */
function separableParams(
  prefix: string,
  width: number,
  from: number,
  to: number,
  outputScale = 1,
): ParamSpec[] {
  const depthwise = { kind: 'normal', std: width ** -0.5 } as const;
  return [
    table(`${prefix}.depthwise`, [width, from], depthwise, 'convolution'),
    matrix(`${prefix}.pointwise`, from, to, from ** -0.5 * outputScale, 'convolution'),
  ];
}

const separableConv = (prefix: string, x: Tensor, { params, batchSize }: Pass): Tensor =>
  tf.matMul(causalConv(x, params[`${prefix}.depthwise`]!, batchSize), params[`${prefix}.pointwise`]!);

function convolutionParams(prefix: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const { dModel } = shape;
  return [
    ...separableParams(`${prefix}.left`, LEFT_WIDTH, dModel, 2 * dModel),
    ...separableParams(`${prefix}.right`, RIGHT_WIDTH, dModel, dModel / 2),
    ...normParams(`${prefix}.norm`, 2 * dModel, options),
    ...separableParams(`${prefix}.output`, OUTPUT_WIDTH, 2 * dModel, dModel, residualScale(shape)),
  ];
}

/**
 * relu(separable 11 to 2 dModel) + (separable 7 to dModel / 2, filled with zeros), normalised, then separable 7 to dModel.
 * @param x [contextLength * batchSize, dModel], time-major
 */
function convolutionLayer(prefix: string, x: Tensor, pass: Pass): Tensor {
  const { dModel } = pass.shape;
  const left = tf.relu(separableConv(`${prefix}.left`, x, pass));
  const right = tf.pad(separableConv(`${prefix}.right`, x, pass), [
    [0, 0],
    [0, 2 * dModel - dModel / 2],
  ]);
  const hidden = normalise(`${prefix}.norm`, tf.add(left, right), pass.params, pass.options);
  return separableConv(`${prefix}.output`, hidden, pass);
}

/** Parameters of what an Evolved Transformer block has before the attention and feed-forward layer of a Transformer's. */
export function evolvedParams(layer: string, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  return [
    ...normParams(`${layer}.doubleHeadsNorm`, shape.dModel, options),
    ...attentionParams(`${layer}.doubleHeads`, doubledHeads(shape), options),
    ...normParams(`${layer}.convolutionNorm`, shape.dModel, options),
    ...convolutionParams(`${layer}.convolution`, shape, options),
  ];
}

/**
 * The first half of a block: attention with doubled heads, then the convolutional layer, each normalised before and added.
 * @param doubledMask the mask, with a relative bias of its own for the doubled heads
 */
export function evolvedFirstHalf(layer: string, x: Tensor, doubledMask: Tensor, pass: Pass): Tensor {
  const { params, options, shape } = pass;
  const normal = normalise(`${layer}.doubleHeadsNorm`, x, params, options);
  const doubled = { ...pass, shape: doubledHeads(shape) };
  const attended = tf.add(x, selfAttention(`${layer}.doubleHeads`, normal, doubledMask, doubled));
  const convolved = normalise(`${layer}.convolutionNorm`, attended, params, options);
  return tf.add(attended, convolutionLayer(`${layer}.convolution`, convolved, pass));
}
