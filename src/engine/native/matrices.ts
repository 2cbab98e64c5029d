/** Matrix products over views: what each operand's batch, rows and columns are in memory. */
import type { OnnxNode } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';
import { broadcast, grouped, transposed, type Factor, type View } from './views.js';

/** A batch of matrices in memory, one of the two strides being 1. */
export interface Matrix {
  readonly view: View;
  readonly batch: readonly Factor[];
  readonly rowStride: number;
  readonly columnStride: number;
}

/** Sizes of a product [batch, m, k] x [batch, k, n]. */
export interface ProductSizes {
  readonly batchShape: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export const isProduct = ({ op }: OnnxNode): boolean => ['Gemm', 'MatMul', 'FusedMatMul'].includes(op);

const flag = (node: OnnxNode, name: string): boolean => node.attrs[name] === 1;

/** Axes of an operand in the order batch, rows, columns. */
function axesOf(node: OnnxNode, operand: 0 | 1): number[] {
  const rank = node.inputs[operand]!.shape.length;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const side = operand === 0 ? 'A' : 'B';
  // Stored as [rows, batch..., columns].
  if (flag(node, `transBatch${side}`)) axes.splice(rank - 2, 0, axes.shift()!);
  if (flag(node, `trans${side}`)) axes.push(axes.splice(rank - 2, 1)[0]!);
  return axes;
}

/** The shape of a product before it is turned into that of the node's output. */
function plainShape({ attrs, outputs }: OnnxNode): Shape {
  const { shape } = outputs[0]!;
  const perm = attrs['perm'] as readonly number[] | undefined;
  return perm === undefined ? shape : shape.map((_, axis) => shape[perm.indexOf(axis)]!);
}

export function productSizes(node: OnnxNode): ProductSizes {
  const shape = plainShape(node);
  const axes = axesOf(node, 0);
  return {
    batchShape: shape.slice(0, -2),
    m: shape.at(-2)!,
    n: shape.at(-1)!,
    k: node.inputs[0]!.shape[axes.at(-1)!]!,
  };
}

/** Matrices of given sizes in a view; null where they have no two strides of which one is 1. */
export function matrixOf(view: View, batch: number, rows: number, columns: number): Matrix | null {
  const groups = view.shift === 0 ? grouped(view.factors, [batch, rows, columns]) : null;
  if (groups === null || groups[1]!.length > 1 || groups[2]!.length > 1) return null;
  // A dimension of 1 has no stride of its own: 1 is as good as any.
  const [rowStride, columnStride] = [groups[1]![0]?.stride ?? 1, groups[2]![0]?.stride ?? 1];
  if (rowStride !== 1 && columnStride !== 1) return null;
  return { view, batch: groups[0]!, rowStride, columnStride };
}

/** The matrices of an operand as its product reads them. */
export function operandMatrix(node: OnnxNode, operand: 0 | 1, view: View): Matrix | null {
  const { shape } = node.inputs[operand]!;
  const { batchShape, m, n, k } = productSizes(node);
  const axes = axesOf(node, operand);
  const turned = transposed(view, shape, axes);
  const [rows, columns] = operand === 0 ? [m, k] : [k, n];
  const spread =
    turned &&
    broadcast(
      turned,
      axes.map((axis) => shape[axis]!),
      [...batchShape, rows, columns],
    );
  return spread && matrixOf(spread, sizeOf(batchShape), rows, columns);
}

/** Whether a product can write its result as a view has it. */
export function resultMatrix(node: OnnxNode, view: View): Matrix | null {
  const { batchShape, m, n } = productSizes(node);
  const perm = node.attrs['perm'] as readonly number[] | undefined;
  const turnedBack =
    perm === undefined
      ? view
      : transposed(
          view,
          node.outputs[0]!.shape,
          perm.map((_, axis) => perm.indexOf(axis)),
        );
  const result = turnedBack && matrixOf(turnedBack, sizeOf(batchShape), m, n);
  return result?.columnStride !== 1 && node.inputs.length > 2 ? null : result;
}

/** The addend of a product by its rows, which are one row where their stride is 0; null where a row is not whole. */
export function addendMatrix(node: OnnxNode, view: View): Matrix | null {
  const spread = broadcast(view, node.inputs[2]!.shape, node.outputs[0]!.shape);
  const { m, n } = productSizes(node);
  const groups = spread?.shift === 0 ? grouped(spread.factors, [m, n]) : null;
  if (spread === null || groups === null || groups[0]!.length > 1 || groups[1]!.length > 1) return null;
  const columnStride = groups[1]![0]?.stride ?? 1;
  return columnStride === 1
    ? { view: spread, batch: [], rowStride: groups[0]![0]?.stride ?? 0, columnStride }
    : null;
}
