/** Pass 2: multiplications by a constant move towards matrix products, which take a factor for nothing. */
import { uniformValue, type GraphBuilder, type OnnxValue } from '../onnx/graph.js';
import { sameShape } from '../tensors.js';
import type { Rule, RuleContext, RuleSet } from './rewrite.js';

/** value = source * factor, where value is a product with a constant that does not broadcast it. */
export function scaled(value: OnnxValue): { source: OnnxValue; factor: number } | null {
  const { producer } = value;
  if (producer?.op !== 'Mul' && producer?.op !== 'Div') return null;
  const [a, b] = producer.inputs as [OnnxValue, OnnxValue];
  if (value.dtype !== 'float32') return null;
  const right = uniformValue(b);
  if (right !== null && sameShape(a.shape, value.shape))
    return { source: a, factor: producer.op === 'Mul' ? right : 1 / right };
  const left = producer.op === 'Mul' ? uniformValue(a) : null;
  return left !== null && sameShape(b.shape, value.shape) ? { source: b, factor: left } : null;
}

const times = (builder: GraphBuilder, x: OnnxValue, factor: number): OnnxValue =>
  builder.binary('Mul', x, builder.scalar(Math.fround(factor)));

/** f(x * c) = f(x) * c for linear f with one input, where nothing else needs x * c. */
const sinkThroughLinear: Rule = ({ builder, node, inputs, usesOfInput }) => {
  const inner = scaled(inputs[0]!);
  if (inner === null || usesOfInput(0) > 1) return null;
  const result = builder.op(node.op, [inner.source, ...inputs.slice(1)], node.outputs[0]!, {
    attrs: node.attrs,
  });
  return [times(builder, result, inner.factor)];
};

/** The same where the result is smaller than x: then one more product with it costs nothing, whoever else needs x * c. */
const sinkThroughReduction: Rule = (context) => sinkThroughLinear({ ...context, usesOfInput: () => 1 });

/** (x * c) * d = x * (c d), and (x * c) * y = (x * y) * c. */
const sinkThroughProduct: Rule = (context) => {
  const { builder, inputs, usesOfInput } = context;
  for (const [mine, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const inner = scaled(inputs[mine]!);
    if (inner === null) continue;
    const constant = uniformValue(inputs[other]!);
    if (constant !== null) return sinkConstant(context, inner, constant);
    if (usesOfInput(mine) > 1) continue;
    const product = builder.binary('Mul', inner.source, inputs[other]!);
    return [times(builder, product, inner.factor)];
  }
  return null;
};

function sinkConstant(
  { builder, node }: RuleContext,
  inner: { source: OnnxValue; factor: number },
  constant: number,
) {
  return [builder.expand(times(builder, inner.source, inner.factor * constant), node.outputs[0]!.shape)];
}

/** a * c + b * c = (a + b) * c. */
const sinkThroughSum: Rule = ({ builder, node, inputs, usesOfInput }) => {
  const a = scaled(inputs[0]!);
  const b = scaled(inputs[1]!);
  if (a === null || a.factor !== b?.factor || usesOfInput(0) > 1 || usesOfInput(1) > 1) return null;
  return [times(builder, builder.binary(node.op, a.source, b.source), a.factor)];
};

export const scaleRules: RuleSet = {
  Reshape: [sinkThroughLinear],
  Transpose: [sinkThroughLinear],
  Slice: [sinkThroughReduction],
  ReduceSum: [sinkThroughReduction],
  Neg: [sinkThroughLinear],
  Mul: [sinkThroughProduct],
  Add: [sinkThroughSum],
  Sub: [sinkThroughSum],
};
