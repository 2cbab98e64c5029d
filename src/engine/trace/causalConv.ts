/**
 * The causal depthwise convolution over time as ONNX nodes. Plain: products with whole shifted copies. Blocked: ONNX Runtime's
 * own depthwise convolution, for which channels lie in blocks of a vector register's width; a third of the passes over memory.
 */
import type { GraphBuilder, OnnxDomain, OnnxValue } from '../onnx/graph.js';
import { MOVE, numberAttr, type KernelTable, type LowerContext } from './kernel.js';
import { KERNEL } from '../../ops/kernelNames.js';

/** The widest block of ONNX Runtime's convolutions, a multiple of all others. */
const BLOCK = 16;
const NCHWC: OnnxDomain = 'com.microsoft.nchwc';

/** Row i of the result is row i - `by`, or zeros where there is none: ONNX pads one end and cuts the other in one pass. */
const shifted = (builder: GraphBuilder, x: OnnxValue, by: number): OnnxValue =>
  by === 0 ? x : builder.op('Pad', [x, builder.int64s([by, 0, -by, 0])], x);

const kernelRow = (builder: GraphBuilder, w: OnnxValue, k: number): OnnxValue =>
  builder.slice(w, [k, 0], [1, w.shape[1]!]);

const total = (builder: GraphBuilder, terms: readonly OnnxValue[]): OnnxValue =>
  terms.reduce((sum, term) => builder.binary('Add', sum, term));

const stacked = (builder: GraphBuilder, rows: readonly OnnxValue[]): OnnxValue =>
  builder.op(
    'Concat',
    rows,
    { shape: [rows.length, rows[0]!.shape[1]!], dtype: 'float32' },
    { attrs: { axis: 0 } },
  );

const weighted = (builder: GraphBuilder, copies: readonly OnnxValue[], w: OnnxValue): OnnxValue =>
  total(
    builder,
    copies.map((copy, k) => builder.binary('Mul', copy, kernelRow(builder, w, k))),
  );

const taps = (w: OnnxValue): number[] => Array.from({ length: w.shape[0]! }, (_, k) => k);

/** dy shifted back serves the gradients of x and of the kernel, so that nothing but x is kept for the backward pass. */
function plainGradients(
  builder: GraphBuilder,
  dy: OnnxValue,
  x: OnnxValue,
  w: OnnxValue,
  batchSize: number,
): OnnxValue[] {
  const later = taps(w).map((k) => shifted(builder, dy, -k * batchSize));
  const dw = later.map((copy) => builder.reduce('ReduceSum', builder.binary('Mul', copy, x), [0], true));
  return [weighted(builder, later, w), stacked(builder, dw)];
}

const isBlocked = ({ blockedConvolutions, outputs }: LowerContext): boolean =>
  blockedConvolutions && outputs[0]!.shape[1]! % BLOCK === 0;

/** [rows, channels] as an image of `height` rows, its channels in blocks. */
function blocks(builder: GraphBuilder, x: OnnxValue, height: number): OnnxValue {
  const channels = x.shape[1]!;
  const width = x.shape[0]! / height;
  const image = builder.reshape(x, [1, height, width, channels]);
  const output = { shape: [1, channels, height, width], dtype: 'float32' } as const;
  return builder.op('ReorderInput', [image], output, { attrs: { channels_last: 1 }, domain: NCHWC });
}

function fromBlocks(builder: GraphBuilder, x: OnnxValue): OnnxValue {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const output = { shape: [1, height, width, channels], dtype: 'float32' } as const;
  const attrs = { channels, channels_last: 1 };
  const image = builder.op('ReorderOutput', [x], output, { attrs, domain: NCHWC });
  return builder.reshape(image, [height * width, channels]);
}

/** Blocks of an image are laid out as the filters of a depthwise convolution are. */
const asFilters = (builder: GraphBuilder, x: OnnxValue): OnnxValue =>
  builder.reshape(x, [x.shape[1]!, 1, x.shape[2]!, x.shape[3]!]);

/** Depthwise, so many rows of zeros above and below. */
function convolution(
  builder: GraphBuilder,
  x: OnnxValue,
  filters: OnnxValue,
  above: number,
  below: number,
): OnnxValue {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const [, , kernelHeight, kernelWidth] = filters.shape as [number, number, number, number];
  const shape = [1, channels, height + above + below - kernelHeight + 1, width - kernelWidth + 1];
  const attrs = {
    group: channels,
    kernel_shape: [kernelHeight, kernelWidth],
    pads: [above, 0, below, 0],
    strides: [1, 1],
    dilations: [1, 1],
  };
  return builder.op('Conv', [x, filters], { shape, dtype: 'float32' }, { attrs, domain: NCHWC });
}

/** The kernel's rows in time: the earliest position's first. */
const inTime = (builder: GraphBuilder, w: OnnxValue): OnnxValue =>
  stacked(
    builder,
    taps(w)
      .toReversed()
      .map((k) => kernelRow(builder, w, k)),
  );

const filtersOf = (builder: GraphBuilder, w: OnnxValue): OnnxValue =>
  asFilters(builder, blocks(builder, w, w.shape[0]!));

function blockedGradients(
  builder: GraphBuilder,
  dy: OnnxValue,
  x: OnnxValue,
  w: OnnxValue,
  batchSize: number,
): OnnxValue[] {
  const width = w.shape[0]!;
  const [dyBlocks, xBlocks] = [dy, x].map((y) => blocks(builder, y, y.shape[0]! / batchSize));
  const dx = convolution(builder, dyBlocks!, filtersOf(builder, w), 0, width - 1);
  // dw[k] = sum of dy[t] x[t - k]: x convolved with all of dy, at the places where they overlap but for k rows.
  const dw = convolution(builder, xBlocks!, asFilters(builder, dyBlocks!), width - 1, 0);
  return [fromBlocks(builder, dx), inTime(builder, fromBlocks(builder, dw))];
}

export const convolutionKernels: KernelTable = {
  [KERNEL.causalConv]: {
    inputNames: ['x', 'w'],
    infer: ([x]) => [x!],
    lower: (context) => {
      const { builder, inputs, attrs } = context;
      const [x, w] = inputs as [OnnxValue, OnnxValue];
      const batchSize = numberAttr(attrs, 'batchSize');
      if (!isBlocked(context)) {
        const earlier = taps(w).map((k) => shifted(builder, x, k * batchSize));
        return [weighted(builder, earlier, w)];
      }
      const filters = filtersOf(builder, inTime(builder, w));
      const image = blocks(builder, x, x.shape[0]! / batchSize);
      return [fromBlocks(builder, convolution(builder, image, filters, w.shape[0]! - 1, 0))];
    },
    cost: MOVE,
  },
  [KERNEL.causalConvGradients]: {
    inputNames: ['dy', 'x', 'w'],
    infer: ([, x, w]) => [x!, w!],
    lower: (context) => {
      const { builder, inputs, attrs } = context;
      const [dy, x, w] = inputs as [OnnxValue, OnnxValue, OnnxValue];
      const gradients = isBlocked(context) ? blockedGradients : plainGradients;
      return gradients(builder, dy, x, w, numberAttr(attrs, 'batchSize'));
    },
    cost: MOVE,
  },
};
