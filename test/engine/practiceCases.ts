/** Cases of what people write in models of their own: convolutions, einsum, picking, and functions made of several kernels. */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { BITS, NONE, binary, bool, kernelCase, unary, type KernelCase } from './kernelCase.js';

const elementwise: readonly KernelCase[] = [
  unary('Acos', tf.acos, -0.9, 0.9),
  unary('Acosh', tf.acosh, 1.2, 3),
  unary('Asin', tf.asin, -0.9, 0.9),
  unary('Asinh', tf.asinh),
  unary('Atan', tf.atan),
  unary('Atanh', tf.atanh, -0.9, 0.9),
  unary('Cosh', tf.cosh),
  unary('Sinh', tf.sinh),
  unary('Tan', tf.tan, -1.2, 1.2),
  unary('Round', tf.round, -3, 3),
  unary('Relu6', tf.relu6, -3, 9),
  unary('Selu', tf.selu),
  unary('EluGrad', (x) => tf.grad((y: Tensor) => tf.elu(y))(x), -2, 2, NONE),
  ...(['IsNan', 'IsInf', 'IsFinite'] as const).map((kernel) =>
    kernelCase(
      kernel,
      'of each kind',
      { x: { shape: [5], floats: [NaN, Infinity, -Infinity, 0, 1.5] } },
      ({ x }) => ({ IsNan: tf.isNaN, IsInf: tf.isInf, IsFinite: tf.isFinite })[kernel](x!),
      NONE,
    ),
  ),
  ...binary('Atan2', tf.atan2),
  kernelCase(
    'Atan2',
    'on the axes',
    {
      a: { shape: [8], floats: [0, 0, 1, -1, 1, -1, 2, -2] },
      b: { shape: [8], floats: [1, -1, 0, 0, -1, -1, 3, 3] },
    },
    ({ a, b }) => tf.atan2(a!, b!),
    NONE,
  ),
  ...(
    [
      ['Exp', tf.exp],
      ['ClipByValue', (x) => tf.clipByValue(x, 0, 2)],
      ['LeakyRelu', (x) => tf.leakyRelu(x, 0.1)],
      ['Prelu', (x) => tf.prelu(x, tf.scalar(0.1))],
      ['Relu6', tf.relu6],
      ['Round', tf.round],
      ['BitwiseAnd', (x) => tf.bitwiseAnd(x, tf.fill([2, 4], 3, 'int32'))],
      ['BatchMatMul', (x) => tf.matMul(x, x, false, true)],
      ['IsNan', tf.isNaN],
      ['OneHot', (x) => tf.oneHot(x, 4)],
      ['UnsortedSegmentSum', (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 0], 'int32'), 2)],
      ['Cumsum', (x) => tf.cumsum(tf.greater(x, 0), 1)],
      ['Cumprod', (x) => tf.cumprod(tf.greater(x, 0), 1)],
      ['ArgMax', (x) => tf.argMax(tf.greater(x, 0), 1)],
      ['Select', (x) => tf.where(tf.greater(x, 0), tf.less(x, 3), tf.greater(x, -2))],
    ] as readonly (readonly [string, (x: Tensor) => Tensor])[]
  ).map(([kernel, fn]) =>
    kernelCase(
      kernel,
      'of whole numbers or truth values',
      { x: { shape: [2, 4], ints: [3, 0, -1, 2, 1, 5, -2, 1] } },
      ({ x }) => fn(x!),
      NONE,
    ),
  ),
  kernelCase(
    'FloorDiv',
    'of both signs',
    { a: { shape: [2, 3], ints: [7, -7, 7, -7, 6, 0] }, b: { shape: [2, 3], ints: [2, 2, -2, -2, 3, 5] } },
    ({ a, b }) => tf.floorDiv(a!, b!),
    NONE,
  ),
  kernelCase(
    'Mod',
    'of both signs',
    { a: { shape: [6], floats: [7, -7, 7.5, -7.5, 6, 0] }, b: { shape: [6], floats: [2, 2, -2, -2, 3, 5] } },
    ({ a, b }) => tf.mod(a!, b!),
  ),
  kernelCase(
    'Mod',
    'of whole numbers',
    { a: { shape: [4], ints: [7, -7, 7, -7] }, b: { shape: [4], ints: [3, 3, -3, -3] } },
    ({ a, b }) => tf.mod(a!, b!),
    NONE,
  ),
  kernelCase(
    'AddN',
    'three',
    { a: { shape: [2, 3] }, b: { shape: [2, 3] }, c: { shape: [2, 3] } },
    ({ a, b, c }) => tf.addN([a!, b!, c!]),
  ),
];

