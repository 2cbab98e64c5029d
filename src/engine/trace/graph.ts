/** The recorded graph: tfjs kernels as they were called, before anything is lowered, fused or counted. */
import { createHash } from 'node:crypto';
import { sizeOf, type Shape } from '../tensors.js';

/** tfjs dtypes that a trace can hold. */
export type TraceDType = 'float32' | 'int32' | 'bool';

export type AttrValue = number | boolean | string | readonly number[] | readonly (readonly number[])[] | null;
export type Attrs = Readonly<Record<string, AttrValue>>;

export type ConstantData = Float32Array | Int32Array | Uint8Array;

/** One value of the graph: a graph input, a constant, or an output of a node. */
export interface TraceValue {
  readonly shape: Shape;
  readonly dtype: TraceDType;
  readonly origin:
    | { readonly kind: 'input'; readonly name: string }
    | { readonly kind: 'constant'; readonly data: ConstantData }
    /** A constant that holds one number everywhere; it has the hash of the array full of it. */
    | { readonly kind: 'uniform'; readonly value: number }
    | { readonly kind: 'node'; readonly node: TraceNode; readonly index: number };
}

export interface TraceNode {
  readonly kernel: string;
  readonly inputs: readonly TraceValue[];
  readonly attrs: Attrs;
  readonly outputs: TraceValue[];
}

export interface TraceGraph {
  readonly inputs: readonly { readonly name: string; readonly value: TraceValue }[];
  readonly outputs: readonly { readonly name: string; readonly value: TraceValue }[];
  /** In the order in which they were recorded, which is a topological order; dead nodes removed. */
  readonly nodes: readonly TraceNode[];
}

/** The nodes that the outputs need, in recorded order. */
export function liveNodes(nodes: readonly TraceNode[], outputs: readonly TraceValue[]): TraceNode[] {
  const needed = new Set<TraceNode>();
  const mark = (value: TraceValue): void => {
    if (value.origin.kind === 'node') needed.add(value.origin.node);
  };
  outputs.forEach(mark);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (needed.has(node)) node.inputs.forEach(mark);
  }
  return nodes.filter((node) => needed.has(node));
}

/** JSON writes NaN and both infinities as null. */
const nonFiniteByName = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;

const uniformHashes = new Map<string, string>();

/** SHA-256 of `count` float32 of one value, without ever holding them all. */
function uniformHash(value: number, count: number): string {
  const key = `${value}|${count}`;
  const known = uniformHashes.get(key);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  const piece = new Float32Array(Math.min(count, 1 << 20)).fill(value);
  for (let left = count; left > 0; left -= piece.length) {
    hash.update(new Uint8Array(piece.buffer, 0, 4 * Math.min(left, piece.length)));
  }
  const digest = hash.digest('hex');
  uniformHashes.set(key, digest);
  return digest;
}

/**
 * SHA-256 over operations, shapes, attributes, constants and wiring; names of inputs and outputs do not enter, their order does.
 * Part of the run key (docs/numbers.md, "Run key").
 */
export function hashGraph(graph: TraceGraph): string {
  const hash = createHash('sha256');
  const numbers = new Map<TraceValue, number>();
  const describe = (value: TraceValue): string => {
    const known = numbers.get(value);
    if (known !== undefined) return `%${known}`;
    numbers.set(value, numbers.size);
    const type = `${value.dtype}[${value.shape.join()}]`;
    if (value.origin.kind === 'uniform')
      return `%${numbers.size - 1}:${type}=${uniformHash(value.origin.value, sizeOf(value.shape))}`;
    if (value.origin.kind !== 'constant') return `%${numbers.size - 1}:${type}`;
    const { data } = value.origin;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return `%${numbers.size - 1}:${type}=${createHash('sha256').update(bytes).digest('hex')}`;
  };
  for (const { value } of graph.inputs) hash.update(`in ${describe(value)}\n`);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(describe).join(' ');
    const attrs = JSON.stringify(
      Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1)),
      nonFiniteByName,
    );
    hash.update(`${node.kernel} ${inputs} ${attrs} -> ${node.outputs.map(describe).join(' ')}\n`);
  }
  for (const { value } of graph.outputs) hash.update(`out ${describe(value)}\n`);
  return hash.digest('hex');
}
