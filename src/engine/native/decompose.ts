/** Larger ONNX operations as the elementwise ones and reductions that they consist of, which are then joined into loops. */
import { typedArray, wholeNumbers, type GraphBuilder, type OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleContext, RuleSet } from '../passes/rewrite.js';
import { sizeOf } from '../tensors.js';
import { isProduct, resultMatrix } from './matrices.js';
import { contiguous } from './views.js';

const floats = (value: { attrs: Readonly<Record<string, unknown>> }, name: string): number =>
  (value.attrs[name] as { readonly float: number }).float;

const lastAxis = (x: OnnxValue): number => x.shape.length - 1;
const positive = (axis: unknown, x: OnnxValue): number =>
  Number(axis) < 0 ? Number(axis) + x.shape.length : Number(axis);

/**
 * Sums and the like over the first axes or the last ones alone, keeping them; others are turned round first, and axes that
 * are apart are reduced one after the other.
 */
function reduced(builder: GraphBuilder, op: string, x: OnnxValue, over: readonly number[]): OnnxValue {
  const axes = over.filter((axis) => x.shape[axis] !== 1);
  const rank = x.shape.length;
  const isLast = axes.every((axis) => axis >= rank - axes.length);
  const isFirst = op === 'ReduceSum' && axes.every((axis) => axis < axes.length);
  if (isLast || isFirst) return builder.reduce(op, x, axes, true);
  const apart = axes.findLastIndex((axis, i) => i > 0 && axes[i - 1] !== axis - 1);
  if (apart !== -1)
    return reduced(builder, op, reduced(builder, op, x, axes.slice(apart)), axes.slice(0, apart));
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const turned = builder.transpose(x, [...kept, ...axes]);
  const last = axes.map((_, i) => kept.length + i);
  const result = builder.reduce(op, turned, last, true);
  return builder.reshape(
    result,
    x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  );
}

/** Axes are sorted, results keep their dimensions; means and sums of squares become sums. */
const reduction =
  (op: string): Rule =>
  ({ builder, node, inputs }) => {
    const x = inputs[0]!;
    const axes = [...new Set(wholeNumbers(inputs[1]!).map((axis) => positive(axis, x)))].sort(
      (a, b) => a - b,
    );
    const counted = sizeOf(axes.map((axis) => x.shape[axis]!));
    const operand = op === 'ReduceSumSquare' ? builder.binary('Mul', x, x) : x;
    const plain = op === 'ReduceMean' || op === 'ReduceSumSquare' ? 'ReduceSum' : op;
    const total = reduced(builder, plain, operand, axes);
    const result = op === 'ReduceMean' ? builder.binary('Mul', total, builder.scalar(1 / counted)) : total;
    return [builder.reshape(result, node.outputs[0]!.shape)];
  };

/** exp(x - max) and its sum, along an axis. */
function exponentials(builder: GraphBuilder, x: OnnxValue, axis: number) {
  const centred = builder.binary('Sub', x, reduced(builder, 'ReduceMax', x, [axis]));
  const exp = builder.unary('Exp', centred);
  return { centred, exp, sum: reduced(builder, 'ReduceSum', exp, [axis]) };
}

const softmax: Rule = ({ builder, node, inputs }) => {
  const { exp, sum } = exponentials(builder, inputs[0]!, positive(node.attrs['axis'], inputs[0]!));
  return [builder.binary('Mul', exp, builder.unary('Reciprocal', sum))];
};

const logSoftmax: Rule = ({ builder, node, inputs }) => {
  const { centred, sum } = exponentials(builder, inputs[0]!, positive(node.attrs['axis'], inputs[0]!));
  return [builder.binary('Sub', centred, builder.unary('Log', sum))];
};

const mean = (builder: GraphBuilder, x: OnnxValue): OnnxValue =>
  builder.binary('Mul', reduced(builder, 'ReduceSum', x, [lastAxis(x)]), builder.scalar(1 / x.shape.at(-1)!));

const inverseRoot = (builder: GraphBuilder, meanSquare: OnnxValue, epsilon: number): OnnxValue =>
  builder.unary(
    'Reciprocal',
    builder.unary('Sqrt', builder.binary('Add', meanSquare, builder.scalar(epsilon))),
  );

const square = (builder: GraphBuilder, x: OnnxValue): OnnxValue => builder.binary('Mul', x, x);

