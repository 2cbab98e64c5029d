/**
 * Units that are computed together for one matrix of a batch after the other, as the products and the softmax of an attention
 * head are: what one leaves is still in the cache when the next reads it, and need not be kept for all heads.
 */
import type { OnnxNode, OnnxValue } from '../onnx/graph.js';
import { sizeOf } from '../tensors.js';
import { type RowLoop, type Unit } from './fuse.js';
import { operandCount, resultAccess, roleOf, type OperandFinder, type Role } from './operands.js';
import type { Layout } from './layout.js';
import { isProduct, productSizes } from './matrices.js';
import { isContiguous, type RowAccess } from './views.js';

export interface Block {
  readonly units: readonly Unit[];
  /** How many matrices one after the other; 1 where a unit is computed as a whole. */
  readonly batch: number;
}

/** Arrays that a unit touches, and whether it touches nothing but part b of `batch` equal parts while it is at matrix b. */
interface Touch {
  readonly root: OnnxValue;
  readonly isWritten: boolean;
  readonly isLocal: boolean;
}

const batchOf = (node: OnnxNode): number => sizeOf(productSizes(node).batchShape);

function productTouches(node: OnnxNode, layout: Layout, batch: number): Touch[] {
  const touch = (value: OnnxValue, isTurned: boolean, isWritten: boolean): Touch => {
    const view = layout(value);
    const isWhole =
      isContiguous(view) && view.offset === 0 && sizeOf(view.root.shape) === sizeOf(value.shape);
    return {
      root: view.root,
      isWritten,
      isLocal: isWhole && !isTurned && sizeOf(value.shape.slice(0, -2)) === batch,
    };
  };
  const [a, b, ...more] = node.inputs as [OnnxValue, OnnxValue, ...OnnxValue[]];
  return [
    touch(a, node.attrs['transBatchA'] === 1, false),
    touch(b, node.attrs['transBatchB'] === 1, false),
    ...more.map((value) => touch(value, true, false)),
    touch(node.outputs[0]!, node.attrs['perm'] !== undefined, true),
  ];
}

function loopTouches(loop: RowLoop, finder: OperandFinder, isStored: (value: OnnxValue) => boolean): Touch[] {
  const { rows, columns, nodes } = loop;
  const roles = new Map<OnnxNode, Role>(nodes.map((node) => [node, roleOf(node, rows, columns)]));
  const touch = ({ view, rows: factors }: RowAccess, isWritten: boolean): Touch => ({
    root: view.root,
    isWritten,
    isLocal:
      view.offset === 0 &&
      view.shift === 0 &&
      factors.length === 1 &&
      factors[0]!.stride * rows === sizeOf(view.root.shape),
  });
  return nodes.flatMap((node) => {
    const read = node.inputs.slice(0, operandCount(node)).flatMap((_, i) => {
      const operand = finder.find(node, i, roles, rows, columns)!;
      return operand.kind === 'memory' ? [touch(operand.access, false)] : [];
    });
    const value = node.outputs[0]!;
    const access = isStored(value)
      ? resultAccess(finder.layout, node, roles.get(node)!, rows, columns)
      : null;
    return access === null ? read : [...read, touch(access, true)];
  });
}

/** What a unit touches while it is at one matrix of a batch; null where it can't be computed so. */
function touchesOf(
  unit: Unit,
  batch: number,
  finder: OperandFinder,
  isStored: (value: OnnxValue) => boolean,
): Touch[] | null {
  if (unit.kind === 'single') {
    const [node] = unit.nodes;
    return isProduct(node) && batchOf(node) === batch ? productTouches(node, finder.layout, batch) : null;
  }
  const sums = unit.nodes.some((node) =>
    ['columnReduction', 'total'].includes(roleOf(node, unit.rows, unit.columns)),
  );
  return sums || unit.rows % batch !== 0 ? null : loopTouches(unit, finder, isStored);
}

/** Whether a unit can be computed matrix by matrix after others: what they write and it reads has to be of that matrix alone. */
function follows(touches: readonly Touch[], before: readonly Touch[]): boolean {
  return touches.every((touch) =>
    before.every(
      (earlier) =>
        earlier.root !== touch.root ||
        earlier.isWritten === touch.isWritten ||
        (earlier.isLocal && touch.isLocal),
    ),
  );
}

export interface Blocks {
  readonly blocks: readonly Block[];
  /** Arrays that only one block touches, each of so many parts for itself: threads need room for one part each. */
  readonly parts: ReadonlyMap<OnnxValue, number>;
}

/** The units of a graph in blocks, in the same order. */
export function blocksOf(
  units: readonly Unit[],
  finder: OperandFinder,
  isStored: (value: OnnxValue) => boolean,
  isOutside: (root: OnnxValue) => boolean,
): Blocks {
  const blocks: Block[] = [];
  const touched: Touch[][] = [];
  for (let i = 0; i < units.length;) {
    const first = units[i]!;
    const batch = first.kind === 'single' && isProduct(first.nodes[0]) ? batchOf(first.nodes[0]) : 1;
    const own: Unit[] = [];
    const touches: Touch[] = [];
    while (batch > 1 && i < units.length) {
      const next = touchesOf(units[i]!, batch, finder, isStored);
      if (next === null || !follows(next, touches)) break;
      touches.push(...next);
      own.push(units[i++]!);
    }
    if (own.length > 1) {
      blocks.push({ units: own, batch });
      touched.push(touches);
      continue;
    }
    if (own.length === 0) i++;
    blocks.push({ units: [first], batch: 1 });
    touched.push([]);
  }

  const readers = new Map<OnnxValue, Set<Block>>();
  for (const block of blocks)
    for (const { nodes } of block.units)
      for (const value of nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])) {
        const { root } = finder.layout(value);
        readers.set(root, (readers.get(root) ?? new Set()).add(block));
      }
  const parts = new Map<OnnxValue, number>();
  blocks.forEach((block, i) => {
    for (const { root, isWritten } of touched[i]!) {
      const isOnly = isWritten && readers.get(root)!.size === 1 && !isOutside(root);
      if (isOnly && touched[i]!.every((touch) => touch.root !== root || touch.isLocal))
        parts.set(root, block.batch);
    }
  });
  return { blocks, parts };
}