/** Recorded as other kernels; the name is one of those. */
const composed: readonly KernelCase[] = [
  ...(['reflect', 'symmetric'] as const).map((mode) =>
    kernelCase('GatherV2', `mirrorPad, ${mode}`, { x: { shape: [4, 3] } }, ({ x }) =>
      tf.mirrorPad(
        x!,
        [
          [2, 1],
          [0, 2],
        ],
        mode,
      ),
    ),
  ),
  kernelCase('GatherV2', 'stridedSlice', { x: { shape: [5, 4] } }, ({ x }) =>
    tf.stridedSlice(x!, [0, 3], [5, 0], [2, -1]),
  ),
  kernelCase('Slice', 'stridedSlice with masks', { x: { shape: [3, 4, 2] } }, ({ x }) =>
    tf.stridedSlice(x!, [1, 0], [2, 3], [1, 1], 0, 2, 0, 0, 1),
  ),
  ...(['linear', 'relu', 'sigmoid', 'elu'] as const).map((activation) =>
    kernelCase(
      'BatchMatMul',
      `fused.matMul, ${activation}`,
      { a: { shape: [3, 4] }, b: { shape: [5, 4] }, bias: { shape: [5] } },
      ({ a, b, bias }) =>
        tf.fused.matMul({ a: a!, b: b!, bias: bias!, transposeA: false, transposeB: true, activation }),
    ),
  ),
  kernelCase(
    'Conv2D',
    'fused.conv2d',
    { x: { shape: [1, 5, 4, 2] }, filter: { shape: [2, 2, 2, 3] }, bias: { shape: [3] } },
    ({ x, filter, bias }) =>
      tf.fused.conv2d({
        x: x as Tensor4D,
        filter: filter as Tensor4D,
        bias: bias!,
        strides: 1,
        pad: 'same',
        activation: 'relu',
      }),
    NONE,
  ),
  kernelCase(
    'DepthwiseConv2dNative',
    'fused.depthwiseConv2d',
    { x: { shape: [1, 5, 4, 2] }, filter: { shape: [2, 2, 2, 1] }, bias: { shape: [2] } },
    ({ x, filter, bias }) =>
      tf.fused.depthwiseConv2d({
        x: x as Tensor4D,
        filter: filter as Tensor4D,
        bias: bias!,
        strides: 1,
        pad: 'same',
        activation: 'relu6',
      }),
    NONE,
  ),
  kernelCase(
    'Rsqrt',
    'batchNorm',
    {
      x: { shape: [6, 3] },
      mean: { shape: [3] },
      variance: { shape: [3], from: 0.5, to: 2 },
      scale: { shape: [3] },
      offset: { shape: [3] },
    },
    ({ x, mean, variance, scale, offset }) =>
      tf.batchNorm2d(
        x as Tensor2D,
        mean as Tensor1D,
        variance as Tensor1D,
        offset as Tensor1D,
        scale as Tensor1D,
        0.01,
      ),
  ),
  kernelCase('Multiply', 'diag', { x: { shape: [2, 2] } }, ({ x }) => tf.diag(x!)),
];

const reductions: readonly KernelCase[] = [
  kernelCase('All', 'by row', { x: BITS }, ({ x }) => tf.all(bool(x!), 1), NONE),
  kernelCase('Any', 'by column, kept', { x: BITS }, ({ x }) => tf.any(bool(x!), 0, true), NONE),
  unary('ArgMin', (x) => tf.argMin(x, 1), -2, 2, NONE),
  unary('Cumprod', (x) => tf.cumprod(x, 1), 0.5, 2),
  unary('Cumprod', (x) => tf.cumprod(x, 0, true), 0.5, 2),
  unary('Cumprod', (x) => tf.cumprod(x, 1, true, true), 0.5, 2),
  kernelCase(
    'Cumprod',
    'with zeros among the factors',
    { x: { shape: [2, 5], floats: [0.5, 0, 2, -1, 3, 1, 2, 0, 0, 0.5] } },
    ({ x }) => tf.cumprod(x!, 1),
  ),
  // All and any of comparisons, as a factor: their own derivative is 0.
  unary('All', (x) => tf.mul(x, tf.cast(tf.all(tf.greater(x, -1.5), 1, true), 'float32'))),
  unary('Any', (x) => tf.mul(x, tf.cast(tf.any(tf.greater(x, 1), 1, true), 'float32'))),
  unary('Cumprod', (x) => tf.grad((y: Tensor) => tf.prod(y, 1))(x), 0.5, 2, NONE),
];

const einsum = (equation: string, a: readonly number[], b: readonly number[]): KernelCase =>
  kernelCase('Einsum', equation, { a: { shape: a }, b: { shape: b } }, ({ a, b }) =>
    tf.einsum(equation, a!, b!),
  );

