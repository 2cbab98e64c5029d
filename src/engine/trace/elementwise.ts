/** Elementwise tfjs kernels: arithmetic, comparisons, logic, transcendental functions. */
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import { broadcastShape } from '../tensors.js';
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

export const elementwiseKernels: KernelTable = {
  Add: arithmetic('Add'),
  Sub: arithmetic('Sub'),
  Multiply: arithmetic('Mul'),
  RealDiv: arithmetic('Div'),
  Maximum: arithmetic('Max'),
  Minimum: arithmetic('Min'),
  Pow: arithmetic('Pow'),
  SquaredDifference: binary((builder, a, b) => squareOf(builder, builder.binary('Sub', a, b))),
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
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Expm1: unary((builder, x) => builder.binary('Sub', builder.unary('Exp', x), one(builder))),
  Floor: unary('Floor'),
  Log: unary('Log'),
  Log1p: unary((builder, x) => builder.unary('Log', builder.binary('Add', x, one(builder)))),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Rsqrt: unary((builder, x) => builder.binary('Div', one(builder), builder.unary('Sqrt', x))),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Square: unary(squareOf),
  Tanh: unary('Tanh'),

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
