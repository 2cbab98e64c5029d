/** One case or more for every tfjs kernel that the engine knows: inputs, and a function that makes tfjs call the kernel. */
import type { Tensor1D } from '@tensorflow/tfjs';
import { tokenNats } from '../../src/ops/crossEntropy.js';
import { causalConv, crossEntropy, layerNorm, rmsNorm, tf } from '../../src/ops/index.js';
import {
  BITS,
  NONE,
  OTHER_BITS,
  binary,
  bool,
  comparison,
  kernelCase,
  unary,
  type KernelCase,
} from './kernelCase.js';
import { PRACTICE_CASES } from './practiceCases.js';
import { WINDOW_CASES } from './windowCases.js';

export type { KernelCase } from './kernelCase.js';

const elementwise: readonly KernelCase[] = [
  ...binary('Add', tf.add),
  kernelCase('Add', 'int32', { a: BITS, b: OTHER_BITS }, ({ a, b }) => tf.add(a!, b!)),
  ...binary('Sub', tf.sub),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', tf.div, { from: 0.5, to: 2 }),
  ...binary('Maximum', tf.maximum, { broadcastGradients: false }),
  ...binary('Minimum', tf.minimum, { broadcastGradients: false }),
  ...binary('Pow', tf.pow, { from: 0.2, to: 2 }),
  ...binary('SquaredDifference', tf.squaredDifference, { broadcastGradients: false }),
  kernelCase('Prelu', 'slope by channel', { x: { shape: [3, 4] }, alpha: { shape: [4] } }, ({ x, alpha }) =>
    tf.prelu(x!, alpha!),
  ),
  comparison('Greater', tf.greater),
  comparison('GreaterEqual', tf.greaterEqual),
  comparison('Less', tf.less),
  comparison('LessEqual', tf.lessEqual),
  comparison('Equal', tf.equal),
  comparison('NotEqual', tf.notEqual),
  kernelCase('LogicalAnd', 'bits', { a: BITS, b: OTHER_BITS }, ({ a, b }) =>
    tf.logicalAnd(bool(a!), bool(b!)),
  ),
  kernelCase('LogicalOr', 'bits', { a: BITS, b: OTHER_BITS }, ({ a, b }) => tf.logicalOr(bool(a!), bool(b!))),
  kernelCase('LogicalNot', 'bits', { a: BITS }, ({ a }) => tf.logicalNot(bool(a!))),
  unary('Abs', tf.abs),
  unary('Ceil', tf.ceil),
  unary('Cos', tf.cos),
  unary('Erf', tf.erf),
  unary('Exp', tf.exp),
  unary('Expm1', tf.expm1),
  unary('Floor', tf.floor),
  unary('Log', tf.log, 0.1, 3),
  unary('Log1p', tf.log1p, -0.5, 3),
  unary('Neg', tf.neg),
  unary('Reciprocal', tf.reciprocal, 0.5, 2),
  unary('Relu', tf.relu),
  unary('Rsqrt', tf.rsqrt, 0.1, 3),
  unary('Sigmoid', tf.sigmoid, -9, 9),
  unary('Sign', tf.sign),
  unary('Sin', tf.sin),
  unary('Softplus', tf.softplus, -9, 9),
  unary('Sqrt', tf.sqrt, 0.1, 3),
  unary('Square', tf.square),
  unary('Tanh', tf.tanh),
  unary('Step', tf.step),
  kernelCase('Step', 'leaking', { x: { shape: [7] } }, ({ x }) => tf.step(x!, 0.3)),
  unary('Elu', tf.elu),
  unary('LeakyRelu', (x) => tf.leakyRelu(x, 0.1)),
  unary('ClipByValue', (x) => tf.clipByValue(x, -0.7, 0.9)),
  kernelCase(
    'Select',
    'by a third input',
    { a: { shape: [2, 4] }, b: { shape: [2, 4] }, c: BITS },
    ({ a, b, c }) => tf.where(bool(c!), a!, b!),
  ),
  kernelCase(
    'Select',
    'condition broadcast',
    { a: { shape: [2, 3] }, b: { shape: [2, 3] } },
    ({ a, b }) => tf.where(tf.tensor([1, 0, 1], [3], 'bool'), a!, b!),
    NONE,
  ),
];

