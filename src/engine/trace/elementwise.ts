/** Elementwise tfjs kernels: arithmetic, comparisons, logic, transcendental functions. */
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import { broadcastShape, sizeOf } from '../tensors.js';
import type { TraceDType } from './graph.js';
import { ELEMENTWISE, FLOATS, MOVE, NUMBERS, numberAttr, type Kernel, type KernelTable } from './kernel.js';

type BinaryLowering = (builder: GraphBuilder, a: OnnxValue, b: OnnxValue) => OnnxValue;
type UnaryLowering = (builder: GraphBuilder, x: OnnxValue) => OnnxValue;

const binary = (lower: BinaryLowering, dtype?: TraceDType): Kernel => ({
  inputNames: ['a', 'b'],
  infer: ([a, b]) => [{ shape: broadcastShape(a!.shape, b!.shape), dtype: dtype ?? a!.dtype }],
  lower: ({ builder, inputs }) => [lower(builder, inputs[0]!, inputs[1]!)],
  cost: ELEMENTWISE,
});

const arithmetic = (op: string): Kernel => ({
  ...binary((builder, a, b) => builder.binary(op, a, b)),
  accepts: NUMBERS,
});
const comparison = (op: string): Kernel =>
  binary((builder, a, b) => builder.binary(op, a, b, 'bool'), 'bool');

const unary = (lower: string | UnaryLowering, accepts: Kernel['accepts'] = NUMBERS): Kernel => ({
  inputNames: ['x'],
  accepts,
  infer: ([x]) => [x!],
  lower: ({ builder, inputs }) => [
    typeof lower === 'string' ? builder.unary(lower, inputs[0]!) : lower(builder, inputs[0]!),
  ],
  cost: ELEMENTWISE,
});

/** Of fractions alone. */
const ofFloats = (lower: string | UnaryLowering): Kernel => unary(lower, FLOATS);

/** A function that ONNX has for floats, and tfjs for whole numbers too, with fractions as its result. */
const toFloats = (lower: UnaryLowering): Kernel => ({
  ...unary((builder, x) => lower(builder, builder.cast(x, 'float32'))),
  infer: ([x]) => [{ shape: x!.shape, dtype: 'float32' }],
});

/** A function that ONNX has for floats, and whose results for whole numbers are whole. */
const keepingWhole =
  (lower: UnaryLowering): UnaryLowering =>
  (builder, x) =>
    x.dtype === 'float32'
      ? lower(builder, x)
      : builder.cast(lower(builder, builder.cast(x, 'float32')), x.dtype);

const squareOf: UnaryLowering = (builder, x) => builder.binary('Mul', x, x);
const one = (builder: GraphBuilder): OnnxValue => builder.scalar(1);

