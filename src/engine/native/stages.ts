/** In which pass over the columns each node of a loop is computed, and which loops need not go past the diagonal. */
import type { OnnxNode, OnnxValue } from '../onnx/graph.js';
import type { RowLoop } from './fuse.js';
import type { Operand, Role } from './operands.js';
import type { TriangleFinder } from './triangles.js';

/** Columns by which loops over triangles end: a vector register of AVX-512. */
export const TRIANGLE_STEP = 16;

/** Stages of nodes: full ones are in the one whose pass computes them, scalars in the one before which they are known. */
export function stagesOf(
  nodes: readonly OnnxNode[],
  roleOf: (node: OnnxNode) => Role,
  operandsOf: (node: OnnxNode) => readonly Operand[],
): Map<OnnxNode, number> {
  const stages = new Map<OnnxNode, number>();
  const known = (operand: Operand): number => {
    if (operand.kind !== 'variable') return 0;
    const node = operand.value.producer!;
    return stages.get(node)! + (roleOf(node) === 'rowReduction' ? 1 : 0);
  };
  for (const node of nodes) stages.set(node, Math.max(0, ...operandsOf(node).map(known)));
  // What only later stages read is computed there, so that it need not wait in a buffer.
  const firstUse = new Map<OnnxNode, number>();
  for (const node of nodes.toReversed()) {
    const use = firstUse.get(node);
    if (roleOf(node) === 'full' && use !== undefined && use > stages.get(node)!) stages.set(node, use);
    const stage = stages.get(node)!;
    for (const operand of operandsOf(node)) {
      if (operand.kind !== 'variable') continue;
      const before = operand.value.producer!;
      firstUse.set(before, Math.min(firstUse.get(before) ?? Infinity, stage));
    }
  }
  return stages;
}

/** Whether nothing above the diagonal of square matrices need be computed: all that is kept of it is 0, or hidden from sums. */
export function isTriangular(
  { columns, nodes }: RowLoop,
  roleOf: (node: OnnxNode) => Role,
  { isZero, isHidden }: TriangleFinder,
  isStored: (value: OnnxValue) => boolean,
): boolean {
  if (columns < 2 * TRIANGLE_STEP || columns % TRIANGLE_STEP !== 0) return false;
  const isSquare = ({ shape }: OnnxValue): boolean => shape.at(-1) === columns && shape.at(-2) === columns;
  const isUnseen = (node: OnnxNode): boolean => {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const role = roleOf(node);
    switch (role) {
      case 'scalar':
        return true;
      case 'rowReduction':
        if (!isSquare(input)) return false;
        return node.op === 'ReduceSum' ? isZero(input) : node.op === 'ReduceMax' && isHidden(input);
      case 'full':
        return isSquare(output) && (!isStored(output) || isZero(output));
      case 'columnReduction':
      case 'total':
        return false;
      default:
        return role satisfies never;
    }
  };
  return nodes.every(isUnseen) && nodes.some(({ outputs }) => isZero(outputs[0]!));
}