const shapes: readonly KernelCase[] = [
  unary('Identity', tf.clone),
  kernelCase(
    'Cast',
    'float to int',
    { x: { shape: [9], from: -4, to: 4 } },
    ({ x }) => tf.cast(x!, 'int32'),
    NONE,
  ),
  kernelCase(
    'Cast',
    'float to bool',
    { x: { shape: [4], floats: [0, 0.25, -3, 0] } },
    ({ x }) => bool(x!),
    NONE,
  ),
  kernelCase('Cast', 'int to float', { x: { shape: [3], ints: [-7, 0, 123456] } }, ({ x }) =>
    tf.cast(x!, 'float32'),
  ),
  unary('Reshape', (x) => tf.reshape(x, [5, -1])),
  unary('ExpandDims', (x) => tf.mul(tf.expandDims(x, 1), tf.expandDims(x, -3))),
  unary('Transpose', (x) => tf.transpose(x)),
  kernelCase('Transpose', 'rank 4', { x: { shape: [2, 3, 4, 5] } }, ({ x }) =>
    tf.transpose(x!, [2, 0, 3, 1]),
  ),
  unary('Slice', (x) => tf.slice(x, [1, 2], [2, -1])),
  unary('Slice', (x) => tf.slice(x, [1, 2])),
  kernelCase('Slice', 'leading axes only', { x: { shape: [4, 3, 2] } }, ({ x }) => tf.slice(x!, [1], [2])),
  kernelCase('Slice', 'a number', { x: { shape: [4, 3] } }, ({ x }) => tf.slice(x!, 1, 2)),
  kernelCase('SplitV', 'equal parts', { x: { shape: [2, 6] } }, ({ x }) => tf.split(x!, 3, -1)),
  kernelCase('SplitV', 'given sizes', { x: { shape: [6, 2] } }, ({ x }) => tf.split(x!, [1, 3, -1], 0)),
  kernelCase('Concat', 'last axis', { a: { shape: [2, 3] }, b: { shape: [2, 1] } }, ({ a, b }) =>
    tf.concat([a!, b!], -1),
  ),
  // More than ten inputs: tfjs hands them over by index, which must not be sorted as text.
  kernelCase('Concat', 'twelve parts', { x: { shape: [12, 2] } }, ({ x }) =>
    tf.concat(tf.split(x!, 12).reverse(), 1),
  ),
  kernelCase('Pack', 'middle axis', { a: { shape: [2, 3] }, b: { shape: [2, 3] } }, ({ a, b }) =>
    tf.stack([a!, b!], 1),
  ),
  kernelCase('Unpack', 'last axis', { x: { shape: [2, 3] } }, ({ x }) => tf.unstack(x!, -1)),
  kernelCase('PadV2', 'zeros', { x: { shape: [2, 3] } }, ({ x }) =>
    tf.pad(x!, [
      [1, 0],
      [0, 2],
    ]),
  ),
  kernelCase('PadV2', 'a value', { x: { shape: [3] } }, ({ x }) => tf.pad(x!, [[2, 1]], -1.5)),
  kernelCase('Tile', 'repeating', { x: { shape: [2, 3] } }, ({ x }) => tf.tile(x!, [2, 2])),
  kernelCase('Tile', 'broadcasting', { x: { shape: [1, 3] } }, ({ x }) => tf.tile(x!, [4, 1])),
  kernelCase('Fill', 'added', { x: { shape: [2, 3] } }, ({ x }) => tf.add(x!, tf.fill([2, 3], 0.5))),
  kernelCase('ZerosLike', 'beside', { x: { shape: [2, 3] } }, ({ x }) =>
    tf.concat([x!, tf.zerosLike(x!)], 0),
  ),
  kernelCase('OnesLike', 'added', { x: { shape: [2, 3] } }, ({ x }) => tf.sub(tf.onesLike(x!), x!)),
  kernelCase('OneHot', 'float', { i: { shape: [4], ints: [2, 0, 3, 7] } }, ({ i }) =>
    tf.oneHot(i!, 4, 1.5, -0.5, 'float32'),
  ),
  kernelCase('OneHot', 'int', { i: { shape: [2, 2], ints: [2, 0, 1, 1] } }, ({ i }) => tf.oneHot(i!, 3)),
  kernelCase(
    'GatherV2',
    'rows, one twice',
    { x: { shape: [5, 3] }, i: { shape: [4], ints: [4, 0, 4, 2] } },
    ({ x, i }) => tf.gather(x!, i!),
  ),
  kernelCase(
    'GatherV2',
    'columns by a matrix of indices',
    { x: { shape: [2, 4] }, i: { shape: [2, 2], ints: [3, 1, 1, 0] } },
    ({ x, i }) => tf.gather(x!, i!, 1),
  ),
  kernelCase(
    'UnsortedSegmentSum',
    'with an empty segment',
    { x: { shape: [6, 2] }, i: { shape: [6], ints: [3, 0, 3, 1, 0, 3] } },
    ({ x, i }) => tf.unsortedSegmentSum(x!, i! as Tensor1D, 5),
  ),
  kernelCase(
    'UnsortedSegmentSum',
    'of numbers',
    { x: { shape: [5] }, i: { shape: [5], ints: [1, 0, 3, 1, 3] } },
    ({ x, i }) => tf.unsortedSegmentSum(x!, i! as Tensor1D, 4),
  ),
  kernelCase('Range', 'floats', { x: { shape: [5] } }, ({ x }) => tf.mul(x!, tf.range(1, 6))),
  kernelCase('Range', 'downwards', { x: { shape: [4] } }, ({ x }) => tf.add(x!, tf.range(4, 0, -1))),
];

