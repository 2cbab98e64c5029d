/** Every kernel of the engine, values and gradients, traced and run by ONNX Runtime, against tfjs-cpu. */
import { describe, expect, it } from 'vitest';
import { kernelsOf, type TraceMode } from '../../src/engine/trace/backend.js';
import { trace } from '../../src/engine/trace/trace.js';
import { expectTracedAsEager, fillInputs } from './harness.js';
import { KERNEL_CASES, type KernelCase } from './kernelCases.js';
import { programOf, titleOf } from './kernelProgram.js';

function recordedKernels(kernelCase: KernelCase, mode: TraceMode): Set<string> {
  const { fn, inputs } = programOf(kernelCase);
  return new Set(trace(fn, inputs, mode).nodes.map(({ kernel }) => kernel));
}

describe('kernels', () => {
  it.each(KERNEL_CASES.map((kernelCase) => [titleOf(kernelCase), kernelCase] as const))(
    '%s',
    async (name, kernelCase) => {
      expect(recordedKernels(kernelCase, 'fused')).toContain(kernelCase.kernel);
      const program = programOf(kernelCase);
      await expectTracedAsEager(program, fillInputs(program.inputs, kernelCase.values), name);
    },
  );

  it('has a case for every kernel of the tables', () => {
    const tested = new Set(KERNEL_CASES.map(({ kernel }) => kernel));
    expect(Object.keys(kernelsOf('fused')).filter((kernel) => !tested.has(kernel))).toEqual([]);
  });
});
