/**
 * tfjs kernels that are recorded as other kernels: what is written of them here is what is counted, hashed and run. The
 * backend has no entry of their own for them.
 */
import { tf, type Tensor } from '../../ops/tf.js';

/** A kernel by its inputs and attributes, as tfjs names them; those that were not given are missing. */
export type Composite = (
  inputs: Readonly<Partial<Record<string, Tensor>>>,
  attrs: Readonly<Record<string, unknown>>,
) => Tensor;

/** Places of one axis after another, as constants. */
function gatherAxes(x: Tensor, places: readonly (readonly number[])[]): Tensor {
  return places.reduce((y, axisPlaces, axis) => {
    const unchanged = axisPlaces.length === y.shape[axis] && axisPlaces.every((place, i) => place === i);
    return unchanged ? y : tf.gather(y, tf.tensor1d([...axisPlaces], 'int32'), axis);
  }, x);
}

/** Places that mirroring reads: `reflect` leaves out the edge itself, `symmetric` repeats it. */
function mirroredPlaces(length: number, [before, after]: readonly [number, number], mode: string): number[] {
  const offset = mode === 'reflect' ? 0 : 1;
  return Array.from({ length: before + length + after }, (_, i) => {
    const place = i - before;
    if (place < 0) return -place - offset;
    return place < length ? place : 2 * (length - 1) - place + offset;
  });
}

/** The functions that tfjs's fused operations end with. */
function activated(x: Tensor, attrs: Readonly<Record<string, unknown>>, weights: Tensor | undefined): Tensor {
  const name = attrs['activation'] as 'linear' | 'relu' | 'relu6' | 'elu' | 'sigmoid' | 'leakyrelu' | 'prelu';
  switch (name) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'relu6':
      return tf.relu6(x);
    case 'elu':
      return tf.elu(x);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'leakyrelu':
      return tf.leakyRelu(x, attrs['leakyreluAlpha'] as number);
    case 'prelu':
      return tf.prelu(x, weights!);
    default:
      return name satisfies never;
  }
}

const biased = (x: Tensor, bias: Tensor | undefined): Tensor => (bias === undefined ? x : tf.add(x, bias));

type Conv2dArguments = Parameters<typeof tf.conv2d>;
type DepthwiseArguments = Parameters<typeof tf.depthwiseConv2d>;

