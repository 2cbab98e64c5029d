/** tfjs's convolutions over [batch, height, width, channels] and their gradients, as ONNX's over [batch, channels, ...]. */
import { tf } from '../../ops/tf.js';
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import type { Shape } from '../tensors.js';
import { channelsFirst, channelsLast, float, onnxPads, outputPadding, type Shape4 } from './channels.js';
import type { Attrs, TraceNode } from './graph.js';
import { numbersAttr, type Kernel, type KernelTable } from './kernel.js';

type Conv2DInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** What both the trace and ONNX have to know of a convolution of x with a filter. */
function convolution(x: Shape, filter: Shape, attrs: Attrs, depthwise: boolean): Conv2DInfo {
  if (attrs['dataFormat'] === 'NCHW') {
    throw new Error('convolutions of data format NCHW cannot be traced; use NHWC, TensorFlow.js’s default');
  }
  const pair = (name: string): [number, number] => {
    const [first = 1, second = first] = attrs[name] === undefined ? [] : numbersAttr(attrs, name);
    return [first, second];
  };
  if (typeof attrs['pad'] === 'number' && attrs['pad'] > 0 && pair('dilations').some((step) => step > 1)) {
    // TensorFlow.js gives the result the shape that it would have without dilations.
    throw new Error('a number as pad does not go with dilations; pad x yourself (tf.pad) and take "valid"');
  }
  type Pad = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
  type Rounding = Parameters<typeof tf.backend_util.computeConv2DInfo>[5];
  return tf.backend_util.computeConv2DInfo(
    [...x] as Shape4,
    [...filter] as Shape4,
    pair('strides'),
    pair('dilations'),
    attrs['pad'] as Pad,
    attrs['dimRoundingMode'] as Rounding,
    depthwise,
  );
}

const onnxAttrs = (info: Conv2DInfo, group: number) => ({
  group,
  strides: [info.strideHeight, info.strideWidth],
  dilations: [info.dilationHeight, info.dilationWidth],
  pads: onnxPads(info),
});

/** [height, width, in, out] to [out, in, height, width]; depthwise, [height, width, in, multiplier] to [in * multiplier, 1, ...]. */
function onnxFilter(builder: GraphBuilder, filter: OnnxValue, depthwise: boolean): OnnxValue {
  if (!depthwise) return builder.transpose(filter, [3, 2, 0, 1]);
  const [height, width, channels, multiplier] = filter.shape as Shape4;
  return builder.reshape(builder.transpose(filter, [2, 3, 0, 1]), [channels * multiplier, 1, height, width]);
}

/** 2 for each multiplication and addition: every output element is a product over the filter's window. */
function flopsOf(info: Conv2DInfo, depthwise: boolean): number {
  const { batchSize, outHeight, outWidth, outChannels, filterHeight, filterWidth, inChannels } = info;
  const window = filterHeight * filterWidth * (depthwise ? 1 : inChannels);
  return 2 * batchSize * outHeight * outWidth * outChannels * window;
}

const matmul = (infoOf: (node: TraceNode) => Conv2DInfo, depthwise: boolean): Kernel['cost'] => ({
  kind: 'matmul',
  flops: (node) => flopsOf(infoOf(node), depthwise),
});

const forward = (depthwise: boolean): Kernel => {
  const infoOf = (x: { shape: Shape }, filter: { shape: Shape }, attrs: Attrs): Conv2DInfo =>
    convolution(x.shape, filter.shape, attrs, depthwise);
  return {
    inputNames: ['x', 'filter'],
    infer: ([x, filter], attrs) => [float(infoOf(x!, filter!, attrs).outShape)],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [x, filter] = inputs as [OnnxValue, OnnxValue];
      const [batch, height, width, channels] = outputs[0]!.shape as Shape4;
      const y = builder.op(
        'Conv',
        [channelsFirst(builder, x), onnxFilter(builder, filter, depthwise)],
        float([batch, channels, height, width]),
        { attrs: onnxAttrs(infoOf(x, filter, attrs), depthwise ? x.shape[3]! : 1) },
      );
      return [channelsLast(builder, y)];
    },
    cost: matmul(({ inputs, attrs }) => infoOf(inputs[0]!, inputs[1]!, attrs), depthwise),
  };
};