const picking: readonly KernelCase[] = [
  einsum('ij,jk->ik', [3, 4], [4, 2]),
  einsum('bhtd, bhsd -> bhts', [2, 2, 3, 4], [2, 2, 5, 4]),
  einsum('tbd,de->bte', [3, 2, 4], [4, 5]),
  einsum('i,j->ij', [3], [2]),
  kernelCase('Einsum', 'one operand', { x: { shape: [2, 3, 4] } }, ({ x }) => tf.einsum('abc->ca', x!)),
  kernelCase('TopK', 'values', { x: { shape: [3, 5] } }, ({ x }) => tf.topk(x!, 2).values),
  kernelCase('TopK', 'indices', { x: { shape: [3, 5] } }, ({ x }) => tf.topk(x!, 3).indices, NONE),
  kernelCase(
    'GatherV2',
    'by batch',
    { x: { shape: [2, 4, 3] }, i: { shape: [2, 2], ints: [3, 1, 0, 0] } },
    ({ x, i }) => tf.gather(x!, i!, 1, 1),
  ),
  kernelCase(
    'GatherV2',
    'by batch, a later axis',
    { x: { shape: [2, 3, 4] }, i: { shape: [2, 2], ints: [3, 1, 0, 0] } },
    ({ x, i }) => tf.gather(x!, i!, 2, 1),
    NONE,
  ),
  kernelCase(
    'GatherNd',
    'rows, one twice',
    { x: { shape: [3, 2, 4] }, i: { shape: [3, 2], ints: [2, 1, 0, 0, 2, 1] } },
    ({ x, i }) => tf.gatherND(x!, i!),
  ),
  kernelCase(
    'ScatterNd',
    'summing what meets',
    { x: { shape: [4, 2] }, i: { shape: [4, 1], ints: [3, 0, 3, 3] } },
    ({ x, i }) => tf.scatterND(i!, x!, [5, 2]),
  ),
  ...(
    [
      ['rows', [3, 0]],
      ['one row twice, of which the later stands', [3, 3]],
    ] as const
  ).map(([about, rows]) =>
    kernelCase(
      'TensorScatterUpdate',
      about,
      { x: { shape: [4, 2] }, updates: { shape: [2, 2] }, i: { shape: [2, 1], ints: rows } },
      ({ x, updates, i }) => tf.tensorScatterUpdate(x!, i!, updates!),
    ),
  ),
  kernelCase(
    'TensorScatterUpdate',
    'elements',
    { x: { shape: [3, 2] }, updates: { shape: [3] }, i: { shape: [3, 2], ints: [2, 0, 0, 1, 1, 1] } },
    ({ x, updates, i }) => tf.tensorScatterUpdate(x!, i!, updates!),
  ),
  unary('Reverse', (x) => tf.reverse(x)),
  unary('Reverse', (x) => tf.reverse(x, -1)),
  kernelCase('LinSpace', 'added', { x: { shape: [5] } }, ({ x }) => tf.add(x!, tf.linspace(-1, 2, 5))),
];

const images = (channels: number, last: number) => ({
  x: { shape: [2, 6, 5, channels] },
  filter: { shape: [3, 2, channels, last] },
});

type Pad = 'same' | 'valid' | number;

const conv2d = (strides: number, pad: Pad): KernelCase[] =>
  (['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'] as const).map((kernel) =>
    kernelCase(
      kernel,
      `strides ${strides}, ${pad}`,
      images(3, 4),
      ({ x, filter }) => {
        const apply = (a: Tensor, f: Tensor): Tensor => tf.conv2d(a as Tensor4D, f as Tensor4D, strides, pad);
        const [dx, dFilter] = tf.grads(apply)([x!, filter!]) as [Tensor, Tensor];
        return { Conv2D: apply(x!, filter!), Conv2DBackpropInput: dx, Conv2DBackpropFilter: dFilter }[kernel];
      },
      kernel === 'Conv2D' ? ['x', 'filter'] : NONE,
    ),
  );

const depthwise = (strides: number, pad: Pad): KernelCase[] =>
  (
    [
      'DepthwiseConv2dNative',
      'DepthwiseConv2dNativeBackpropInput',
      'DepthwiseConv2dNativeBackpropFilter',
    ] as const
  ).map((kernel, i) =>
    kernelCase(
      kernel,
      `strides ${strides}, ${pad}`,
      images(3, 2),
      ({ x, filter }) => {
        const apply = (a: Tensor, f: Tensor): Tensor =>
          tf.depthwiseConv2d(a as Tensor4D, f as Tensor4D, strides, pad);
        const gradients = tf.grads(apply)([x!, filter!]);
        return [apply(x!, filter!), ...gradients][i]!;
      },
      i === 0 ? ['x', 'filter'] : NONE,
    ),
  );

