/** Pass 3: matrix products take transposes, constant factors and an addend into themselves (Gemm, FusedMatMul). */
import { sameShape } from '../../../src/engine/tensors.js';
import type { GraphBuilder, OnnxAttrs, OnnxNode, OnnxValue } from '../../../src/engine/onnx/graph.js';
import type { Rule, RuleSet } from '../../../src/engine/passes/rewrite.js';
import { scaled } from '../../../src/engine/passes/scales.js';

interface Operand {
  readonly source: OnnxValue;
  readonly factor: number;
  /** The last two dimensions are swapped. */
  readonly transposed: boolean;
  /** Rank 3, stored as [rows, batch, columns] where [batch, rows, columns] is meant. */
  readonly batchSecond: boolean;
}

const isPerm = (node: OnnxNode, perm: readonly number[]): boolean =>
  sameShape(node.attrs['perm'] as readonly number[], perm);

/** Looks through constant factors and transposes, in any order, as far as the product can take them. */
function operand(value: OnnxValue): Operand {
  let found: Operand = { source: value, factor: 1, transposed: false, batchSecond: false };
  for (;;) {
    const { source } = found;
    const inner = scaled(source);
    if (inner !== null) {
      found = { ...found, source: inner.source, factor: found.factor * inner.factor };
      continue;
    }
    const node = source.producer;
    if (node?.op !== 'Transpose') return found;
    const rank = source.shape.length;
    const swapsLast = rank === 2 || (rank === 3 && isPerm(node, [0, 2, 1]));
    if (swapsLast && !found.batchSecond) {
      found = { ...found, source: node.inputs[0]!, transposed: !found.transposed };
    } else if (rank === 3 && isPerm(node, [1, 0, 2]) && !found.batchSecond) {
      found = { ...found, source: node.inputs[0]!, batchSecond: true };
    } else {
      return found;
    }
  }
}

const fuseProduct: Rule = ({ builder, node, inputs }) => {
  const [a, b] = inputs.map(operand) as [Operand, Operand];
  const alpha = { float: Math.fround(a.factor * b.factor) };
  const output = node.outputs[0]!;
  const sources = [a.source, b.source];
  const rankA = a.source.shape.length;
  const rankB = b.source.shape.length;
  if (rankA === 2 && rankB === 2) {
    const attrs: OnnxAttrs = { transA: Number(a.transposed), transB: Number(b.transposed), alpha };
    return [builder.op('Gemm', sources, output, { attrs })];
  }
  if (rankA !== rankB || rankA < 3) return null;
  if (!a.transposed && !b.transposed && !a.batchSecond && !b.batchSecond && alpha.float === 1) return null;
  const attrs: OnnxAttrs = {
    transA: Number(a.transposed),
    transB: Number(b.transposed),
    transBatchA: Number(a.batchSecond),
    transBatchB: Number(b.batchSecond),
    alpha,
  };
  return [builder.op('FusedMatMul', sources, output, { attrs, domain: 'com.microsoft' })];
};

/** x W + c, where nothing else needs x W: Gemm starts from c instead of from zeros. */
const fuseAddend: Rule = ({ builder, node, inputs, usesOfInput }) => {
  const output = node.outputs[0]!;
  for (const [product, addend] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const gemm = inputs[product]!.producer;
    if (gemm?.op !== 'Gemm' || gemm.inputs.length !== 2 || usesOfInput(product) > 1) continue;
    if (!sameShape(inputs[product]!.shape, output.shape)) continue;
    return [gemmWith(builder, gemm, inputs[addend]!, output)];
  }
  return null;
};

const gemmWith = (builder: GraphBuilder, gemm: OnnxNode, addend: OnnxValue, output: OnnxValue): OnnxValue =>
  builder.op('Gemm', [...gemm.inputs, addend], output, { attrs: gemm.attrs });

export const productRules: RuleSet = { MatMul: [fuseProduct] };
export const addendRules: RuleSet = { Add: [fuseAddend] };
