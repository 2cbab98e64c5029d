/** The forward pass as a graph of blocks, small enough to be looked at: operations gathered around the parameters they use. */
import { nodeFlops } from '../engine/cost.js';
import type { TraceGraph, TraceNode, TraceValue } from '../engine/trace/graph.js';
import type { ParamSpec } from '../models/params.js';
import { paramKey } from './stateNames.js';

export interface Block {
  /** What its parameters' names begin with, such as `layer0.attention`; `tokens` for the input, `source` for an encoder's. */
  readonly name: string;
  /** Operations by name, those that compute, in the order of their first use. */
  readonly operations: readonly { readonly name: string; readonly count: number }[];
  readonly params: number;
  readonly flops: number;
}

export interface BlockGraph {
  /** In the order of the forward pass; edges lead from earlier to later ones. */
  readonly blocks: readonly Block[];
  readonly edges: readonly { readonly from: number; readonly to: number }[];
}

interface OpenBlock {
  name: string;
  operations: Map<string, number>;
  params: Set<string>;
  flops: number;
}

const prefixOf = (param: string): string =>
  param.includes('.') ? param.slice(0, param.lastIndexOf('.')) : param;

/**
 * Operations belong to the block of the parameters that they use, or else to the latest block that they read from. A
 * parameter that is used again behind other blocks (a tied output matrix) opens a block of its own there.
 * @param graph the naive forward pass of `forwardProgram`
 */
export function blockGraph(graph: TraceGraph, specs: readonly ParamSpec[]): BlockGraph {
  const sizes = new Map(
    specs.map(({ name, shape }) => [name, shape.reduce((product, dim) => product * dim, 1)]),
  );
  const paramOf = new Map<TraceValue, string>();
  for (const { name, value } of graph.inputs) {
    const spec = specs.find((candidate) => paramKey(candidate.name) === name);
    if (spec !== undefined) paramOf.set(value, spec.name);
  }
  const blocks: OpenBlock[] = [{ name: 'tokens', operations: new Map(), params: new Set(), flops: 0 }];
  const blockOf = new Map<TraceValue, number>();
  for (const { name, value } of graph.inputs) {
    if (name === 'inputs') blockOf.set(value, 0);
    if (name === 'source') {
      blockOf.set(value, blocks.push({ name, operations: new Map(), params: new Set(), flops: 0 }) - 1);
    }
  }
  /** Parameters behind values that come from parameters and constants alone, such as joined matrices. */
  const pending = new Map<TraceValue, readonly string[]>();
  const placed: { node: TraceNode; own: readonly string[] }[] = [];
  for (const node of graph.nodes) {
    const own = node.inputs.flatMap((value) => {
      const param = paramOf.get(value);
      return param === undefined ? (pending.get(value) ?? []) : [param];
    });
    const read = node.inputs.flatMap((value) => blockOf.get(value) ?? []);
    if (read.length === 0) {
      for (const output of node.outputs) pending.set(output, own);
      continue;
    }
    const latest = Math.max(...read);
    const to = own.length > 0 ? blockFor(blocks, prefixOf(own[0]!), latest) : latest;
    placed.push({ node, own });
    for (const output of node.outputs) blockOf.set(output, to);
  }
  moveToReaders(placed, blockOf);

  const edges = new Map<string, { from: number; to: number }>();
  for (const { node, own } of placed) {
    const to = blockOf.get(node.outputs[0]!)!;
    const block = blocks[to]!;
    own.forEach((param) => block.params.add(param));
    block.flops += nodeFlops(node);
    if (computes(node)) block.operations.set(node.kernel, (block.operations.get(node.kernel) ?? 0) + 1);
    for (const from of node.inputs.flatMap((value) => blockOf.get(value) ?? [])) {
      if (from !== to) edges.set(`${from} ${to}`, { from, to });
    }
  }
  return {
    blocks: blocks.map(({ name, operations, params, flops }) => ({
      name,
      operations: [...operations].map(([operation, count]) => ({ name: operation, count })),
      params: [...params].reduce((sum, param) => sum + sizes.get(param)!, 0),
      flops,
    })),
    edges: [...edges.values()],
  };
}

/** What uses no parameter and is read by one block alone is part of that: the mean of a norm belongs to the norm. */
function moveToReaders(
  placed: readonly { readonly node: TraceNode; readonly own: readonly string[] }[],
  blockOf: Map<TraceValue, number>,
): void {
  const readers = new Map<TraceValue, TraceNode[]>();
  for (const { node } of placed) {
    for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), node]);
  }
  for (const { node, own } of placed.toReversed()) {
    const found = new Set(
      node.outputs
        .flatMap((output) => readers.get(output) ?? [])
        .map((reader) => blockOf.get(reader.outputs[0]!)!),
    );
    // A residual connection joins blocks, and stays where it does.
    const joins = new Set(node.inputs.flatMap((value) => blockOf.get(value) ?? [])).size > 1;
    if (own.length > 0 || joins || found.size !== 1) continue;
    for (const output of node.outputs) blockOf.set(output, [...found][0]!);
  }
}

/** The block of a name that is not before `latest`; a new one where there is none. */
function blockFor(blocks: OpenBlock[], name: string, latest: number): number {
  const known = blocks.findIndex((block, i) => block.name === name && i >= latest);
  if (known >= 0) return known;
  return blocks.push({ name, operations: new Map(), params: new Set(), flops: 0 }) - 1;
}

/** Moving data is left out of what people read. */
const computes = (node: TraceNode): boolean => nodeFlops(node) > 0 || node.kernel === 'GatherV2';
