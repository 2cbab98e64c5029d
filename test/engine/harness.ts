/** Runs one function eagerly on tfjs-cpu and traced on ONNX Runtime, and compares numbers: what most engine tests do. */
import { expect } from 'vitest';
import { eagerEngine as eager } from '../../src/engine/eager.js';
import type { Engine, FunctionProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import { sizeOf, type HostArray, type HostTensors, type TensorSpec } from '../../src/engine/tensors.js';

export { eager };

/** How a traced function can be run: the plain graph, and the one with the project's kernels and passes. */
export const TRACED: readonly { readonly name: string; readonly optimise: boolean }[] = [
  { name: 'naive graph', optimise: false },
  { name: 'optimised graph', optimise: true },
];

/** Uniform numbers in [0, 1), the same in every run (mulberry32). */
export function uniformNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** Values between `from` and `to` for a spec. */
export function randomValues(
  { shape, dtype }: Omit<TensorSpec, 'name'>,
  seed: number,
  from = -2,
  to = 2,
): HostArray {
  const next = uniformNumbers(seed);
  const values = Array.from({ length: sizeOf(shape) }, () => from + (to - from) * next());
  return dtype === 'int32'
    ? Int32Array.from(values, (value) => Math.floor(value))
    : Float32Array.from(values);
}

/** Compiles, runs once and lets go. Results of dtype bool come as 0 and 1. */
export async function runOnce(
  engine: Engine,
  program: FunctionProgram,
  inputs: HostTensors,
  optimise = true,
): Promise<Record<string, Float32Array>> {
  const compiled = await engine.compileFunction(program, { threads: 1, optimise });
  try {
    return await compiled.run(inputs);
  } finally {
    await compiled.dispose();
  }
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** What the project promises between the traced graph and eager execution. */
export const CLOSE: Tolerance = { relative: 1e-5, absolute: 1e-6 };

/** Fails with the worst element where two arrays differ by more than `absolute + relative * |expected|`. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  { relative, absolute }: Tolerance = CLOSE,
): void {
  expect(actual.length, `${what}: number of elements`).toBe(expected.length);
  let worst = { excess: 0, index: -1 };
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [Number(actual[i]), Number(expected[i])];
    if (Object.is(a, e) || a === e) continue;
    const excess = Math.abs(a - e) / (absolute + relative * Math.abs(e));
    // A NaN on one side only compares as NaN and must not pass.
    if (!(excess <= 1) && !(excess <= worst.excess)) worst = { excess, index: i };
  }
  const { index } = worst;
  expect(index, `${what}: element ${index} is ${actual[index]} instead of ${expected[index]}`).toBe(-1);
}

/** All outputs of a program, traced both ways, against eager tfjs-cpu. */
export async function expectTracedAsEager(
  program: FunctionProgram,
  inputs: HostTensors,
  what: string,
  tolerance: Tolerance = CLOSE,
): Promise<void> {
  const expected = await runOnce(eager, program, inputs);
  for (const { name, optimise } of TRACED) {
    const actual = await runOnce(ortEngine, program, inputs, optimise);
    expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [output, values] of Object.entries(expected)) {
      expectClose(actual[output]!, values, `${what}, ${name}, ${output}`, tolerance);
    }
  }
}

/** Random values for every input of a program, those given taken as they are. */
export const fillInputs = (specs: readonly TensorSpec[], given: HostTensors = {}): HostTensors =>
  Object.fromEntries(specs.map((spec, i) => [spec.name, given[spec.name] ?? randomValues(spec, 100 + i)]));
