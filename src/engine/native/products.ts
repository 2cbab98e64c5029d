/** Matrix products as calls of product.h. */
import { sizeOf } from '../tensors.js';
import type { OnnxNode } from '../onnx/graph.js';
import { literal } from './expressions.js';
import type { Layout } from './layout.js';
import type { Triangles } from './triangles.js';
import { addendMatrix, operandMatrix, productSizes, resultMatrix, type Matrix } from './matrices.js';
import { distance, type View } from './views.js';

/** Rows or columns that a thread's part is a multiple of, so that only the last has an odd end. */
const PART = 32;

interface Side {
  readonly pointer: string;
  readonly row: number;
  readonly column: number;
}

export interface ProductContext {
  readonly node: OnnxNode;
  readonly layout: Layout;
  readonly threads: number;
  /** C for where a view begins. */
  readonly pointerTo: (view: View) => string;
  readonly triangles: Triangles;
}

/** What of a product can be left out, in the words of product.h. */
function triangleOf({ left, right, isResultLower }: Triangles, isTurned: boolean): string {
  const operand = isTurned ? right : left;
  if (operand !== null) return operand === 'lower' ? 'LOWER_A' : 'UPPER_A';
  return isResultLower && !isTurned ? 'LOWER_C' : 'WHOLE';
}

/** The call that computes matrix `b` of the batch, all of its rows. */
export const writeOneProduct = (context: ProductContext): string => product(context).whole;

/** C for a product, its batch or its rows or columns divided among the threads. */
export function writeProduct(context: ProductContext): string[] {
  const { threads } = context;
  const { batch, rows, columns, whole, part } = product(context);
  if (batch >= threads && batch > 1) return [`for (long b = FROM(${batch}); b < TO(${batch}); b++)`, whole];
  const loop = batch > 1 ? [`for (long b = 0; b < ${batch}; b++)`] : [];
  if (threads === 1) return [...loop, whole];
  const byRows = rows >= columns;
  const size = byRows ? rows : columns;
  return [
    ...loop,
    '{',
    `const long from = PART_FROM(${size}, ${PART}), to = PART_TO(${size}, ${PART});`,
    `if (from < to) ${part(byRows)}`,
    '}',
  ];
}

function product({ node, layout, pointerTo, triangles }: ProductContext) {
  const { batchShape, m, n, k } = productSizes(node);
  const batch = sizeOf(batchShape);
  const side = (matrix: Matrix): Side => ({
    pointer: `${pointerTo(matrix.view)}${matrix.batch.length === 0 ? '' : ` + ${distance(matrix.batch, 'b')}`}`,
    row: matrix.rowStride,
    column: matrix.columnStride,
  });
  const a = side(operandMatrix(node, 0, layout(node.inputs[0]!))!);
  const b = side(operandMatrix(node, 1, layout(node.inputs[1]!))!);
  const c = side(resultMatrix(node, layout(node.outputs[0]!))!);
  const addend = node.inputs[2];
  const start = addend === undefined ? null : addendMatrix(node, layout(addend))!;
  const alpha = literal((node.attrs['alpha'] as { float: number } | undefined)?.float ?? 1, 'float32');

  // Written by columns, a product is the product of the transposes in the other order.
  const turned = (x: Side): Side => ({ ...x, row: x.column, column: x.row });
  const isTurned = c.column !== 1;
  const [left, right, result] = isTurned ? [turned(b), turned(a), turned(c)] : [a, b, c];
  const [rows, columns] = isTurned ? [n, m] : [m, n];

  const triangle = triangleOf(triangles, isTurned);
  const call = (byRows: boolean, from: string, count: string): string => {
    const at = (x: string, stride: number): string =>
      from === '0' || stride === 0 ? x : `${x} + ${from} * ${stride}L`;
    const startAt =
      start === null ? 'NULL' : at(pointerTo(start.view), byRows ? start.rowStride : start.columnStride);
    // A part of the columns is no triangle of its own.
    const skipped = byRows || triangle !== 'LOWER_C' ? triangle : 'WHOLE';
    return (
      `product(${byRows ? count : rows}, ${byRows ? columns : count}, ${k}, ${alpha}, ` +
      `${byRows ? at(left.pointer, left.row) : left.pointer}, ${left.row}, ${left.column}, ` +
      `${byRows ? right.pointer : at(right.pointer, right.column)}, ${right.row}, ${right.column}, ` +
      `${at(result.pointer, byRows ? result.row : 1)}, ${result.row}, ${startAt}, ${start?.rowStride ?? 0}, ` +
      `${skipped}, ${byRows && skipped !== 'WHOLE' ? `(int)(${from})` : '0'}, x->scratch);`
    );
  };
  return {
    batch,
    rows,
    columns,
    whole: call(true, '0', String(rows)),
    part: (byRows: boolean) => call(byRows, 'from', '(int)(to - from)'),
  };
}
