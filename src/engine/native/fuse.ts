/**
 * Which operations are computed in one loop over memory. Nodes join those that read their results, last ones first, so that a
 * value is made close to where it is used and is stored only if somebody else needs it too.
 */
import type { OnnxGraph, OnnxNode, OnnxValue } from '../onnx/graph.js';
import { sizeOf } from '../tensors.js';
import { isRowNode, readersOf } from './layout.js';
import {
  fixedColumns,
  operandCount,
  resultAccess,
  roleOf,
  sizeOfNode,
  sourceOf,
  type OperandFinder,
} from './operands.js';
import { isViewNode } from './views.js';

/** A loop over so many rows of so many columns. */
export interface RowLoop {
  readonly kind: 'rows';
  readonly nodes: readonly OnnxNode[];
  readonly rows: number;
  readonly columns: number;
}

/** One operation by itself. */
export interface Single {
  readonly kind: 'single';
  readonly nodes: readonly [OnnxNode];
}

export type Unit = RowLoop | Single;

/** More nodes than this would not gain, and cost the C compiler much. */
const MAX_NODES = 64;
/** Loops further apart than so many nodes are not joined only because they read the same. */
const MAX_DISTANCE = 48;
const MAX_COLUMNS = 2048;

interface Form {
  readonly rows: number;
  readonly columns: number;
}

function divisorNear(size: number, limit: number): number {
  for (let divisor = Math.min(size, limit); divisor > 1; divisor--) if (size % divisor === 0) return divisor;
  return 1;
}

/** Numbers of columns to try, best first. */
function columnsToTry(nodes: readonly OnnxNode[], size: number): number[] {
  const fixed = new Set(
    nodes.flatMap((node) => (sizeOfNode(node) === size ? (fixedColumns(node) ?? []) : [])),
  );
  const sizes = new Set(nodes.map(sizeOfNode));
  sizes.delete(size);
  for (const other of sizes) fixed.add(size / other);
  if (fixed.size > 0) return fixed.size === 1 ? [...fixed] : [];
  const suffixes = new Set<number>();
  for (const node of nodes)
    for (const { shape } of [...node.outputs, ...node.inputs.slice(0, operandCount(node))])
      shape.forEach((_, axis) => suffixes.add(sizeOf(shape.slice(axis))));
  const small = [...suffixes].filter(
    (columns) => columns > 1 && columns <= MAX_COLUMNS && size % columns === 0,
  );
  const large = [...suffixes].filter((columns) => columns > MAX_COLUMNS && size % columns === 0);
  return [divisorNear(size, MAX_COLUMNS), ...small.sort((a, b) => b - a), ...large.sort((a, b) => a - b), 1];
}

/** The rows and columns in which some nodes can be computed together; null where there are none. */
function formOf(nodes: readonly OnnxNode[], finder: OperandFinder): Form | null {
  const size = Math.max(...nodes.map(sizeOfNode));
  // What has to have columns of its own can't go over the rows of others.
  if (nodes.some((node) => sizeOfNode(node) !== size && fixedColumns(node) !== null)) return null;
  for (const columns of new Set(columnsToTry(nodes, size))) {
    const rows = size / columns;
    if (!Number.isInteger(rows) || !Number.isInteger(columns)) continue;
    const isPlain = nodes.every((node) => sizeOfNode(node) === size);
    // What is one number for all elements would be computed by one thread, and all the rest with it.
    if (!isPlain && (rows === 1 || columns === 1)) continue;
    const roles = new Map(nodes.map((node) => [node, roleOf(node, rows, columns)]));
    const fits = nodes.every(
      (node) =>
        resultAccess(finder.layout, node, roles.get(node)!, rows, columns) !== null &&
        node.inputs
          .slice(0, operandCount(node))
          .every((_, i) => finder.find(node, i, roles, rows, columns) !== null),
    );
    if (fits) return { rows, columns };
  }
  return null;
}

/** Units while they are being joined: state with a life, as long as the joining. */
class Units {
  readonly unitOf: number[];
  readonly members: number[][];
  private readonly after: readonly (readonly number[])[];

  constructor(after: readonly (readonly number[])[]) {
    this.after = after;
    this.unitOf = after.map((_, i) => i);
    this.members = after.map((_, i) => [i]);
  }

