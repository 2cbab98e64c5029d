/** FLOPs of a recorded naive graph by FLOP rule 1 (docs/numbers.md). The rule is frozen; its number is part of the run key. */
import { kernelNamed } from './trace/backend.js';
import type { TraceGraph, TraceNode } from './trace/graph.js';
import { elementsOf } from './trace/kernel.js';

export const FLOP_RULE = 1;

export interface FlopCount {
  readonly total: number;
  readonly matmul: number;
  /** By kind of operation: matmul, elementwise, reduction, softmax. */
  readonly byKind: Readonly<Record<string, number>>;
}

/** FLOPs of one node: 2mnk a matrix product, 1 an output element for elementwise, 1 an input element for reductions. */
export function nodeFlops(node: TraceNode): number {
  const { cost } = kernelNamed(node.kernel);
  switch (cost.kind) {
    case 'matmul':
    case 'composite':
      return cost.flops(node);
    case 'elementwise':
      return elementsOf(node.outputs[0]!);
    case 'reduction':
      return elementsOf(node.inputs[0]!);
    case 'move':
      return 0;
    default:
      return cost satisfies never;
  }
}

/** @param graph a naive graph, dead nodes removed (what `trace(..., 'naive')` returns) */
export function countFlops(graph: TraceGraph): FlopCount {
  const byKind: Record<string, number> = {};
  for (const node of graph.nodes) {
    const { cost } = kernelNamed(node.kernel);
    const name = cost.kind === 'composite' ? (cost.name ?? 'softmax') : cost.kind;
    const flops = nodeFlops(node);
    if (flops > 0) byKind[name] = (byKind[name] ?? 0) + flops;
  }
  const total = Object.values(byKind).reduce((sum, flops) => sum + flops, 0);
  return { total, matmul: byKind['matmul'] ?? 0, byKind };
}
