/** Pass 1: what can be seen to be superfluous. Identities, chains of reshapes and transposes, broadcasts made too early. */
import { sameShape, broadcastShape, sizeOf } from '../tensors.js';
import { uniformValue, wholeNumbers, type OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleContext, RuleSet } from './rewrite.js';

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

const BINARY = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Max',
  'Min',
  'Pow',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Equal',
];
const UNARY = [
  'Abs',
  'Cast',
  'Cos',
  'Erf',
  'Exp',
  'Log',
  'Neg',
  'Reciprocal',
  'Relu',
  'Sigmoid',
  'Sign',
  'Sin',
  'Sqrt',
  'Tanh',
];

const outputOf = ({ node }: RuleContext): OnnxValue => node.outputs[0]!;

/** Two uniform float operands: the result is a uniform constant, rounded to float32 as the operation itself would. */
const foldUniform: Rule = (context) => {
  const { builder, node, inputs } = context;
  const fold = ARITHMETIC[node.op];
  const output = outputOf(context);
  if (fold === undefined || output.dtype !== 'float32') return null;
  const [a, b] = inputs.map(uniformValue);
  if (a == null || b == null) return null;
  return [builder.filled(Math.fround(fold(Math.fround(a), Math.fround(b))), output.shape)];
};

/** The negative of a uniform operand is one. */
const negateUniform: Rule = ({ builder, node, inputs }) => {
  const value = uniformValue(inputs[0]!);
  const { shape, dtype } = node.outputs[0]!;
  return value === null || dtype !== 'float32' ? null : [builder.filled(-value, shape)];
};

/** x * 1, x / 1, x + 0, x - 0. */
const neutralElement: Rule = (context) => {
  const { builder, node, inputs } = context;
  const [a, b] = inputs as [OnnxValue, OnnxValue];
  const { shape } = outputOf(context);
  const neutral = node.op === 'Mul' || node.op === 'Div' ? 1 : 0;
  if (uniformValue(b) === neutral) return [builder.expand(a, shape)];
  const commutes = node.op === 'Mul' || node.op === 'Add';
  return commutes && uniformValue(a) === neutral ? [builder.expand(b, shape)] : null;
};

/** What an Expand was made from, so that an elementwise operation can broadcast by itself. */
const beforeExpand = (value: OnnxValue): OnnxValue =>
  value.producer?.op === 'Expand' ? value.producer.inputs[0]! : value;

/** Elementwise on expanded operands: work on the small ones and expand the result only as far as is needed. */
const broadcastLate: Rule = (context) => {
  const { builder, node, inputs } = context;
  const small = inputs.map(beforeExpand);
  if (small.every((value, i) => value === inputs[i])) return null;
  const output = outputOf(context);
  const shape = small.map(({ shape }) => shape).reduce(broadcastShape);
  const result = builder.op(
    node.op,
    small,
    { shape, dtype: output.dtype },
    { attrs: node.attrs, domain: node.domain },
  );
  return [builder.expand(result, output.shape)];
};

/** A chain of reshapes is one; a reshaped broadcast of one number is a broadcast. */
const reshapeOfReshape: Rule = ({ builder, node, inputs }) => {
  const { shape } = node.outputs[0]!;
  let source = inputs[0]!;
  while (source.producer?.op === 'Reshape') source = source.producer.inputs[0]!;
  if (source.producer?.op === 'Expand' && source.producer.inputs[0]!.shape.every((dim) => dim === 1)) {
    return [builder.expand(builder.reshape(source.producer.inputs[0]!, []), shape)];
  }
  return sameShape(source.shape, shape) || source !== inputs[0] ? [builder.reshape(source, shape)] : null;
};

/** A transpose that moves only dimensions of 1 is a reshape; two in a row are one. */
const simplerTranspose: Rule = ({ builder, node, inputs }) => {
  const x = inputs[0]!;
  const perm = node.attrs['perm'] as readonly number[];
  const moved = perm.filter((axis) => x.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!))
    return [builder.reshape(x, node.outputs[0]!.shape)];
  if (x.producer?.op !== 'Transpose') return null;
  const inner = x.producer.attrs['perm'] as readonly number[];
  const composed = perm.map((axis) => inner[axis]!);
  const source = x.producer.inputs[0]!;
  return [composed.every((axis, i) => axis === i) ? source : builder.transpose(source, composed)];
};

