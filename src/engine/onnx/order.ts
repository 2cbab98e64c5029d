/**
 * The order in which ONNX Runtime runs the nodes of a graph, and one in which to write them so that fewer bytes are alive at a
 * time. The runtime does not run them as they are written: it walks back from the last node that nobody reads, and of a node's
 * inputs always takes first the one written last. The results are the same bit for bit in any order.
 */
import { livePeakBytes } from './liveness.js';
import { liveGraph, type OnnxGraph, type OnnxNode } from './graph.js';

/** The order of ONNX Runtime 1.30 for nodes written in the given order (`ReverseDFSFrom` of its `graph.cc`). */
export function executionOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const place = new Map(nodes.map((node, i) => [node, i]));
  const before = nodes.map(({ inputs }) => {
    const producers = inputs.flatMap(({ producer }) =>
      producer === null ? [] : (place.get(producer) ?? []),
    );
    return [...new Set(producers)].sort((a, b) => a - b);
  });
  const isRead = new Uint8Array(nodes.length);
  for (const producers of before) for (const i of producers) isRead[i] = 1;
  const order: OnnxNode[] = [];
  const isVisited = new Uint8Array(nodes.length);
  // A number below zero says that everything before node -1 - i is in place.
  const stack = nodes.flatMap((_, i) => (isRead[i] === 1 ? [] : [i]));
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    if (i < 0) {
      order.push(nodes[-1 - i]!);
    } else if (isVisited[i] !== 1) {
      isVisited[i] = 1;
      stack.push(-1 - i);
      for (const producer of before[i]!) if (isVisited[producer] !== 1) stack.push(producer);
    }
  }
  return order;
}

/**
 * The graph with its nodes written so that the runtime's own order keeps fewer bytes alive: as they were recorded, or in the
 * order in which the runtime would run those. The second turns the walk round: the gradients of the last layer come first,
 * and with them what they are made of goes first.
 */
export function inFrugalOrder(written: OnnxGraph): OnnxGraph {
  const { graph } = liveGraph(written);
  const turned = { ...graph, nodes: executionOrder(graph.nodes) };
  const peak = ({ nodes }: OnnxGraph): number => livePeakBytes({ ...graph, nodes: executionOrder(nodes) });
  return peak(turned) < peak(graph) ? turned : graph;
}