const convolutions: readonly KernelCase[] = [
  ...conv2d(1, 'same'),
  ...conv2d(2, 'valid'),
  ...conv2d(2, 'same'),
  ...depthwise(1, 'same'),
  ...depthwise(2, 'valid'),
  kernelCase(
    'Conv2D',
    'conv1d, causal by padding',
    { x: { shape: [2, 5, 3] }, filter: { shape: [3, 3, 4] } },
    ({ x, filter }) => {
      const padded = tf.pad(x!, [
        [0, 0],
        [2, 0],
        [0, 0],
      ]) as Tensor3D;
      return tf.conv1d(padded, filter! as Tensor3D, 1, 'valid');
    },
  ),
];

/** tfjs functions that have no kernel of their own; the kernel named is one that they are made of. */
const composites: readonly KernelCase[] = [
  unary('Exp', (x) => tf.logSumExp(x, 1)),
  unary('Exp', (x) => tf.logSoftmax(x)),
  unary('Sum', (x) => tf.norm(x, 2, 1)),
  unary('Mean', (x) => tf.moments(x, 1).variance),
  unary('Tile', (x) => tf.broadcastTo(tf.expandDims(x, 0), [2, 3, 5])),
  unary('Reshape', (x) => tf.squeeze(tf.expandDims(x, 1))),
  unary('Reshape', (x) => x.flatten()),
  unary('Select', (x) => tf.where(tf.greater(x, 0), x, tf.zerosLike(x))),
  unary('Select', (x) => tf.linalg.bandPart(x, -1, 0)),
  unary('Pack', (x) => tf.stack(tf.unstack(tf.expandDims(x, 0), 0))),
  unary('BatchMatMul', (x) => tf.mul(tf.linalg.bandPart(tf.matMul(x, x, false, true), 0, 1), 2)),
  unary('Sum', (x) => tf.norm(x, 'euclidean', 1, true)),
  unary('Abs', (x) => tf.norm(x, 1, 0)),
  unary('Max', (x) => tf.norm(x, Infinity, 1)),
  unary('Softplus', tf.logSigmoid, -4, 4),
  unary('Mean', (x) => {
    const { mean, variance } = tf.moments(x, 1, true);
    return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3)));
  }),
  unary('Multiply', (x) => tf.mul(x, tf.cast(tf.logicalXor(tf.greater(x, 0), tf.less(x, 1)), 'float32'))),
  unary('RealDiv', (x) => tf.divNoNan(x, tf.relu(x)), 0.5, 2, NONE),
  unary('Add', (x) => tf.movingAverage(tf.zerosLike(x), x, 0.9, 1, false)),
  unary('Select', (x) => {
    const [columns, rows] = tf.meshgrid(tf.range(0, 5), tf.range(0, 3)) as [Tensor, Tensor];
    return tf.where(tf.greaterEqual(rows, columns), x, tf.mul(x, 0.1));
  }),
  unary('OneHot', (x) => tf.mul(x, tf.oneHot(tf.argMax(x, 1), 5, 1, 0, 'float32'))),
  unary('Sigmoid', (x) => {
    const [c, h] = tf.basicLSTMCell(
      tf.scalar(1),
      tf.fill([8, 12], 0.1),
      tf.zeros([12]),
      x as Tensor2D,
      tf.ones([3, 3]),
      tf.ones([3, 3]),
    );
    return tf.concat([c, h], 1);
  }),
  unary('Exp', (x) => tf.losses.softmaxCrossEntropy(tf.softmax(tf.ones([3, 5])), x)),
  unary('SquaredDifference', (x) => tf.losses.meanSquaredError(tf.ones([3, 5]), x)),
  unary('Abs', (x) => tf.losses.huberLoss(tf.zeros([3, 5]), x)),
  unary('Sigmoid', (x) => tf.mul(x, tf.sigmoid(x))),
  unary('Tanh', (x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  ...binary('Multiply', (a, b) => tf.add(tf.mul(a, b), tf.sub(a, b))),
  kernelCase('BatchMatMul', 'dot', { a: { shape: [4] }, b: { shape: [4] } }, ({ a, b }) => tf.dot(a!, b!)),
  kernelCase('BatchMatMul', 'outer product', { a: { shape: [4] }, b: { shape: [3] } }, ({ a, b }) =>
    tf.outerProduct(a! as Tensor1D, b! as Tensor1D),
  ),
  kernelCase('Pack', 'of what was unstacked', { x: { shape: [3, 4] } }, ({ x }) =>
    tf.stack(tf.unstack(x!, 1).reverse(), 0),
  ),
];

export const PRACTICE_CASES: readonly KernelCase[] = [
  ...elementwise,
  ...reductions,
  ...picking,
  ...convolutions,
  ...composed,
  ...composites,
];