export const composites: Readonly<Record<string, Composite>> = {
  MirrorPad({ x }, attrs) {
    const paddings = attrs['paddings'] as readonly (readonly [number, number])[];
    return gatherAxes(
      x!,
      x!.shape.map((length, axis) => mirroredPlaces(length, paddings[axis]!, String(attrs['mode']))),
    );
  },
  StridedSlice({ x }, attrs) {
    const numbers = (name: string): number[] => attrs[name] as number[];
    const mask = (name: string): number => attrs[name] as number;
    const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
      x!.shape,
      numbers('begin'),
      numbers('end'),
      numbers('strides'),
      mask('beginMask'),
      mask('endMask'),
      mask('ellipsisMask'),
      mask('newAxisMask'),
      mask('shrinkAxisMask'),
    );
    const sizes = tf.slice_util.computeOutShape(begin, end, strides);
    const picked = strides.every((stride) => stride === 1)
      ? tf.slice(x!, begin, sizes)
      : gatherAxes(
          x!,
          sizes.map((size, axis) =>
            Array.from({ length: size }, (_, i) => begin[axis]! + i * strides[axis]!),
          ),
        );
    return tf.reshape(picked, finalShape);
  },
  _FusedMatMul({ a, b, bias, preluActivationWeights }, attrs) {
    const product = tf.matMul(a!, b!, attrs['transposeA'] === true, attrs['transposeB'] === true);
    return activated(biased(product, bias), attrs, preluActivationWeights);
  },
  FusedConv2D({ x, filter, bias, preluActivationWeights }, attrs) {
    const product = tf.conv2d(
      x as Conv2dArguments[0],
      filter as Conv2dArguments[1],
      attrs['strides'] as Conv2dArguments[2],
      attrs['pad'] as Conv2dArguments[3],
      attrs['dataFormat'] as Conv2dArguments[4],
      attrs['dilations'] as Conv2dArguments[5],
      attrs['dimRoundingMode'] as Conv2dArguments[6],
    );
    return activated(biased(product, bias), attrs, preluActivationWeights);
  },
  FusedDepthwiseConv2D({ x, filter, bias, preluActivationWeights }, attrs) {
    const product = tf.depthwiseConv2d(
      x as DepthwiseArguments[0],
      filter as DepthwiseArguments[1],
      attrs['strides'] as DepthwiseArguments[2],
      attrs['pad'] as DepthwiseArguments[3],
      'NHWC',
      attrs['dilations'] as DepthwiseArguments[5],
      attrs['dimRoundingMode'] as DepthwiseArguments[6],
    );
    return activated(biased(product, bias), attrs, preluActivationWeights);
  },
  FusedBatchNorm({ x, scale, offset, mean, variance }, attrs) {
    const epsilon = attrs['varianceEpsilon'] as number;
    const centred = tf.mul(tf.sub(x!, mean!), tf.rsqrt(tf.add(variance!, epsilon)));
    return biased(scale === undefined ? centred : tf.mul(centred, scale), offset);
  },
  /** Blocks of the dimensions after the first become a batch: [batch, h, w] is [blocks * batch, h / block, w / block]. */
  SpaceToBatchND({ x }, attrs) {
    const blocks = attrs['blockShape'] as number[];
    const paddings = attrs['paddings'] as [number, number][];
    const padded = tf.pad(
      x!,
      x!.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]),
    );
    const [batch = 1, ...rest] = padded.shape;
    const inner = rest.slice(blocks.length);
    const split = blocks.flatMap((block, i) => [rest[i]! / block, block]);
    // Axes of the blocks, then the batch, then places among the blocks, then what is left.
    const perm = [
      ...blocks.map((_, i) => 2 * i + 2),
      0,
      ...blocks.map((_, i) => 2 * i + 1),
      ...inner.map((_, i) => 2 * blocks.length + 1 + i),
    ];
    const moved = tf.transpose(tf.reshape(padded, [batch, ...split, ...inner]), perm);
    const count = blocks.reduce((product, block) => product * block, batch);
    return tf.reshape(moved, [count, ...blocks.map((block, i) => rest[i]! / block), ...inner]);
  },
  /** The reverse, `crops` being cut off in the end. */
  BatchToSpaceND({ x }, attrs) {
    const blocks = attrs['blockShape'] as number[];
    const crops = attrs['crops'] as [number, number][];
    const [count = 1, ...rest] = x!.shape;
    const batch = blocks.reduce((quotient, block) => quotient / block, count);
    const inner = rest.slice(blocks.length);
    const n = blocks.length;
    const perm = [n, ...blocks.flatMap((_, i) => [n + 1 + i, i]), ...inner.map((_, i) => 2 * n + 1 + i)];
    const split = tf.reshape(x!, [...blocks, batch, ...rest]);
    const whole = tf.reshape(tf.transpose(split, perm), [
      batch,
      ...blocks.map((block, i) => rest[i]! * block),
      ...inner,
    ]);
    const begin = whole.shape.map((_, axis) => crops[axis - 1]?.[0] ?? 0);
    const size = whole.shape.map((length, axis) => length - begin[axis]! - (crops[axis - 1]?.[1] ?? 0));
    return tf.slice(whole, begin, size);
  },
  Diag({ x }) {
    const { size, shape } = x!;
    return tf.reshape(tf.mul(tf.eye(size), tf.reshape(x!, [size, 1])), [...shape, ...shape]);
  },
};