const MATRICES = { a: { shape: [3, 4] }, b: { shape: [4, 2] } };

/** All four ways of transposing, for plain and batched operands. tfjs has no gradient where a batch is broadcast. */
const products: readonly KernelCase[] = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB) => [
    kernelCase(
      'BatchMatMul',
      `rank 2, ${transA}, ${transB}`,
      { a: { shape: transA ? [4, 3] : [3, 4] }, b: { shape: transB ? [2, 4] : [4, 2] } },
      ({ a, b }) => tf.matMul(a!, b!, transA, transB),
    ),
    kernelCase(
      'BatchMatMul',
      `rank 3, ${transA}, ${transB}`,
      { a: { shape: transA ? [5, 4, 3] : [5, 3, 4] }, b: { shape: transB ? [5, 2, 4] : [5, 4, 2] } },
      ({ a, b }) => tf.matMul(a!, b!, transA, transB),
    ),
    // The batch in the second place, as time-major attention has it.
    kernelCase(
      'BatchMatMul',
      `batch second, ${transA}, ${transB}`,
      { a: { shape: transA ? [4, 5, 3] : [3, 5, 4] }, b: { shape: transB ? [2, 5, 4] : [4, 5, 2] } },
      ({ a, b }) =>
        tf.transpose(
          tf.matMul(tf.transpose(a!, [1, 0, 2]), tf.transpose(b!, [1, 0, 2]), transA, transB),
          [1, 0, 2],
        ),
    ),
    kernelCase(
      'BatchMatMul',
      `batch second and broadcast, ${transA}, ${transB}`,
      { a: { shape: transA ? [4, 1, 3] : [3, 1, 4] }, b: { shape: transB ? [2, 5, 4] : [4, 5, 2] } },
      ({ a, b }) => tf.matMul(tf.transpose(a!, [1, 0, 2]), tf.transpose(b!, [1, 0, 2]), transA, transB),
      NONE,
    ),
  ]),
);