/** Nested expansions are one, and one that changes nothing is none. */
const simplerExpand: Rule = ({ builder, node, inputs }) => {
  const source = beforeExpand(inputs[0]!);
  const { shape } = node.outputs[0]!;
  return source !== inputs[0] || sameShape(source.shape, shape) ? [builder.expand(source, shape)] : null;
};

const sameType: Rule = ({ node, inputs }) =>
  inputs[0]!.dtype === node.outputs[0]!.dtype ? [inputs[0]!] : null;

/** Reducing dimensions of 1 is a reshape. */
const reduceNothing: Rule = ({ builder, node, inputs }) => {
  const axes = wholeNumbers(inputs[1]!);
  return axes.every((axis) => inputs[0]!.shape[axis] === 1)
    ? [builder.reshape(inputs[0]!, node.outputs[0]!.shape)]
    : null;
};

/** a * cast(condition) selects: one pass over the data less than casting and multiplying. */
const maskedProduct: Rule = ({ builder, node, inputs }) => {
  if (node.outputs[0]!.dtype !== 'float32') return null;
  for (const [masked, other] of [
    [inputs[0]!, inputs[1]!],
    [inputs[1]!, inputs[0]!],
  ] as const) {
    const condition = masked.producer?.op === 'Cast' ? masked.producer.inputs[0]! : null;
    if (condition?.dtype === 'bool')
      return [builder.op('Where', [condition, other, builder.scalar(0)], node.outputs[0]!)];
  }
  return null;
};

/** The sum of x * x in one pass. */
const sumOfSquares: Rule = ({ builder, node, inputs, usesOfInput }) => {
  const product = inputs[0]!.producer;
  if (product?.op !== 'Mul' || product.inputs[0] !== product.inputs[1] || usesOfInput(0) > 1) return null;
  return [
    builder.op('ReduceSumSquare', [product.inputs[0]!, inputs[1]!], node.outputs[0]!, { attrs: node.attrs }),
  ];
};

/** From so many elements on a sum of all of them is taken in two steps. */
const MANY = 2 ** 20;

/**
 * A sum over everything, rows first. ONNX Runtime adds up in f32 one after the other, so that a large sum swallows small terms:
 * of 16.7 million squares 0.17% was missing, and gradients were clipped to a norm that much too large.
 */
const sumByRows: Rule = ({ builder, node, inputs }) => {
  const x = inputs[0]!;
  const rank = x.shape.length;
  const output = node.outputs[0]!;
  if (rank < 2 || sizeOf(x.shape) < MANY || sizeOf(output.shape) !== 1 || output.dtype !== 'float32')
    return null;
  const rows = builder.reduce(node.op, x, [rank - 1], true);
  const total = builder.reduce(
    'ReduceSum',
    rows,
    x.shape.map((_, axis) => axis),
    false,
  );
  return [builder.reshape(total, output.shape)];
};

const rules: Record<string, Rule[]> = {
  Reshape: [reshapeOfReshape],
  Transpose: [simplerTranspose],
  Expand: [simplerExpand],
  ReduceSum: [reduceNothing, sumOfSquares, sumByRows],
  ReduceSumSquare: [sumByRows],
  ReduceMean: [reduceNothing],
  ReduceMax: [reduceNothing],
  Where: [broadcastLate],
};
for (const op of UNARY) rules[op] = [...(op === 'Cast' ? [sameType] : []), broadcastLate];
for (const op of BINARY) rules[op] = [broadcastLate];
for (const op of Object.keys(ARITHMETIC)) rules[op] = [foldUniform, neutralElement, broadcastLate];
rules['Mul']!.splice(2, 0, maskedProduct);
rules['Neg'] = [negateUniform, broadcastLate];

export const simplifyRules: RuleSet = rules;
