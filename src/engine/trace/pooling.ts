/** tfjs's pooling over [batch, height, width, channels] and its gradients, as ONNX's over [batch, channels, ...]. */
import { tf } from '../../ops/tf.js';
import type { OnnxValue } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';
import { channelsFirst, channelsLast, float, onnxPads, outputPadding, type Shape4 } from './channels.js';
import type { Attrs } from './graph.js';
import { FLOATS, numbersAttr, type Kernel, type KernelTable } from './kernel.js';

type Pool2DInfo = ReturnType<typeof tf.backend_util.computePool2DInfo>;

function pooling(x: Shape, attrs: Attrs): Pool2DInfo {
  if (attrs['dimRoundingMode'] === 'ceil' || attrs['dimRoundingMode'] === 'round') {
    throw new Error('its dimRoundingMode can only be "floor"; pad x yourself (tf.pad) and pool with "valid"');
  }
  const pair = (name: string): [number, number] => {
    const [first = 1, second = first] = numbersAttr(attrs, name);
    return [first, second];
  };
  type Pad = Parameters<typeof tf.backend_util.computePool2DInfo>[4];
  return tf.backend_util.computePool2DInfo(
    [...x] as Shape4,
    pair('filterSize'),
    pair('strides'),
    1,
    attrs['pad'] as Pad,
    'floor',
  );
}

const onnxAttrs = (info: Pool2DInfo) => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  pads: onnxPads(info),
});

const pooledShape = ({ outShape }: Pool2DInfo): Shape4 => [
  outShape[0],
  outShape[3],
  outShape[1],
  outShape[2],
];

/** 1 for each element of each window: a reduction of every window by itself. */
const windowsCost: Kernel['cost'] = {
  kind: 'composite',
  name: 'reduction',
  flops: ({ kernel, inputs, attrs }) => {
    const x = kernel === 'AvgPoolGrad' ? inputs[1]! : inputs[0]!;
    const { outShape, filterHeight, filterWidth } = pooling(x.shape, attrs);
    return sizeOf(outShape) * filterHeight * filterWidth;
  },
};

const pool = (op: 'AveragePool' | 'MaxPool'): Kernel => ({
  inputNames: ['x'],
  accepts: FLOATS,
  infer: ([x], attrs) => [float(pooling(x!.shape, attrs).outShape)],
  lower: ({ builder, inputs, attrs }) => {
    const x = inputs[0]!;
    const info = pooling(x.shape, attrs);
    const pooled = builder.op(op, [channelsFirst(builder, x)], float(pooledShape(info)), {
      attrs: { ...onnxAttrs(info), ...(op === 'AveragePool' ? { count_include_pad: 0 } : {}) },
    });
    return [channelsLast(builder, pooled)];
  },
  cost: windowsCost,
});

export const poolingKernels: KernelTable = {
  AvgPool: pool('AveragePool'),
  MaxPool: pool('MaxPool'),
  /** Every element of dy, over the size of the window, to all of its window: a transposed convolution. */
  AvgPoolGrad: {
    inputNames: ['dy', 'input'],
    infer: ([, x]) => [x!],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [dy, x] = inputs as [OnnxValue, OnnxValue];
      const info = pooling(x.shape, attrs);
      const { filterHeight, filterWidth } = info;
      const [batch, height, width, channels] = outputs[0]!.shape as Shape4;
      const filter = builder.filled(1 / (filterHeight * filterWidth), [
        channels,
        1,
        filterHeight,
        filterWidth,
      ]);
      const dx = builder.op(
        'ConvTranspose',
        [channelsFirst(builder, dy), filter],
        float([batch, channels, height, width]),
        {
          attrs: { ...onnxAttrs(info), group: channels, output_padding: outputPadding(info, height, width) },
        },
      );
      return [channelsLast(builder, dx)];
    },
    cost: windowsCost,
  },
  /** Every element of dy to where the largest of its window, the first of equals, stood. */
  MaxPoolGrad: {
    inputNames: ['dy', 'input', 'output'],
    infer: ([, x]) => [x!],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [dy, x] = inputs as [OnnxValue, OnnxValue];
      const info = pooling(x.shape, attrs);
      const [batch, height, width, channels] = outputs[0]!.shape as Shape4;
      const shape = pooledShape(info);
      const [, places] = builder.node(
        'MaxPool',
        [channelsFirst(builder, x)],
        [float(shape), { shape, dtype: 'int64' }],
        { attrs: onnxAttrs(info) },
      );
      const [size, count] = [sizeOf(x.shape), sizeOf(shape)];
      const dx = builder.op(
        'ScatterElements',
        [
          builder.filled(0, [size]),
          builder.reshape(places!, [count]),
          builder.reshape(channelsFirst(builder, dy), [count]),
        ],
        float([size]),
        { attrs: { axis: 0, reduction: 'add' } },
      );
      return [channelsLast(builder, builder.reshape(dx, [batch, channels, height, width]))];
    },
    cost: { kind: 'composite', name: 'reduction', flops: ({ inputs }) => sizeOf(inputs[0]!.shape) },
  },
};
