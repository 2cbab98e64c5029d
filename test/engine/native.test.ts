/** The engine native:cpu: every kernel, all architectures, threads, the cache, and what happens where something is wrong. */
import { describe, expect, it } from 'vitest';
import { engineOrNull } from './engines.js';
import type { FunctionProgram } from '../../src/engine/executable.js';
import type { HostTensors } from '../../src/engine/tensors.js';
import { eager, expectClose, fillInputs, runOnce } from './harness.js';
import { KERNEL_CASES, type KernelCase } from './kernelCases.js';
import { programOf, titleOf } from './kernelProgram.js';
import { joined, partOf, programsTogether } from './prefixed.js';

const native = await engineOrNull('native:cpu');

/** So many cases are compiled at a time: most of the time of a compiler goes into starting it. */
const CASES_TOGETHER = 32;

interface Compiled {
  readonly program: FunctionProgram;
  readonly inputs: HostTensors;
  readonly results: Readonly<Record<string, ArrayLike<number>>>;
}

/** The results of some cases, computed by one library. */
async function resultsOf(cases: readonly KernelCase[]): Promise<Compiled[]> {
  const programs = cases.map(programOf);
  const inputs = programs.map((program, i) => fillInputs(program.inputs, cases[i]!.values));
  const all = joined(inputs);
  const results = await runOnce(native!, programsTogether(programs), all);
  return programs.map((program, i) => ({
    program,
    inputs: inputs[i]!,
    results: partOf(results, i),
  }));
}

const batches = new Map<number, Promise<Compiled[]>>();
async function compiledCase(index: number): Promise<Compiled> {
  const batch = Math.floor(index / CASES_TOGETHER);
  const first = batch * CASES_TOGETHER;
  const made = batches.get(batch) ?? resultsOf(KERNEL_CASES.slice(first, first + CASES_TOGETHER));
  batches.set(batch, made);
  return (await made)[index - first]!;
}

describe.skipIf(native === null)('native:cpu', () => {
  describe('kernels', () => {
    it.each(KERNEL_CASES.map((kernelCase, i) => [titleOf(kernelCase), i] as const))(
      '%s',
      async (name, index) => {
        const { program, inputs, results } = await compiledCase(index);
        const expected = await runOnce(eager, program, inputs);
        expect(Object.keys(results).toSorted()).toEqual(Object.keys(expected).toSorted());
        for (const [output, values] of Object.entries(expected))
          expectClose(results[output]!, values, `${name}, ${output}`);
      },
    );
  });
});
