/**
 * Where the elements of a value lie: another array read in another order. Reshapes, transposes, slices, broadcasts and shifts
 * in time become views and move no data; whoever reads them steps over memory accordingly.
 */
import { wholeNumbers, type OnnxNode, type OnnxValue } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';

/** So many steps of so many elements each. */
export interface Factor {
  readonly size: number;
  readonly stride: number;
}

/**
 * Element e of a view, counted row-major, is element `offset` + the sum of the strides of e's digits in the mixed radix of the
 * factors' sizes. A shape only groups the factors, so that a view serves every reshape of a value.
 */
export interface View {
  readonly root: OnnxValue;
  readonly offset: number;
  readonly factors: readonly Factor[];
  /** Element e stands for e - shift, and for 0 where there is none. Only of views that are otherwise contiguous. */
  readonly shift: number;
}

export const contiguous = (root: OnnxValue): View => ({
  root,
  offset: 0,
  factors: merged([{ size: sizeOf(root.shape), stride: 1 }]),
  shift: 0,
});

/** The same factors without those of size 1, neighbours joined where one walks on where the other ends. */
export function merged(factors: readonly Factor[]): Factor[] {
  const result: Factor[] = [];
  for (const factor of factors) {
    if (factor.size === 1) continue;
    const last = result.at(-1);
    if (last?.stride === factor.size * factor.stride)
      result[result.length - 1] = { size: last.size * factor.size, stride: factor.stride };
    else result.push(factor);
  }
  return result;
}

/** The factors of each dimension of a shape; null where a factor would have to be cut elsewhere than between two elements. */
export function grouped(factors: readonly Factor[], shape: Shape): Factor[][] | null {
  const rest = [...factors];
  const groups = shape.map((): Factor[] => []);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    let open = shape[axis]!;
    while (open > 1) {
      const factor = rest.pop();
      if (factor === undefined) return null;
      if (open % factor.size === 0) {
        groups[axis]!.unshift(factor);
        open /= factor.size;
      } else if (factor.size % open === 0) {
        groups[axis]!.unshift({ size: open, stride: factor.stride });
        rest.push({ size: factor.size / open, stride: factor.stride * open });
        open = 1;
      } else {
        return null;
      }
    }
  }
  return groups.map(merged);
}

const isPlain = (view: View): boolean => view.shift === 0;

export const isContiguous = ({ factors, shift }: View): boolean =>
  shift === 0 && (factors.length === 0 || (factors.length === 1 && factors[0]!.stride === 1));

export function transposed(view: View, shape: Shape, perm: readonly number[]): View | null {
  const groups = isPlain(view) ? grouped(view.factors, shape) : null;
  return groups && { ...view, factors: merged(perm.flatMap((axis) => groups[axis]!)) };
}

/** `length` elements of an axis from `begin` on. */
export function sliced(view: View, shape: Shape, axis: number, begin: number, length: number): View | null {
  if (length === shape[axis]) return view;
  const groups = isPlain(view) ? grouped(view.factors, shape) : null;
  const group = groups?.[axis];
  if (groups === null || group?.length !== 1) return null;
  const { stride } = group[0]!;
  const factors = groups.flatMap((found, i) => (i === axis ? [{ size: length, stride }] : found));
  return { ...view, offset: view.offset + begin * stride, factors: merged(factors) };
}

/** The view of a value of one shape broadcast to another. */
export function broadcast(view: View, from: Shape, to: Shape): View | null {
  if (sizeOf(from) === sizeOf(to)) return view;
  const groups = isPlain(view) ? grouped(view.factors, from) : null;
  if (groups === null) return null;
  const missing = to.length - from.length;
  const factors = to.flatMap((size, axis) =>
    axis < missing || from[axis - missing] !== size ? [{ size, stride: 0 }] : groups[axis - missing]!,
  );
  return { ...view, factors: merged(factors) };
}

/** Rows that a Pad moves everything by, zeros coming in at one end and rows going out at the other; null for other Pads. */
function paddedShift({ inputs }: OnnxNode): number | null {
  if (inputs.length > 2) return null;
  const { shape } = inputs[0]!;
  const pads = wholeNumbers(inputs[1]!);
  const [before, after] = [pads[0]!, pads[shape.length]!];
  const others = pads.filter((_, i) => i !== 0 && i !== shape.length);
  return before === -after && others.every((pad) => pad === 0) ? before * sizeOf(shape.slice(1)) : null;
}

const VIEW_OPS = ['Reshape', 'Transpose', 'Slice', 'Split', 'Expand', 'Pad', 'Identity'];

/** Whether an output of a node can be a view of its first input, as far as the node alone decides. */
export const isViewNode = (node: OnnxNode): boolean =>
  VIEW_OPS.includes(node.op) && (node.op !== 'Pad' || paddedShift(node) !== null);

/** The view of a node's output, given the one of its first input; null where that one can't be read so. */
export function viewThrough(node: OnnxNode, output: OnnxValue, input: View): View | null {
  const { shape } = node.inputs[0]!;
  switch (node.op) {
    case 'Reshape':
    case 'Identity':
      return input;
    case 'Transpose':
      return transposed(input, shape, node.attrs['perm'] as readonly number[]);
    case 'Expand':
      return broadcast(input, shape, output.shape);
    case 'Pad':
      return isContiguous(input) ? { ...input, shift: paddedShift(node)! } : null;
    case 'Slice': {
      const [starts, ends, axes] = node.inputs.slice(1).map(wholeNumbers) as [number[], number[], number[]];
      return axes.reduce<{ view: View | null; shape: Shape }>(
        ({ view, shape: before }, axis, i) => ({
          view: view && sliced(view, before, axis, starts[i]!, ends[i]! - starts[i]!),
          shape: before.with(axis, ends[i]! - starts[i]!),
        }),
        { view: input, shape },
      ).view;
    }
    case 'Split': {
      const axis = node.attrs['axis'] as number;
      const before = node.outputs.slice(0, node.outputs.indexOf(output));
      const begin = before.reduce((sum, earlier) => sum + earlier.shape[axis]!, 0);
      return sliced(input, shape, axis, begin, output.shape[axis]!);
    }
    default:
      return null;
  }
}

/** A view as an access by rows: where row r begins, and how far apart its elements are. */
export interface RowAccess {
  readonly view: View;
  readonly rows: readonly Factor[];
  /** 0 where a row holds one number. */
  readonly stride: number;
}

/** A view read as `rows` rows of `columns` elements; null where a row is not evenly spaced. */
export function byRows(view: View, rows: number, columns: number): RowAccess | null {
  if (view.shift !== 0) {
    const isWhole = isContiguous({ ...view, shift: 0 }) && view.shift % columns === 0;
    return isWhole ? { view, rows: [{ size: rows, stride: columns }], stride: 1 } : null;
  }
  const groups = grouped(view.factors, [rows, columns]);
  if (groups === null || groups[1]!.length > 1) return null;
  return { view, rows: groups[0]!, stride: groups[1]![0]?.stride ?? 1 };
}

/** C for the distance of element `index` of the factors from the first. */
export function distance(factors: readonly Factor[], index: string): string {
  let inner = 1;
  const terms: string[] = [];
  for (const [i, { size, stride }] of factors.toReversed().entries()) {
    const isFirst = i === factors.length - 1;
    const quotient = inner === 1 ? index : `${index} / ${inner}`;
    if (stride !== 0) terms.push(`${isFirst ? `(${quotient})` : `(${quotient}) % ${size}`} * ${stride}L`);
    inner *= size;
  }
  return terms.length === 0 ? '0' : terms.join(' + ');
}
