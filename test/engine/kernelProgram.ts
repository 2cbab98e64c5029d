/** A kernel case as a program: its values, and its gradients twice. */
import type { FunctionProgram } from '../../src/engine/executable.js';
import type { TensorSpec } from '../../src/engine/tensors.js';
import { trace, type Tensors } from '../../src/engine/trace/trace.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import type { KernelCase } from './kernelCase.js';

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
export function programOf(kernelCase: KernelCase): FunctionProgram {
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

export const titleOf = ({ kernel, about }: KernelCase): string => `${kernel} (${about})`;
