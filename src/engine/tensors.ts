/** Plain descriptions of tensors that cross the engine's edge: specs, host arrays, and the element counts they imply. */

export type DType = 'float32' | 'int32';
export type Shape = readonly number[];

/** A named input or output of a compiled program. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

export type HostArray = Float32Array | Int32Array;
/** Values on the host by tensor name, row-major. */
export type HostTensors = Readonly<Record<string, HostArray>>;

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, dim) => product * dim, 1);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis]);

/**
 * Shape of an elementwise result by NumPy's broadcasting rule.
 * @throws Error if the shapes cannot be broadcast together
 */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new Error(`cannot broadcast [${a.join()}] with [${b.join()}]`);
    return x === 1 ? y : x;
  });
}

export const hostArray = (dtype: DType, length: number): HostArray =>
  dtype === 'float32' ? new Float32Array(length) : new Int32Array(length);

/** @throws Error naming the tensor if it is missing or does not hold `length` values */
export function checkLength({ name }: TensorSpec, data: HostArray | undefined, length: number): HostArray {
  if (data?.length !== length)
    throw new Error(`input "${name}" has ${data?.length ?? 'no'} values instead of ${length}`);
  return data;
}