const contractions: readonly KernelCase[] = [
  ...products,
  kernelCase(
    'BatchMatMul',
    'one side broadcast',
    { a: { shape: [2, 3, 4] }, b: { shape: [4, 2] } },
    ({ a, b }) => tf.matMul(a!, b!),
    NONE,
  ),
  kernelCase(
    'BatchMatMul',
    'rank 4',
    { a: { shape: [2, 3, 4, 2] }, b: { shape: [2, 3, 5, 2] } },
    ({ a, b }) => tf.matMul(a!, b!, false, true),
  ),
  kernelCase('BatchMatMul', 'with addend', { ...MATRICES, c: { shape: [2] } }, ({ a, b, c }) =>
    tf.add(tf.matMul(a!, b!), c!),
  ),
  kernelCase('BatchMatMul', 'scaled', MATRICES, ({ a, b }) =>
    tf.mul(tf.matMul(tf.mul(a!, 0.25), tf.div(b!, 3)), 1.5),
  ),
  unary('Sum', (x) => tf.sum(x, 0)),
  unary('Sum', (x) => tf.sum(x, [-1, 0])),
  unary('Sum', (x) => tf.sum(x, -1, true)),
  unary('Sum', (x) => tf.sum(x)),
  kernelCase('Sum', 'of int32', { x: { shape: [2, 3], ints: [1, -2, 3, 4, 5, 6] } }, ({ x }) =>
    tf.sum(x!, 1),
  ),
  kernelCase('Sum', 'over no axis', { x: { shape: [2, 3] } }, ({ x }) => tf.sum(x!, [])),
  unary('Mean', (x) => tf.mean(x, -1, true)),
  unary('Mean', (x) => tf.mean(x)),
  kernelCase('Mean', 'of int32', { x: { shape: [4], ints: [1, 2, 3, 5] } }, ({ x }) => tf.mean(x!)),
  unary('Max', (x) => tf.max(x, -1, true)),
  unary('Max', (x) => tf.max(x)),
  unary('Min', (x) => tf.min(x, 0)),
  unary('Prod', (x) => tf.prod(x, 1), 0.5, 2),
  unary('ArgMax', (x) => tf.argMax(x, 0), -2, 2, NONE),
  kernelCase(
    'ArgMax',
    'with ties',
    { x: { shape: [2, 3], floats: [1, 5, 5, -1, -2, -1] } },
    ({ x }) => tf.argMax(x!, -1),
    NONE,
  ),
  unary('Cumsum', (x) => tf.cumsum(x, 1)),
  unary('Cumsum', (x) => tf.cumsum(x, 1, true, true)),
  // tfjs's own gradient is wrong for an axis that is not the last; the project registers its own.
  unary('Cumsum', (x) => tf.cumsum(x, 0, true)),
  unary('Softmax', (x) => tf.softmax(x), -5, 5),
];

/** The project's own kernels, through the operations that use them. */
const fused: readonly KernelCase[] = [
  kernelCase(
    'IsolossLayerNorm',
    'layerNorm',
    { x: { shape: [4, 6] }, gamma: { shape: [6] }, beta: { shape: [6] } },
    ({ x, gamma, beta }) => layerNorm(x!, gamma!, beta!),
  ),
  kernelCase('IsolossRmsNorm', 'rmsNorm', { x: { shape: [4, 6] }, gamma: { shape: [6] } }, ({ x, gamma }) =>
    rmsNorm(x!, gamma!),
  ),
  ...['IsolossPickTarget', 'IsolossAddAtTarget'].map((kernel) =>
    kernelCase(
      kernel,
      'crossEntropy',
      { logits: { shape: [4, 6] }, targets: { shape: [4], ints: [5, 0, 3, 3] } },
      ({ logits, targets }) => crossEntropy(logits!, targets!),
    ),
  ),
  kernelCase(
    'IsolossLogSoftmax',
    'tokenNats',
    { logits: { shape: [4, 6] }, targets: { shape: [4], ints: [5, 0, 3, 3] } },
    ({ logits, targets }) => tokenNats(logits!, targets!),
  ),
  // Channels that fill blocks of 16 take ONNX Runtime's own convolution.
  ...['IsolossCausalConv', 'IsolossCausalConvGradients'].flatMap((kernel) =>
    [6, 48].flatMap((channels) =>
      [1, 3, 5].map((width) =>
        kernelCase(
          kernel,
          `width ${width}, ${channels} channels`,
          { x: { shape: [18, channels] }, kernel: { shape: [width, channels] } },
          ({ x, kernel }) => causalConv(x!, kernel!, 3),
        ),
      ),
    ),
  ),
];

export const KERNEL_CASES: readonly KernelCase[] = [
  ...elementwise,
  ...shapes,
  ...contractions,
  ...fused,
  ...PRACTICE_CASES,
  ...WINDOW_CASES,
];
