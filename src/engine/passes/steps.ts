/** Pass 5: where x > 0 chooses between y and 0, a product with a step function: ONNX Runtime's `Where` takes two slow passes. */
import { uniformValue, type OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleSet } from './rewrite.js';

/** Large enough that every normal float32 above 0 times it is at least 1. */
const STEEP = 3e38;

/**
 * max(0, min(1, x * STEEP)) is 1 where x > 0 and 0 elsewhere; only denormal x, below 1.2e-38, lie between. What chooses so
 * was recorded as a product with a step (`maskedProduct` in simplify.ts), in which an infinite y is NaN where it is not
 * chosen; a choice that was recorded as one (tfjs's Select) is written the other way round and never comes here.
 */
const selectByStep: Rule = ({ builder, node, inputs }) => {
  const [condition, y, otherwise] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  const comparison = condition.producer;
  if (comparison?.op !== 'Greater' || uniformValue(otherwise) !== 0) return null;
  const [x, bound] = comparison.inputs as [OnnxValue, OnnxValue];
  if (uniformValue(bound) !== 0 || x.dtype !== 'float32' || y.dtype !== 'float32') return null;
  const attrs = { alpha: { float: STEEP }, beta: { float: 0 } };
  return [builder.op('Mul', [builder.op('HardSigmoid', [x], x, { attrs }), y], node.outputs[0]!)];
};

export const stepRules: RuleSet = { Where: [selectByStep] };
