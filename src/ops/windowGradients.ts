/**
 * Gradients of windows over images that TensorFlow.js lacks or has wrong, registered for every backend: convolutions with
 * dilations have none; that of average pooling divides by the whole window also where a part of it lies on the padding,
 * which the average leaves out.
 */
import type { Tensor } from './tf.js';
import type tfjs from '@tensorflow/tfjs';

type Tf = typeof tfjs;
type Shape4 = [number, number, number, number];
type Attrs = Readonly<Record<string, unknown>>;

const pairOf = (value: unknown): [number, number] => {
  const [first = 1, second = first] = (Array.isArray(value) ? value : [value ?? 1]) as number[];
  return [first, second];
};

interface PadInfo {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Before and after each axis of images [batch, height, width, channels]. */
const paddingsOf = ({ top, bottom, left, right }: PadInfo): [number, number][] => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

/** Places of x that each tap of a dilated filter reads, and x with its padding; strides are 1 where dilations are not. */
function tapsOf(tf: Tf, x: Tensor, filter: Tensor, attrs: Attrs, depthwise: boolean) {
  type Pad = Parameters<Tf['backend_util']['computeConv2DInfo']>[4];
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filter.shape as Shape4,
    1,
    pairOf(attrs['dilations']),
    attrs['pad'] as Pad,
    attrs['dimRoundingMode'] as 'floor' | undefined,
    depthwise,
  );
  const paddings = paddingsOf(info.padInfo);
  const begins = Array.from({ length: info.filterHeight * info.filterWidth }, (_, tap) => ({
    row: Math.floor(tap / info.filterWidth) * info.dilationHeight,
    column: (tap % info.filterWidth) * info.dilationWidth,
  }));
  const { batchSize, outHeight, outWidth, inChannels } = info;
  return {
    padded: tf.pad(x, paddings),
    paddings,
    begins,
    window: [batchSize, outHeight, outWidth, inChannels],
  };
}

/**
 * Gradients of a convolution with dilations, a matrix product (or, by channel, a product) for each tap of the filter.
 * @param dy [batch, height, width, channels of the output]
 */
function dilatedGradients(tf: Tf, dy: Tensor, x: Tensor, filter: Tensor, attrs: Attrs, depthwise: boolean) {
  const { padded, paddings, begins, window } = tapsOf(tf, x, filter, attrs, depthwise);
  const [height, width, channels, last] = filter.shape as Shape4;
  const pixels = window[0]! * window[1]! * window[2]!;
  const byPixel = tf.reshape(dy, depthwise ? [pixels, channels, last] : [pixels, last]);
  const weights = (tap: number): Tensor =>
    tf.reshape(tf.slice(tf.reshape(filter, [height * width, channels, last]), tap, 1), [channels, last]);
  const read = ({ row, column }: (typeof begins)[number]): Tensor =>
    tf.reshape(tf.slice(padded, [0, row, column, 0], window), [pixels, channels]);
  const dFilter = (): Tensor => {
    const taps = begins.map((begin) =>
      depthwise
        ? tf.sum(tf.mul(tf.expandDims(read(begin), 2), byPixel), 0)
        : tf.matMul(read(begin), byPixel, true, false),
    );
    return tf.reshape(tf.stack(taps), filter.shape);
  };
  const dx = (): Tensor => {
    const spread = begins.map(({ row, column }, tap) => {
      const product = depthwise
        ? tf.sum(tf.mul(byPixel, weights(tap)), 2)
        : tf.matMul(byPixel, weights(tap), false, true);
      const end = (axis: 1 | 2, begin: number): number => padded.shape[axis]! - begin - window[axis]!;
      return tf.pad(tf.reshape(product, window), [
        [0, 0],
        [row, end(1, row)],
        [column, end(2, column)],
        [0, 0],
      ]);
    });
    return tf.slice(
      tf.addN(spread),
      paddings.map(([before]) => before),
      x.shape,
    );
  };
  return { x: dx, filter: dFilter };
}

/** Called once, by the file that loads TensorFlow.js. */
export function registerWindowGradients(tf: Tf): void {
  for (const [kernelName, depthwise] of [
    ['Conv2D', false],
    ['DepthwiseConv2dNative', true],
  ] as const) {
    const own = tf.getGradient(kernelName);
    tf.unregisterGradient(kernelName);
    tf.registerGradient({
      ...own,
      gradFunc: (dy, saved, attrs) => {
        const { dilations } = attrs as unknown as Attrs;
        if (pairOf(dilations).every((step) => step === 1)) return own.gradFunc(dy, saved, attrs);
        return dilatedGradients(tf, dy as Tensor, saved[0]!, saved[1]!, attrs, depthwise);
      },
    });
  }
  const ownAverage = tf.getGradient('AvgPool');
  tf.unregisterGradient('AvgPool');
  tf.registerGradient({
    ...ownAverage,
    gradFunc: (dy, saved, attrs) => {
      const x = saved[0]!;
      const cut = cutWindows(tf, x.shape as Shape4, attrs);
      if (cut === null) return ownAverage.gradFunc(dy, saved, attrs);
      // Backends differ in what they divide by at a padded edge, but not where there is no padding.
      const gradients = ownAverage.gradFunc(tf.mul(dy as Tensor, cut.whole), [tf.pad(x, cut.paddings)], {
        ...attrs,
        pad: 'valid',
      });
      const begin = cut.paddings.map(([before]) => before);
      return { x: () => tf.slice(gradients['x']!(), begin, x.shape) };
    },
  });
}

/**
 * Where windows are cut by the padding: the padding, and the size of the window over the part of it that lies on x, by
 * output row and column; null where none is.
 */
function cutWindows(
  tf: Tf,
  x: Shape4,
  { filterSize, strides, pad }: Attrs,
): { readonly whole: Tensor; readonly paddings: [number, number][] } | null {
  type Pad = Parameters<Tf['backend_util']['computePool2DInfo']>[4];
  const info = tf.backend_util.computePool2DInfo(x, pairOf(filterSize), pairOf(strides), 1, pad as Pad);
  const { top, left, bottom, right } = info.padInfo;
  if (top + left + bottom + right === 0) return null;
  const inside = (count: number, stride: number, before: number, size: number, window: number): number[] =>
    Array.from({ length: count }, (_, i) => {
      const begin = i * stride - before;
      return Math.min(size, begin + window) - Math.max(0, begin);
    });
  const rows = inside(info.outHeight, info.strideHeight, top, info.inHeight, info.filterHeight);
  const columns = inside(info.outWidth, info.strideWidth, left, info.inWidth, info.filterWidth);
  const whole = info.filterHeight * info.filterWidth;
  const factors = rows.flatMap((row) => columns.map((column) => whole / (row * column)));
  return {
    whole: tf.tensor4d(factors, [1, info.outHeight, info.outWidth, 1]),
    paddings: paddingsOf(info.padInfo),
  };
}
