/**
 * What nodes are to a loop over rows, and how they come by their operands in it: as numbers in the text, as variables of the same
 * loop, or from memory.
 */
import { uniformValue, wholeNumbers, type OnnxDType, type OnnxNode, type OnnxValue } from '../onnx/graph.js';
import { sizeOf } from '../tensors.js';
import type { Layout } from './layout.js';
import {
  broadcast,
  byRows,
  contiguous,
  grouped,
  isViewNode,
  viewThrough,
  type RowAccess,
  type View,
} from './views.js';

/** What a node is to a loop: computed for each element, once a row, or summed over. */
export type Role = 'full' | 'scalar' | 'rowReduction' | 'columnReduction' | 'total';

/** How a node of a loop comes by an operand. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: number; readonly dtype: OnnxDType }
  | { readonly kind: 'variable'; readonly value: OnnxValue; readonly isScalar: boolean }
  | {
      readonly kind: 'memory';
      readonly value: OnnxValue;
      readonly access: RowAccess;
      readonly isScalar: boolean;
    };

const isReduction = ({ op }: OnnxNode): boolean => op.startsWith('Reduce');

/** Elements that a node goes through. */
export const sizeOfNode = (node: OnnxNode): number =>
  sizeOf(isReduction(node) || node.op === 'PickAt' ? node.inputs[0]!.shape : node.outputs[0]!.shape);

/** Columns that a node has to be given, null where any will do. */
export function fixedColumns(node: OnnxNode): number | null {
  const { shape } = node.inputs[0]!;
  if (node.op === 'PickAt' || node.op === 'AddAt') return shape[1]!;
  if (!isReduction(node)) return null;
  const left = sizeOf(node.outputs[0]!.shape);
  if (left === 1) return null;
  return isByColumn(node) ? left : sizeOf(shape) / left;
}

/** Whether a sum leaves the last axes. */
function isByColumn(node: OnnxNode): boolean {
  const { shape } = node.inputs[0]!;
  const first = wholeNumbers(node.inputs[1]!).find((axis) => shape[axis] !== 1) ?? 0;
  return sizeOf(shape.slice(0, first)) === 1;
}

export function roleOf(node: OnnxNode, rows: number, columns: number): Role {
  if (isReduction(node)) {
    if (sizeOf(node.outputs[0]!.shape) === 1) return 'total';
    return isByColumn(node) ? 'columnReduction' : 'rowReduction';
  }
  if (node.op === 'PickAt') return 'rowReduction';
  return sizeOfNode(node) === rows * columns ? 'full' : 'scalar';
}

/** The value that views lead back to. */
export function sourceOf(value: OnnxValue): OnnxValue {
  let source = value;
  while (source.producer !== null && isViewNode(source.producer)) source = source.producer.inputs[0]!;
  return source;
}

export const operandCount = (node: OnnxNode): number => (isReduction(node) ? 1 : node.inputs.length);

/** The shape over which an operand is spread. */
export function spreadShape(node: OnnxNode, operand: number): readonly number[] {
  if (isReduction(node) || node.op === 'PickAt') return node.inputs[0]!.shape;
  // The index of a row is one number of each row of the values.
  return node.op === 'AddAt' && operand > 0 ? node.inputs[0]!.shape : node.outputs[0]!.shape;
}

/** Finds operands of nodes in loops; remembers what it finds, for loops are tried in many sizes. */
export class OperandFinder {
  readonly layout: Layout;
  private readonly logicalViews = new Map<OnnxValue, View>();
  private readonly accesses = new Map<string, RowAccess | null>();

  constructor(layout: Layout) {
    this.layout = layout;
  }

  /** A value as a view of its source, wherever that lies. */
  private logical(value: OnnxValue): View {
    const known = this.logicalViews.get(value);
    if (known !== undefined) return known;
    const node = value.producer;
    const view =
      node !== null && isViewNode(node)
        ? viewThrough(node, value, this.logical(node.inputs[0]!))!
        : contiguous(value);
    this.logicalViews.set(value, view);
    return view;
  }

  private access(
    value: OnnxValue,
    shape: readonly number[],
    rows: number,
    columns: number,
  ): RowAccess | null {
    const key = `${value.id}|${shape.join()}|${rows}|${columns}`;
    const known = this.accesses.get(key);
    if (known !== undefined) return known;
    const spread = broadcast(this.layout(value), value.shape, shape);
    const access = spread && byRows(spread, rows, columns);
    this.accesses.set(key, access);
    return access;
  }

  /** An operand of a node in a loop that computes the nodes of `roles`; null where it can't be had there. */
  find(
    node: OnnxNode,
    index: number,
    roles: ReadonlyMap<OnnxNode, Role>,
    rows: number,
    columns: number,
  ): Operand | null {
    const value = node.inputs[index]!;
    const uniform = uniformValue(value);
    if (uniform !== null) return { kind: 'literal', value: uniform, dtype: value.dtype };
    const shape = spreadShape(node, index);
    const isScalarNode = sizeOf(shape) !== rows * columns;
    const source = sourceOf(value);
    const sourceRole = source.producer === null ? undefined : roles.get(source.producer);
    if (sourceRole === undefined) {
      const access = this.access(value, shape, rows, isScalarNode ? 1 : columns);
      if (access === null) return null;
      return { kind: 'memory', value, access, isScalar: isScalarNode || access.stride === 0 };
    }
    if (sourceRole === 'columnReduction' || sourceRole === 'total') return null;
    const isScalar = sourceRole !== 'full';
    const spread = broadcast(this.logical(value), value.shape, shape);
    if (spread?.shift !== 0 || spread.offset !== 0) return null;
    const groups = grouped(spread.factors, isScalarNode ? [rows, 1] : [rows, columns]);
    if (groups === null) return null;
    const walks = (
      factors: readonly { size: number; stride: number }[],
      size: number,
      stride: number,
    ): boolean => (size === 1 ? factors.length === 0 : factors.length === 1 && factors[0]!.stride === stride);
    const fits = isScalar
      ? walks(groups[0]!, rows, 1) && (isScalarNode || walks(groups[1]!, columns, 0))
      : !isScalarNode && walks(groups[0]!, rows, columns) && walks(groups[1]!, columns, 1);
    return fits ? { kind: 'variable', value: source, isScalar } : null;
  }
}

/** Where a node of a loop writes its result, by rows or, where it is one row for all, as a whole; null where it can't. */
export function resultAccess(
  layout: Layout,
  node: OnnxNode,
  role: Role,
  rows: number,
  columns: number,
): RowAccess | null {
  const view = layout(node.outputs[0]!);
  if (role === 'full') return byRows(view, rows, columns);
  if (role === 'scalar' || role === 'rowReduction') return byRows(view, rows, 1);
  const whole = byRows(view, 1, sizeOf(node.outputs[0]!.shape));
  return whole?.stride === 1 ? whole : null;
}