/** The gradient by x: a transposed convolution of dy with the same filter. */
const byInput = (depthwise: boolean): Kernel => {
  const infoOf = (filter: { shape: Shape }, attrs: Attrs): Conv2DInfo =>
    convolution(numbersAttr(attrs, 'inputShape'), filter.shape, attrs, depthwise);
  return {
    inputNames: ['dy', 'filter'],
    infer: (_, attrs) => [float(numbersAttr(attrs, 'inputShape'))],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [dy, filter] = inputs as [OnnxValue, OnnxValue];
      const info = infoOf(filter, attrs);
      const [batch, height, width, channels] = outputs[0]!.shape as Shape4;
      const output_padding = outputPadding(info, height, width);
      const dx = builder.op(
        'ConvTranspose',
        [channelsFirst(builder, dy), onnxFilter(builder, filter, depthwise)],
        float([batch, channels, height, width]),
        { attrs: { ...onnxAttrs(info, depthwise ? channels : 1), output_padding } },
      );
      return [channelsLast(builder, dx)];
    },
    cost: matmul(({ inputs, attrs }) => infoOf(inputs[1]!, attrs), depthwise),
  };
};

/**
 * The gradient by the filter: a convolution of x with dy, batch and channels changing places, strides and dilations too.
 * The result has further rows and columns where the strides skip the end of x; they are cut off.
 */
const byFilter = (depthwise: boolean): Kernel => {
  const infoOf = (x: { shape: Shape }, attrs: Attrs): Conv2DInfo =>
    convolution(x.shape, numbersAttr(attrs, 'filterShape'), attrs, depthwise);
  return {
    inputNames: ['x', 'dy'],
    infer: (_, attrs) => [float(numbersAttr(attrs, 'filterShape'))],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [x, dy] = inputs as [OnnxValue, OnnxValue];
      const info = infoOf(x, attrs);
      const [height, width, channels, last] = outputs[0]!.shape as Shape4;
      const { strides, dilations, pads, group } = onnxAttrs(info, depthwise ? channels : 1);
      const [batch, inHeight, inWidth] = x.shape as Shape4;
      const swapped = builder.transpose(x, [3, 0, 1, 2]);
      const image = depthwise ? builder.reshape(swapped, [1, channels * batch, inHeight, inWidth]) : swapped;
      const span = (size: number, before: number, after: number, out: number, stride: number, step: number) =>
        Math.floor((size + before + after - ((out - 1) * stride + 1)) / step) + 1;
      const found: readonly [number, number] = [
        span(inHeight, pads[0]!, pads[2]!, info.outHeight, strides[0]!, dilations[0]!),
        span(inWidth, pads[1]!, pads[3]!, info.outWidth, strides[1]!, dilations[1]!),
      ];
      const rows = depthwise ? 1 : channels;
      const columns = depthwise ? channels * last : last;
      const gradient = builder.op(
        'Conv',
        [image, builder.transpose(dy, [3, 0, 1, 2])],
        float([rows, columns, ...found]),
        { attrs: { group, pads, strides: dilations, dilations: strides } },
      );
      const cut = builder.slice(gradient, [0, 0, 0, 0], [rows, columns, height, width]);
      const byChannel = depthwise ? builder.reshape(cut, [channels, last, height, width]) : cut;
      return [builder.transpose(byChannel, [2, 3, 0, 1])];
    },
    cost: matmul(({ inputs, attrs }) => infoOf(inputs[0]!, attrs), depthwise),
  };
};

export const convolutionKernels: KernelTable = {
  Conv2D: forward(false),
  Conv2DBackpropInput: byInput(false),
  Conv2DBackpropFilter: byFilter(false),
  DepthwiseConv2dNative: forward(true),
  DepthwiseConv2dNativeBackpropInput: byInput(true),
  DepthwiseConv2dNativeBackpropFilter: byFilter(true),
};
