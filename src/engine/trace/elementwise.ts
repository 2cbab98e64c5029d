/** Elementwise tfjs kernels: arithmetic, comparisons, logic, transcendental functions. */
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import { broadcastShape, sizeOf } from '../tensors.js';
import type { TraceDType } from './graph.js';
import { ELEMENTWISE, MOVE, numberAttr, type Kernel, type KernelTable } from './kernel.js';

type BinaryLowering = (builder: GraphBuilder, a: OnnxValue, b: OnnxValue) => OnnxValue;
type UnaryLowering = (builder: GraphBuilder, x: OnnxValue) => OnnxValue;

const binary = (lower: BinaryLowering, dtype?: TraceDType): Kernel => ({
  inputNames: ['a', 'b'],
  infer: ([a, b]) => [{ shape: broadcastShape(a!.shape, b!.shape), dtype: dtype ?? a!.dtype }],
  lower: ({ builder, inputs }) => [lower(builder, inputs[0]!, inputs[1]!)],
  cost: ELEMENTWISE,
});

const arithmetic = (op: string): Kernel => binary((builder, a, b) => builder.binary(op, a, b));
const comparison = (op: string): Kernel =>
  binary((builder, a, b) => builder.binary(op, a, b, 'bool'), 'bool');

const unary = (lower: string | UnaryLowering): Kernel => ({
  inputNames: ['x'],
  infer: ([x]) => [x!],
  lower: ({ builder, inputs }) => [
    typeof lower === 'string' ? builder.unary(lower, inputs[0]!) : lower(builder, inputs[0]!),
  ],
  cost: ELEMENTWISE,
});

const squareOf: UnaryLowering = (builder, x) => builder.binary('Mul', x, x);
const one = (builder: GraphBuilder): OnnxValue => builder.scalar(1);

/** A test of each element. */
const test = (lower: UnaryLowering): Kernel => ({
  inputNames: ['x'],
  infer: ([x]) => [{ shape: x!.shape, dtype: 'bool' }],
  lower: ({ builder, inputs }) => [lower(builder, inputs[0]!)],
  cost: ELEMENTWISE,
});
const isNaN: UnaryLowering = (builder, x) => builder.op('IsNaN', [x], { shape: x.shape, dtype: 'bool' });
const isInfinite: UnaryLowering = (builder, x) => builder.op('IsInf', [x], { shape: x.shape, dtype: 'bool' });

/** Rounds down, also between whole numbers, where ONNX would round towards zero. */
const floorDivision: BinaryLowering = (builder, a, b) => {
  const quotient = builder.binary('Div', builder.cast(a, 'float32'), builder.cast(b, 'float32'));
  return builder.cast(builder.unary('Floor', quotient), 'int32');
};

/** The remainder with the sign of the divisor. ONNX has that for whole numbers alone; for floats only C's fmod. */
const remainder: BinaryLowering = (builder, a, b) => {
  if (a.dtype === 'int32') return builder.binary('Mod', a, b);
  const fmod = (x: OnnxValue, y: OnnxValue): OnnxValue =>
    builder.op(
      'Mod',
      [x, y],
      { shape: broadcastShape(x.shape, y.shape), dtype: 'float32' },
      { attrs: { fmod: 1 } },
    );
  const truncated = fmod(a, b);
  const isNegative = (x: OnnxValue): OnnxValue => builder.binary('Less', x, builder.scalar(0), 'bool');
  const signsDiffer = builder.binary('Xor', isNegative(a), isNegative(b), 'bool');
  return builder.op(
    'Where',
    [signsDiffer, fmod(builder.binary('Add', truncated, b), b), truncated],
    truncated,
  );
};

const clipped =
  (from: number, to: number): UnaryLowering =>
  (builder, x) =>
    builder.op('Clip', [x, builder.scalar(from), builder.scalar(to)], x);

/** tfjs's constants (Klambauer et al. 2017), which differ from ONNX's defaults in the last digits. */
const SELU_ATTRS = {
  alpha: { float: 1.7580993408473768 / 1.0507009873554805 },
  gamma: { float: 1.0507009873554805 },
};

