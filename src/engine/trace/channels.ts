/** What convolutions and pooling share: tfjs has channels last, ONNX has them first. */
import type { tf } from '../../ops/tf.js';
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import type { Shape } from '../tensors.js';

export type Shape4 = [number, number, number, number];

/** What tfjs works out of a window that moves over an image, for convolutions and pooling alike. */
export type WindowInfo = Pick<
  ReturnType<typeof tf.backend_util.computeConv2DInfo>,
  | 'padInfo'
  | 'outHeight'
  | 'outWidth'
  | 'strideHeight'
  | 'strideWidth'
  | 'effectiveFilterHeight'
  | 'effectiveFilterWidth'
>;

export const float = (shape: Shape) => ({ shape, dtype: 'float32' }) as const;

export const channelsFirst = (builder: GraphBuilder, x: OnnxValue): OnnxValue =>
  builder.transpose(x, [0, 3, 1, 2]);
export const channelsLast = (builder: GraphBuilder, x: OnnxValue): OnnxValue =>
  builder.transpose(x, [0, 2, 3, 1]);

export const onnxPads = ({ padInfo: { top, left, bottom, right } }: WindowInfo): number[] => [
  top,
  left,
  bottom,
  right,
];

/** Rows and columns at the end that no window reached, where strides skip them: what ConvTranspose has to add. */
export function outputPadding(info: WindowInfo, height: number, width: number): number[] {
  const { top, bottom, left, right } = info.padInfo;
  return [
    height - ((info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - top - bottom),
    width - ((info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - left - right),
  ];
}
