/**
 * Mixed precision: operands of matrix products in bf16 or f16, everything else in f32 (state, norms, softmax, optimizer). Not
 * one of the passes that never change a result: it is asked for, and is part of a run's key.
 */
import type { OnnxDType, OnnxValue } from '../onnx/graph.js';
import type { Precision } from '../engineNames.js';
import type { OnnxGraph } from '../onnx/graph.js';
import { rewrite, type Rule } from './rewrite.js';

/**
 * `native`: the product itself is computed and returned in the smaller type, as fast devices do (they add up in f32 where the
 * provider does). `rounded`: operands are rounded to the smaller type, multiplied and added up in f32.
 */
export type ProductMode = 'native' | 'rounded';

const SMALL: Readonly<Record<Exclude<Precision, 'f32'>, OnnxDType>> = { bf16: 'bfloat16', f16: 'float16' };

const PRODUCTS = ['MatMul', 'Gemm', 'FusedMatMul', 'Einsum'];

const productIn =
  (small: OnnxDType, mode: ProductMode): Rule =>
  ({ builder, node, inputs }) => {
    const output = node.outputs[0]!;
    if (output.dtype !== 'float32') return null;
    // Gemm's third operand is an addend and no factor.
    const [factors, addend] = node.op === 'Gemm' ? [inputs.slice(0, 2), inputs[2]] : [inputs, undefined];
    const rounded = factors.map((value) => builder.cast(value, small));
    const options = { attrs: node.attrs, domain: node.domain };
    const product: OnnxValue =
      mode === 'native'
        ? builder.cast(builder.op(node.op, rounded, { ...output, dtype: small }, options), 'float32')
        : builder.op(
            node.op,
            rounded.map((value) => builder.cast(value, 'float32')),
            output,
            options,
          );
    return [addend === undefined ? product : builder.binary('Add', product, addend)];
  };

/** The graph with its matrix products in a precision. */
export function withPrecision(graph: OnnxGraph, precision: Precision, mode: ProductMode): OnnxGraph {
  if (precision === 'f32') return graph;
  const rule = productIn(SMALL[precision], mode);
  return rewrite(graph, Object.fromEntries(PRODUCTS.map((op) => [op, [rule]])));
}