/** A test of each element. */
const test = (lower: UnaryLowering): Kernel => ({
  inputNames: ['x'],
  infer: ([x]) => [{ shape: x!.shape, dtype: 'bool' }],
  lower: ({ builder, inputs }) => [lower(builder, builder.cast(inputs[0]!, 'float32'))],
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

/** The angle of (b, a) from -pi to pi. ONNX has the arc tangent alone, so it is taken in the first quadrant and turned. */
const arcTangent2: BinaryLowering = (builder, a, b) => {
  const where = (condition: OnnxValue, then: OnnxValue, otherwise: OnnxValue): OnnxValue =>
    builder.op('Where', [condition, then, otherwise], {
      shape: broadcastShape(condition.shape, broadcastShape(then.shape, otherwise.shape)),
      dtype: 'float32',
    });
  const isNegative = (x: OnnxValue): OnnxValue => builder.binary('Less', x, builder.scalar(0), 'bool');
  const [height, width] = [builder.unary('Abs', a), builder.unary('Abs', b)];
  const isZero = builder.binary('Equal', height, builder.scalar(0), 'bool');
  const angle = builder.unary('Atan', builder.binary('Div', height, width));
  const first = where(isZero, builder.scalar(0), angle);
  const turned = where(isNegative(b), builder.binary('Sub', builder.scalar(Math.PI), first), first);
  return where(isNegative(a), builder.unary('Neg', turned), turned);
};

/** Whether truth values come from `x > y`, spread over a larger shape or not. */
function isGreater(value: OnnxValue): boolean {
  const { producer } = value;
  if (producer?.op === 'Expand' || producer?.op === 'Reshape') return isGreater(producer.inputs[0]!);
  return producer?.op === 'Greater';
}

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
  Atan2: { ...binary(arcTangent2), accepts: FLOATS },
  FloorDiv: binary(floorDivision, 'int32'),
  Mod: binary(remainder),
  AddN: {
    inputNames: 'list',
    accepts: NUMBERS,
    infer: ([first]) => [first!],
    lower: ({ builder, inputs }) => [inputs.reduce((sum, x) => builder.binary('Add', sum, x))],
    cost: {
      kind: 'composite',
      name: 'elementwise',
      flops: ({ inputs, outputs }) => (inputs.length - 1) * sizeOf(outputs[0]!.shape),
    },
  },
  Prelu: {
    ...binary((builder, x, alpha) => {
      const values = builder.cast(x, 'float32');
      return builder.op('PRelu', [values, alpha], values);
    }, 'float32'),
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
  LogicalNot: unary('Not', ['bool']),
  BitwiseAnd: {
    ...binary((builder, a, b) => builder.binary('BitwiseAnd', a, b)),
    accepts: ['int32'],
  },

  Abs: unary('Abs'),
  Acos: ofFloats('Acos'),
  Acosh: ofFloats('Acosh'),
  Asin: ofFloats('Asin'),
  Asinh: ofFloats('Asinh'),
  Atan: ofFloats('Atan'),
  Atanh: ofFloats('Atanh'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Cosh: unary('Cosh'),
  Erf: unary('Erf'),
  Exp: toFloats((builder, x) => builder.unary('Exp', x)),
  Expm1: ofFloats((builder, x) => builder.binary('Sub', builder.unary('Exp', x), one(builder))),
  Floor: unary('Floor'),
  Log: unary('Log'),
  Log1p: ofFloats((builder, x) => builder.unary('Log', builder.binary('Add', x, one(builder)))),
  Neg: unary('Neg'),
  Reciprocal: ofFloats('Reciprocal'),
  Relu: unary('Relu'),
  Relu6: unary(keepingWhole(clipped(0, 6))),
  Round: unary(keepingWhole((builder, x) => builder.unary('Round', x))),
  Rsqrt: unary((builder, x) => builder.binary('Div', one(builder), builder.unary('Sqrt', x))),
  Selu: ofFloats((builder, x) => builder.op('Selu', [x], x, { attrs: SELU_ATTRS })),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sinh: ofFloats('Sinh'),
  Softplus: ofFloats('Softplus'),
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
    accepts: FLOATS,
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
    ...toFloats((_, x) => x),
    lower: ({ builder, inputs, attrs, outputs }) => [
      builder.op('LeakyRelu', [builder.cast(inputs[0]!, 'float32')], outputs[0]!, {
        attrs: { alpha: { float: numberAttr(attrs, 'alpha') } },
      }),
    ],
  },
  ClipByValue: {
    inputNames: ['x'],
    accepts: NUMBERS,
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => [
      keepingWhole(clipped(numberAttr(attrs, 'clipValueMin'), numberAttr(attrs, 'clipValueMax')))(
        builder,
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
    lower: ({ builder, inputs, outputs }) => {
      const [condition, t, e] = inputs as [OnnxValue, OnnxValue, OnnxValue];
      const { shape, dtype } = outputs[0]!;
      // ONNX Runtime has no choice between truth values.
      const as = dtype === 'bool' ? 'int32' : dtype;
      const [where, then, otherwise] = [
        builder.cast(condition, 'bool'),
        builder.cast(t, as),
        builder.cast(e, as),
      ];
      // The pass `steps` takes a choice by x > 0 for the product that it stands for elsewhere, where what is not chosen still
      // counts if it is infinite or NaN. Here it must not (log(x) where x > 0), so such a choice is written the other way round.
      const operands = isGreater(where)
        ? [builder.unary('Not', where), otherwise, then]
        : [where, then, otherwise];
      const chosen = builder.op('Where', operands, { shape, dtype: as });
      return [builder.cast(chosen, dtype)];
    },
    cost: MOVE,
  },
};
