/** Every kernel of the engine, values and gradients, traced and run by ONNX Runtime, against tfjs-cpu. */
import { describe, expect, it } from 'vitest';
import type { FunctionProgram } from '../../src/engine/executable.js';
import type { TensorSpec } from '../../src/engine/tensors.js';
import { kernelsOf, type TraceMode } from '../../src/engine/trace/backend.js';
import { trace, type Tensors } from '../../src/engine/trace/trace.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { expectTracedAsEager, fillInputs } from './harness.js';
import { KERNEL_CASES, type KernelCase } from './kernelCases.js';

const results = (fn: KernelCase['fn'], inputs: Tensors): Tensor[] => [fn(inputs)].flat();

/** Output shapes of a case: what the weights of its gradient are shaped like. */
const outputSpecs = ({ fn, inputs }: KernelCase): TensorSpec[] => {
  const graph = trace(
    (tensors) => Object.fromEntries(results(fn, tensors).map((y, i) => [`weight${i}`, y])),
    inputs,
    'naive',
  );
  return graph.outputs.map(({ name, value }) => ({ name, shape: value.shape, dtype: 'float32' }));
};

/**
 * The values of a case, and its gradients twice: of a sum with random weights, which checks every element, and of the plain
 * sum, whose uniform gradient is what the passes simplify.
 */
function programOf(kernelCase: KernelCase): FunctionProgram {
  const { inputs, fn, gradients } = kernelCase;
  const weights = gradients.length > 0 ? outputSpecs(kernelCase) : [];
  const gradientsOf = (tensors: Tensors, loss: (ys: Tensor[]) => Tensor): Tensor[] =>
    tf.grads((...xs) => {
      const named = Object.fromEntries(gradients.map((name, i) => [name, xs[i]!]));
      return loss(results(fn, { ...tensors, ...named }));
    })(gradients.map((name) => tensors[name]!));
  const total = (ys: Tensor[], weightOf: (y: Tensor, i: number) => Tensor): Tensor =>
    ys.map((y, i) => tf.sum(weightOf(y, i))).reduce((sum, y) => tf.add(sum, y));
  return {
    inputs: [...inputs, ...weights],
    fn(tensors) {
      const values = results(fn, tensors).map((y, i) => [`y${i}`, y] as const);
      if (gradients.length === 0) return Object.fromEntries(values);
      const weighted = gradientsOf(tensors, (ys) => total(ys, (y, i) => tf.mul(y, tensors[`weight${i}`]!)));
      const plain = gradientsOf(tensors, (ys) => total(ys, (y) => y));
      return Object.fromEntries([
        ...values,
        ...gradients.map((name, i) => [`weighted/${name}`, weighted[i]!] as const),
        ...gradients.map((name, i) => [`plain/${name}`, plain[i]!] as const),
      ]);
    },
  };
}

function recordedKernels(kernelCase: KernelCase, mode: TraceMode): Set<string> {
  const { fn, inputs } = programOf(kernelCase);
  return new Set(trace(fn, inputs, mode).nodes.map(({ kernel }) => kernel));
}

const title = ({ kernel, about }: KernelCase): string => `${kernel} (${about})`;

describe('kernels', () => {
  it.each(KERNEL_CASES.map((kernelCase) => [title(kernelCase), kernelCase] as const))(
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