  /** Whether another unit would have to come after one of two and before the other. */
  private isBetween(from: number, to: number): boolean {
    const seen = new Set<number>([from]);
    const open = [from];
    for (let unit = open.pop(); unit !== undefined; unit = open.pop()) {
      for (const node of this.members[unit]!) {
        for (const next of this.after[node]!) {
          const nextUnit = this.unitOf[next]!;
          if (nextUnit === to && unit !== from) return true;
          if (nextUnit === to || seen.has(nextUnit)) continue;
          seen.add(nextUnit);
          open.push(nextUnit);
        }
      }
    }
    return false;
  }

  canJoin(a: number, b: number): boolean {
    return a !== b && !this.isBetween(a, b) && !this.isBetween(b, a);
  }

  join(into: number, other: number): void {
    for (const node of this.members[other]!) this.unitOf[node] = into;
    this.members[into] = [...this.members[into]!, ...this.members[other]!].sort((a, b) => a - b);
    this.members[other] = [];
  }
}

/** Nodes that read what a node gives, views looked through. */
function nodesAfter(nodes: readonly OnnxNode[], all: readonly OnnxNode[]): number[][] {
  const place = new Map(nodes.map((node, i) => [node, i]));
  const readers = readersOf(all);
  const found = (node: OnnxNode): number[] =>
    node.outputs
      .flatMap((output) => readers.get(output) ?? [])
      .flatMap((reader) => (isViewNode(reader) ? found(reader) : [place.get(reader)!]));
  return nodes.map((node) => [...new Set(found(node))].sort((a, b) => a - b));
}

/** The units of a graph in an order in which they can be computed. */
export function unitsOf(graph: OnnxGraph, finder: OperandFinder): Unit[] {
  const nodes = graph.nodes.filter((node) => !isViewNode(node));
  const after = nodesAfter(nodes, graph.nodes);
  const units = new Units(after);
  const nodesOf = (unit: number): OnnxNode[] => units.members[unit]!.map((i) => nodes[i]!);
  const tryToJoin = (a: number, b: number): void => {
    if (a === b || units.members[a]!.length + units.members[b]!.length > MAX_NODES) return;
    if (formOf([...nodesOf(a), ...nodesOf(b)], finder) !== null && units.canJoin(a, b)) units.join(a, b);
  };

  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!isRowNode(nodes[i]!)) continue;
    for (const reader of after[i]!) {
      if (isRowNode(nodes[reader]!)) tryToJoin(units.unitOf[i]!, units.unitOf[reader]!);
    }
  }

  // Loops that read the same array next to each other.
  const readersOfSource = new Map<OnnxValue, number[]>();
  for (const [i, node] of nodes.entries()) {
    if (!isRowNode(node)) continue;
    for (const value of node.inputs.slice(0, operandCount(node))) {
      const source = sourceOf(value);
      if (source.constant !== null || sizeOf(source.shape) < sizeOfNode(node)) continue;
      const known = readersOfSource.get(source) ?? [];
      const near = known.findLast((reader) => i - reader <= MAX_DISTANCE);
      if (near !== undefined) tryToJoin(units.unitOf[near]!, units.unitOf[i]!);
      readersOfSource.set(source, [...known, i]);
    }
  }
  return inOrder(units, after).map((unit): Unit => {
    const members = nodesOf(unit);
    if (!isRowNode(members[0]!)) return { kind: 'single', nodes: [members[0]!] };
    return { kind: 'rows', nodes: members, ...formOf(members, finder)! };
  });
}

/** Units with everything before them that they need, of those that could come next always the one whose last node is first. */
function inOrder(units: Units, after: readonly (readonly number[])[]): number[] {
  const live = units.members.flatMap((members, unit) => (members.length > 0 ? [unit] : []));
  const following = new Map(
    live.map((unit) => [
      unit,
      [...new Set(units.members[unit]!.flatMap((i) => after[i]!.map((next) => units.unitOf[next]!)))].filter(
        (next) => next !== unit,
      ),
    ]),
  );
  const missing = new Map(live.map((unit) => [unit, 0]));
  for (const nexts of following.values()) for (const next of nexts) missing.set(next, missing.get(next)! + 1);
  const last = (unit: number): number => units.members[unit]!.at(-1)!;
  const ready = live.filter((unit) => missing.get(unit) === 0).sort((a, b) => last(b) - last(a));
  const order: number[] = [];
  for (let unit = ready.pop(); unit !== undefined; unit = ready.pop()) {
    order.push(unit);
    for (const next of following.get(unit)!) {
      missing.set(next, missing.get(next)! - 1);
      if (missing.get(next) !== 0) continue;
      const place = ready.findIndex((other) => last(other) < last(next));
      ready.splice(place === -1 ? ready.length : place, 0, next);
    }
  }
  return order;
}