/** The mean is added as its negative: a difference would be the one that the backward pass makes anew, and be kept for it. */
const layerNorm: Rule = ({ builder, node, inputs }: RuleContext) => {
  const [x, gamma, beta] = inputs as [OnnxValue, OnnxValue, OnnxValue?];
  const middle = mean(builder, x);
  const centred = builder.binary('Add', x, builder.unary('Neg', middle));
  const inverse = inverseRoot(builder, mean(builder, square(builder, centred)), floats(node, 'epsilon'));
  const scaled = builder.binary('Mul', builder.binary('Mul', inverse, centred), gamma);
  const y = beta === undefined ? scaled : builder.binary('Add', scaled, beta);
  return [y, middle, inverse].slice(0, node.outputs.length);
};

const rmsNorm: Rule = ({ builder, node, inputs }) => {
  const [x, gamma] = inputs as [OnnxValue, OnnxValue];
  const inverse = inverseRoot(builder, mean(builder, square(builder, x)), floats(node, 'epsilon'));
  const scaled = builder.binary('Mul', builder.binary('Mul', inverse, x), gamma);
  return [scaled, inverse].slice(0, node.outputs.length);
};

const hasOneIndexARow = (x: OnnxValue, index: OnnxValue, axis: unknown): boolean =>
  x.shape.length === 2 && axis === 1 && index.shape[0] === x.shape[0] && index.shape[1] === 1;

/** One element of each row, as a reduction. */
const pickAt: Rule = ({ builder, node, inputs }) => {
  const [x, index] = inputs as [OnnxValue, OnnxValue];
  if (!hasOneIndexARow(x, index, node.attrs['axis'])) return null;
  return [builder.op('PickAt', [x, index], node.outputs[0]!)];
};

/** A number added to one element of each row, as an elementwise operation. */
const addAt: Rule = ({ builder, node, inputs }) => {
  const [x, index] = inputs as [OnnxValue, OnnxValue];
  if (node.attrs['reduction'] !== 'add' || !hasOneIndexARow(x, index, node.attrs['axis'])) return null;
  return [builder.op('AddAt', inputs, node.outputs[0]!)];
};

/** A comparison of each index with the numbers of the columns. */
const oneHot: Rule = ({ builder, node, inputs }) => {
  const [indices, , values] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  const { shape, dtype } = node.outputs[0]!;
  const depth = shape.at(-1)!;
  const columns = Array.from({ length: depth }, (_, i) => i);
  const column = builder.constant(indices.dtype, [depth], typedArray(indices.dtype, columns));
  const isHot = builder.binary('Equal', builder.reshape(indices, [...indices.shape, 1]), column, 'bool');
  const [off, on] = Array.from(values.constant as Float32Array, (value) => builder.scalar(value, dtype));
  return [builder.op('Where', [isHot, on!, off!], { shape, dtype })];
};

/** A product starts from a value for each element or from a row for all; anything else is added afterwards. */
const plainAddend: Rule = ({ builder, node, inputs }) => {
  const addend = inputs[2];
  const output = node.outputs[0]!;
  if (addend === undefined || sizeOf(addend.shape) === sizeOf(output.shape)) return null;
  const isRow = addend.shape.at(-1) === output.shape.at(-1) && sizeOf(addend.shape) === addend.shape.at(-1);
  if (isRow) return null;
  const product = builder.op('Gemm', inputs.slice(0, 2), output, { attrs: node.attrs });
  return [builder.binary('Add', product, addend)];
};

/** A product whose transpose alone is read is written transposed. */
const turnedProduct: Rule = ({ builder, node, inputs, usesOfInput }) => {
  const product = inputs[0]!.producer;
  if (product === null || !isProduct(product) || product.attrs['perm'] !== undefined || usesOfInput(0) > 1)
    return null;
  // An addend would have to be turned back.
  if (product.inputs.length > 2) return null;
  const attrs = { ...product.attrs, perm: node.attrs['perm']! };
  const result = builder.op(product.op, product.inputs, node.outputs[0]!, { attrs, domain: product.domain });
  return resultMatrix(result.producer!, contiguous(result)) === null ? null : [result];
};

export const decompositions: RuleSet = {
  Transpose: [turnedProduct],
  Gemm: [plainAddend],
  Softmax: [softmax],
  LogSoftmax: [logSoftmax],
  LayerNormalization: [layerNorm],
  SimplifiedLayerNormalization: [rmsNorm],
  GatherElements: [pickAt],
  ScatterElements: [addAt],
  OneHot: [oneHot],
  ...Object.fromEntries(
    ['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceProd'].map((op) => [
      op,
      [reduction(op)],
    ]),
  ),
};