export const elementwiseKernels: KernelTable = {
  Add: arithmetic('Add'),
  Sub: arithmetic('Sub'),
  Multiply: arithmetic('Mul'),
  RealDiv: arithmetic('Div'),
  Maximum: arithmetic('Max'),
  Minimum: arithmetic('Min'),
  Pow: arithmetic('Pow'),
  SquaredDifference: binary((builder, a, b) => squareOf(builder, builder.binary('Sub', a, b))),
  FloorDiv: binary(floorDivision, 'int32'),
  Mod: binary(remainder),
  AddN: {
    inputNames: 'list',
    infer: ([first]) => [first!],
    lower: ({ builder, inputs }) => [inputs.reduce((sum, x) => builder.binary('Add', sum, x))],
    cost: {
      kind: 'composite',
      name: 'elementwise',
      flops: ({ inputs, outputs }) => (inputs.length - 1) * sizeOf(outputs[0]!.shape),
    },
  },
  Prelu: {
    ...binary((builder, x, alpha) => builder.op('PRelu', [x, alpha], x)),
    inputNames: ['x', 'alpha'],
  },

  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  Equal: comparison('Equal'),
  NotEqual: binary((builder, a, b) => builder.unary('Not', builder.binary('Equal', a, b, 'bool')), 'bool'),
  LogicalAnd: comparison('And'),
  LogicalOr: comparison('Or'),
  LogicalNot: unary('Not'),

  Abs: unary('Abs'),
  Acos: unary('Acos'),
  Acosh: unary('Acosh'),
  Asin: unary('Asin'),
  Asinh: unary('Asinh'),
  Atan: unary('Atan'),
  Atanh: unary('Atanh'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Cosh: unary('Cosh'),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Expm1: unary((builder, x) => builder.binary('Sub', builder.unary('Exp', x), one(builder))),
  Floor: unary('Floor'),
  Log: unary('Log'),
  Log1p: unary((builder, x) => builder.unary('Log', builder.binary('Add', x, one(builder)))),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Relu6: unary(clipped(0, 6)),
  Round: unary('Round'),
  Rsqrt: unary((builder, x) => builder.binary('Div', one(builder), builder.unary('Sqrt', x))),
  Selu: unary((builder, x) => builder.op('Selu', [x], x, { attrs: SELU_ATTRS })),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sinh: unary('Sinh'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Square: unary(squareOf),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),
  IsNan: test(isNaN),
  IsInf: test(isInfinite),
  IsFinite: test((builder, x) =>
    builder.unary('Not', builder.binary('Or', isNaN(builder, x), isInfinite(builder, x), 'bool')),
  ),

  Step: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => {
      const x = inputs[0]!;
      const alpha = numberAttr(attrs, 'alpha');
      const positive = builder.binary('Greater', x, builder.scalar(0), 'bool');
      if (alpha === 0) return [builder.cast(positive, 'float32')];
      return [builder.op('Where', [positive, builder.scalar(1), builder.scalar(alpha)], x)];
    },
    cost: ELEMENTWISE,
  },
  Elu: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs }) => [builder.unary('Elu', inputs[0]!)],
    cost: ELEMENTWISE,
  },
  /** The derivative from the function's value: dy where y is not negative, dy (y + 1) where it is. */
  EluGrad: {
    inputNames: ['dy', 'y'],
    infer: ([dy]) => [dy!],
    lower: ({ builder, inputs }) => {
      const [dy, y] = inputs as [OnnxValue, OnnxValue];
      const positive = builder.binary('GreaterOrEqual', y, builder.scalar(0), 'bool');
      const below = builder.binary('Mul', dy, builder.binary('Add', y, one(builder)));
      return [builder.op('Where', [positive, dy, below], dy)];
    },
    cost: ELEMENTWISE,
  },
  LeakyRelu: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => [
      builder.op('LeakyRelu', [inputs[0]!], inputs[0]!, {
        attrs: { alpha: { float: numberAttr(attrs, 'alpha') } },
      }),
    ],
    cost: ELEMENTWISE,
  },
  ClipByValue: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => [
      builder.op(
        'Clip',
        [
          inputs[0]!,
          builder.scalar(numberAttr(attrs, 'clipValueMin')),
          builder.scalar(numberAttr(attrs, 'clipValueMax')),
        ],
        inputs[0]!,
      ),
    ],
    cost: ELEMENTWISE,
  },
  Select: {
    inputNames: ['condition', 't', 'e'],
    infer: ([condition, t, e]) => [
      { shape: broadcastShape(condition!.shape, broadcastShape(t!.shape, e!.shape)), dtype: t!.dtype },
    ],
    lower: ({ builder, inputs, outputs }) => [builder.op('Where', inputs, outputs[0]!)],
    cost: MOVE,
  },
};
