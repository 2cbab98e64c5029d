/**
 * Causal attention computes half of its matrices for nothing. Here is found out, from the mask alone, which values are exactly 0
 * above their diagonal, and of which nobody sees what is there, so that products can leave that half out.
 */
import type { OnnxGraph, OnnxNode, OnnxValue } from '../onnx/graph.js';
import { sameShape } from '../tensors.js';
import { readersOf } from './layout.js';

/** Whatever is added to a number this far below zero, its exponential is 0 in f32. */
const FAR_BELOW = -1e9;

export interface Triangles {
  /** A[i][p] of a product is 0 for p > i (`lower`) or p < i (`upper`), and likewise the transpose of B. */
  readonly left: 'lower' | 'upper' | null;
  readonly right: 'lower' | 'upper' | null;
  /** C[i][j] is read for j <= i alone. */
  readonly isResultLower: boolean;
}

const isSquare = ({ shape }: OnnxValue): boolean => shape.length >= 2 && shape.at(-1) === shape.at(-2);

/** Whether a constant hides everything above the diagonal of its last two dimensions. */
function isMask(value: OnnxValue): boolean {
  const { constant, shape, dtype } = value;
  if (constant === null || dtype !== 'float32' || !isSquare(value) || shape.at(-1) === 1) return false;
  const size = shape.at(-1)!;
  for (let i = 0; i < constant.length; i++) {
    const [row, column] = [Math.floor(i / size) % size, i % size];
    const x = Number(constant[i]);
    // What is not hidden has to be moderate: otherwise the largest of a row may be far below zero too.
    if (column > row ? x > FAR_BELOW : !(Math.abs(x) < -FAR_BELOW / 1e3)) return false;
  }
  return true;
}

const isRowScalar = (value: OnnxValue, of: OnnxValue): boolean =>
  value.shape.length === of.shape.length && value.shape.at(-1) === 1;

export interface TriangleFinder {
  readonly ofProduct: (product: OnnxNode) => Triangles;
  /** Whether a value is exactly 0 above the diagonal of its last two dimensions. */
  readonly isZero: (value: OnnxValue) => boolean;
  /** Whether it is so far below zero there that it is never the largest of a row. */
  readonly isHidden: (value: OnnxValue) => boolean;
}

/** Finds the triangles of a graph. */
export function trianglesOf(graph: OnnxGraph): TriangleFinder {
  const hidden = new Set<OnnxValue>();
  const zero = new Set<OnnxValue>();
  for (const { inputs } of graph.nodes) for (const input of inputs) if (isMask(input)) hidden.add(input);
  for (const node of graph.nodes) {
    const [a, b] = node.inputs as [OnnxValue, OnnxValue];
    const y = node.outputs[0]!;
    const keepsSquares = (x: OnnxValue): boolean => sameShape(x.shape.slice(-2), y.shape.slice(-2));
    if (node.op === 'Add' && [a, b].some((x) => hidden.has(x) && keepsSquares(x))) hidden.add(y);
    if (node.op === 'Sub' && hidden.has(a) && isRowScalar(b, a)) hidden.add(y);
    if (node.op === 'Exp' && hidden.has(a)) zero.add(y);
    if (node.op === 'Mul' && [a, b].some((x) => zero.has(x) && keepsSquares(x))) zero.add(y);
    if (node.op === 'Reshape' && keepsSquares(a) && zero.has(a)) zero.add(y);
  }

  const readers = readersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  /** Whether what a value holds above its diagonal makes no difference. */
  const isUnread = (value: OnnxValue): boolean => {
    const all = readers.get(value) ?? [];
    return !outputs.has(value) && all.length > 0 && all.every((node) => isUnreadBy(value, node));
  };
  const isUnreadBy = (value: OnnxValue, node: OnnxNode): boolean => {
    const y = node.outputs[0]!;
    if (!sameShape(y.shape.slice(-2), value.shape.slice(-2))) return false;
    const others = node.inputs.filter((input) => input !== value);
    if (node.op === 'Add' && others.some((other) => hidden.has(other))) return true;
    if (node.op === 'Mul' && others.some((other) => zero.has(other))) return true;
    return ['Add', 'Sub', 'Mul', 'Reshape'].includes(node.op) && isUnread(y);
  };

  const known = new Map<OnnxNode, Triangles>();
  const ofProduct = (product: OnnxNode): Triangles => {
    const found = known.get(product);
    if (found !== undefined) return found;
    const flag = (name: string): boolean => product.attrs[name] === 1;
    const [a, b] = product.inputs as [OnnxValue, OnnxValue];
    const triangles: Triangles = {
      left: zero.has(a) && !flag('transBatchA') ? (flag('transA') ? 'upper' : 'lower') : null,
      right: zero.has(b) && !flag('transBatchB') ? (flag('transB') ? 'lower' : 'upper') : null,
      isResultLower:
        isSquare(product.outputs[0]!) && product.attrs['perm'] === undefined && isUnread(product.outputs[0]!),
    };
    known.set(product, triangles);
    return triangles;
  };
  return { ofProduct, isZero: (value) => zero.has(value), isHidden: (value) => hidden.has(value) };
}
