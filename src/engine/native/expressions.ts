/** Elementwise ONNX operations as C expressions. */
import type { OnnxDType, OnnxNode } from '../onnx/graph.js';
import { EngineError } from '../engineError.js';

/** Types of arrays in memory. */
export const ARRAY_TYPE: Readonly<Record<OnnxDType, string>> = {
  float32: 'float',
  float16: 'float',
  bfloat16: 'float',
  int32: 'int',
  int64: 'int64_t',
  bool: 'uint8_t',
};

/** Types of variables: truth values as wide as numbers, so that loops over both fill the same vector registers. */
export const variableType = (dtype: OnnxDType): string => (dtype === 'bool' ? 'int' : ARRAY_TYPE[dtype]);

/** A number in C, with all its bits. */
export function literal(value: number, dtype: OnnxDType): string {
  if (dtype !== 'float32') return dtype === 'int64' ? `INT64_C(${value})` : `(${value})`;
  if (Number.isNaN(value)) return 'NAN';
  if (!Number.isFinite(value)) return value > 0 ? 'INFINITY' : '(-INFINITY)';
  const text = String(Math.fround(value));
  return `(${/[.e]/.test(text) ? text : `${text}.0`}f)`;
}

type Expression = (x: readonly string[], node: OnnxNode) => string;

const infix =
  (operator: string): Expression =>
  ([a, b]) =>
    `(${a} ${operator} ${b})`;
const call =
  (name: string): Expression =>
  (x) =>
    `${name}(${x.join(', ')})`;
const attr = (node: OnnxNode, name: string, otherwise: number): string => {
  const value = node.attrs[name] as { readonly float: number } | undefined;
  return literal(value?.float ?? otherwise, 'float32');
};

/** One form for floats, another for whole numbers. */
const byType =
  (ofFloats: Expression, ofWhole: Expression): Expression =>
  (x, node) =>
    (node.inputs.at(-1)!.dtype === 'float32' ? ofFloats : ofWhole)(x, node);

const EXPRESSIONS: Readonly<Record<string, Expression>> = {
  Add: infix('+'),
  Sub: infix('-'),
  Mul: infix('*'),
  Div: byType(infix('/'), call('div_i')),
  Max: byType(call('max_f'), ([a, b]) => `(${a} > ${b} ? ${a} : ${b})`),
  Min: byType(call('min_f'), ([a, b]) => `(${a} < ${b} ? ${a} : ${b})`),
  Mod: byType(call('fmod_f'), call('mod_i')),
  Pow: byType(call('pow_f'), ([a, b]) => `(int)pow_f((float)${a}, (float)${b})`),
  Greater: infix('>'),
  GreaterOrEqual: infix('>='),
  Less: infix('<'),
  LessOrEqual: infix('<='),
  Equal: infix('=='),
  And: infix('&'),
  Or: infix('|'),
  Xor: infix('^'),
  BitwiseAnd: infix('&'),
  Not: ([x]) => `(!${x})`,
  Where: ([condition, then, otherwise]) => `(${condition} ? ${then} : ${otherwise})`,
  Cast: ([x], node) => cast(x!, node),
  Copy: ([x]) => x!,
  Abs: byType(call('__builtin_fabsf'), ([x]) => `(${x} < 0 ? -${x} : ${x})`),
  Neg: ([x]) => `(-${x})`,
  Reciprocal: ([x]) => `(1.0f / ${x})`,
  Sqrt: call('__builtin_sqrtf'),
  Relu: byType(call('relu_f'), ([x]) => `(${x} > 0 ? ${x} : 0)`),
  Sign: byType(call('sign_f'), ([x]) => `((${x} > 0) - (${x} < 0))`),
  Clip: ([x, low, high]) => `min_f(max_f(${x}, ${low}), ${high})`,
  LeakyRelu: ([x], node) => `(${x} >= 0.0f ? ${x} : ${attr(node, 'alpha', 0.01)} * ${x})`,
  PRelu: ([x, slope]) => `(${x} >= 0.0f ? ${x} : ${slope} * ${x})`,
  Elu: ([x], node) => `(${x} >= 0.0f ? ${x} : ${attr(node, 'alpha', 1)} * (exp_f(${x}) - 1.0f))`,
  Selu: ([x], node) =>
    `(${attr(node, 'gamma', 1.0507)} * (${x} >= 0.0f ? ${x} : ${attr(node, 'alpha', 1.67326)} * (exp_f(${x}) - 1.0f)))`,
  HardSigmoid: ([x], node) =>
    `max_f(0.0f, min_f(1.0f, ${attr(node, 'alpha', 0.2)} * ${x} + ${attr(node, 'beta', 0.5)}))`,
  IsNaN: ([x]) => `(${x} != ${x})`,
  IsInf: ([x]) => `(__builtin_fabsf(${x}) == INFINITY)`,
};

/** Functions of functions.h by their ONNX names. */
const FUNCTIONS = [
  'Exp Log Tanh Sigmoid Softplus Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Round Floor Ceil',
]
  .join()
  .split(' ');

function cast(x: string, node: OnnxNode): string {
  const [from, to] = [node.inputs[0]!.dtype, node.outputs[0]!.dtype];
  if (to === 'float16' || to === 'bfloat16' || from === 'float16' || from === 'bfloat16')
    throw new EngineError('The engine native:cpu computes in f32 alone.');
  return to === 'bool' ? `(${x} != 0)` : `(${variableType(to)})(${x})`;
}

export const isElementwise = ({ op }: OnnxNode): boolean => op in EXPRESSIONS || FUNCTIONS.includes(op);

/** The value of an elementwise operation, given those of its operands. */
export function expressionOf(node: OnnxNode, operands: readonly string[]): string {
  const expression = EXPRESSIONS[node.op] ?? call(`${node.op.toLowerCase()}_f`);
  const whole = node.inputs[0]!.dtype !== 'float32' && FUNCTIONS.includes(node.op);
  const x = whole ? operands.map((operand) => `(float)(${operand})`) : operands;
  const value = expression(x, node);
  return whole ? `(${variableType(node.outputs[0]!.dtype)})${value}` : value;
}
