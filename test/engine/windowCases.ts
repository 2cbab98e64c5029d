/** Cases of windows over images: pooling, transposed and dilated convolutions, and what tf.pool makes of them. */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { NONE, kernelCase, type KernelCase } from './kernelCase.js';

type Pad = 'same' | 'valid' | number;
type Pool = (x: Tensor, strides: number, pad: Pad) => Tensor;

const IMAGES = { x: { shape: [2, 5, 7, 3] } };

const maxPool: Pool = (x, strides, pad) => tf.maxPool(x as Tensor4D, [3, 2], strides, pad);
const avgPool: Pool = (x, strides, pad) => tf.avgPool(x as Tensor4D, [3, 2], strides, pad);

const pools: readonly KernelCase[] = (
  [
    ['MaxPool', maxPool],
    ['AvgPool', avgPool],
  ] as const
).flatMap(([kernel, pool]) =>
  (
    [
      [1, 'same'],
      [2, 'same'],
      [2, 'valid'],
      [2, 1],
    ] as const
  ).flatMap(([strides, pad]) => [
    kernelCase(kernel, `strides ${strides}, ${pad}`, IMAGES, ({ x }) => pool(x!, strides, pad)),
    kernelCase(
      `${kernel}Grad`,
      `strides ${strides}, ${pad}`,
      IMAGES,
      ({ x }) => tf.grad((z: Tensor) => pool(z, strides, pad))(x!),
      NONE,
    ),
  ]),
);

export const WINDOW_CASES: readonly KernelCase[] = [
  ...pools,
  kernelCase(
    'MaxPoolGrad',
    'of equal elements to the first',
    { x: { shape: [1, 3, 4, 1], floats: [1, 1, 0, 2, 1, 1, 2, 2, 0, 0, 2, 2] } },
    ({ x }) => tf.grad((z: Tensor) => maxPool(z, 1, 'same'))(x!),
    NONE,
  ),
  kernelCase('MaxPool', 'of a window by tf.pool', { x: { shape: [5, 6, 2] } }, ({ x }) =>
    tf.pool(x as Tensor3D, [2, 3], 'max', 'same', [1, 1], [2, 1]),
  ),
  ...(['max', 'avg'] as const).map((kind) =>
    kernelCase(
      kind === 'max' ? 'MaxPool' : 'AvgPool',
      `dilated, by tf.pool: ${kind}`,
      { x: { shape: [2, 6, 5, 2] } },
      ({ x }) => tf.pool(x as Tensor4D, [2, 2], kind, kind === 'max' ? 'same' : 'valid', [2, 2]),
    ),
  ),
  kernelCase('Transpose', 'spaceToBatchND', { x: { shape: [2, 3, 4, 2] } }, ({ x }) =>
    tf.spaceToBatchND(
      x!,
      [2, 2],
      [
        [1, 0],
        [0, 2],
      ],
    ),
  ),
  kernelCase('Transpose', 'batchToSpaceND', { x: { shape: [8, 2, 3, 2] } }, ({ x }) =>
    tf.batchToSpaceND(
      x!,
      [2, 2],
      [
        [1, 0],
        [0, 2],
      ],
    ),
  ),
  kernelCase('AvgPool', 'over time, causal by padding', { x: { shape: [2, 6, 3] } }, ({ x }) => {
    const padded = tf.pad(x!, [
      [0, 0],
      [3, 0],
      [0, 0],
    ]);
    return tf.avgPool(tf.expandDims<Tensor4D>(padded, 2), [4, 1], 1, 'valid');
  }),
  ...(['same', 'valid'] as const).flatMap((pad) => [
    kernelCase(
      'Conv2D',
      `dilated, ${pad}`,
      { x: { shape: [2, 6, 7, 3] }, filter: { shape: [3, 2, 3, 4] } },
      ({ x, filter }) => tf.conv2d(x as Tensor4D, filter as Tensor4D, 1, pad, 'NHWC', [2, 3]),
    ),
    kernelCase(
      'DepthwiseConv2dNative',
      `dilated, ${pad}`,
      { x: { shape: [2, 6, 7, 3] }, filter: { shape: [3, 2, 3, 2] } },
      ({ x, filter }) => tf.depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, pad, 'NHWC', [2, 3]),
    ),
  ]),
  kernelCase(
    'Conv2D',
    'conv1d, dilated and causal by padding',
    { x: { shape: [2, 9, 3] }, filter: { shape: [3, 3, 4] } },
    ({ x, filter }) => {
      const padded = tf.pad(x!, [
        [0, 0],
        [8, 0],
        [0, 0],
      ]) as Tensor3D;
      return tf.conv1d(padded, filter as Tensor3D, 1, 'valid', 'NWC', 4);
    },
  ),
  kernelCase(
    'Conv2DBackpropInput',
    'conv2dTranspose',
    { x: { shape: [1, 3, 4, 2] }, filter: { shape: [2, 2, 3, 2] } },
    ({ x, filter }) => tf.conv2dTranspose(x as Tensor4D, filter as Tensor4D, [1, 6, 8, 3], 2, 'same'),
  ),
  kernelCase(
    'DepthwiseConv2dNative',
    'separableConv2d',
    { x: { shape: [1, 4, 5, 2] }, depthwise: { shape: [2, 3, 2, 2] }, pointwise: { shape: [1, 1, 4, 3] } },
    ({ x, depthwise, pointwise }) =>
      tf.separableConv2d(x as Tensor4D, depthwise as Tensor4D, pointwise as Tensor4D, 1, 'same'),
  ),
];
