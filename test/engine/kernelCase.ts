/** What a case of a kernel is, and the shorthands that the tables of cases are written in. */
import type { HostArray, TensorSpec } from '../../src/engine/tensors.js';
import type { Tensors } from '../../src/engine/trace/trace.js';
import { tf } from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { randomValues } from './harness.js';

export interface KernelCase {
  /** The kernel that the case is for; a test checks that tfjs really calls it. */
  readonly kernel: string;
  readonly about: string;
  readonly inputs: readonly TensorSpec[];
  readonly values: Readonly<Record<string, HostArray>>;
  readonly fn: (inputs: Tensors) => Tensor | Tensor[];
  /** Inputs to differentiate by; none where tfjs has no gradient, or one that the engine has no kernel for. */
  readonly gradients: readonly string[];
}

/** Names an input's shape, and the range that its random values come from. */
interface Input {
  readonly shape: readonly number[];
  readonly from?: number;
  readonly to?: number;
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
}

type Fn = KernelCase['fn'];

export function kernelCase(
  kernel: string,
  about: string,
  inputs: Readonly<Record<string, Input>>,
  fn: Fn,
  gradients?: readonly string[],
): KernelCase {
  const specs = Object.entries(inputs).map(([name, { shape, ints }]): TensorSpec => ({
    name,
    shape,
    dtype: ints ? 'int32' : 'float32',
  }));
  const values = Object.entries(inputs).map(([name, { ints, floats, from, to }], i): [string, HostArray] => {
    if (ints !== undefined) return [name, Int32Array.from(ints)];
    if (floats !== undefined) return [name, Float32Array.from(floats)];
    return [name, randomValues(specs[i]!, 7 * kernel.length + i, from, to)];
  });
  const floats = specs.filter(({ dtype }) => dtype === 'float32').map(({ name }) => name);
  return {
    kernel,
    about,
    inputs: specs,
    values: Object.fromEntries(values),
    fn,
    gradients: gradients ?? floats,
  };
}

export const NONE: readonly string[] = [];

export type Unary = (x: Tensor) => Tensor;
export type Binary = (a: Tensor, b: Tensor) => Tensor;

export const unary = (
  kernel: string,
  fn: Unary,
  from = -2,
  to = 2,
  gradients?: readonly string[],
): KernelCase =>
  kernelCase(kernel, 'matrix', { x: { shape: [3, 5], from, to } }, ({ x }) => fn(x!), gradients);

/** Equal shapes, and both ways of broadcasting. tfjs has gradients of some kernels for equal shapes only. */
export const binary = (
  kernel: string,
  fn: Binary,
  { from = -2, to = 2, broadcastGradients = true } = {},
): KernelCase[] =>
  (
    [
      ['equal shapes', [3, 4], [3, 4]],
      ['row', [3, 4], [4]],
      ['column and row', [3, 1], [2, 1, 4]],
      ['scalar', [], [2, 3]],
    ] as const
  ).map(([about, a, b]) =>
    kernelCase(
      kernel,
      about,
      { a: { shape: a, from, to }, b: { shape: b, from, to } },
      ({ a, b }) => fn(a!, b!),
      broadcastGradients || about === 'equal shapes' ? ['a', 'b'] : NONE,
    ),
  );

/** Operands with equal elements among them, so that both sides of a comparison are seen. */
export const comparison = (kernel: string, fn: Binary): KernelCase =>
  kernelCase(
    kernel,
    'with ties',
    {
      a: { shape: [2, 3], floats: [1, 2, 3, -1, 0, 5] },
      b: { shape: [2, 3], floats: [1, 3, 2, -1, -0.5, 5] },
    },
    ({ a, b }) => fn(a!, b!),
    NONE,
  );

export const BITS = { shape: [2, 4], ints: [0, 1, 0, 1, 1, 0, 0, 1] };
export const OTHER_BITS = { shape: [2, 4], ints: [0, 0, 1, 1, 1, 0, 1, 0] };
export const bool = (x: Tensor): Tensor => tf.cast(x, 'bool');
