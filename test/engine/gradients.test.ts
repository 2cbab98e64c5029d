/**
 * The gradients of TensorFlow.js's operations, its own and those registered here, against finite differences of their values:
 * truth that owes nothing to the gradient functions, which the traced graph and the eager reference share.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { randomValues } from './harness.js';
import { KERNEL_CASES, type KernelCase } from './kernelCases.js';

/** Far above rounding in single precision, far below the curvature of what is tested. */
const STEP = 2 ** -9;

/** Has values at which the function jumps. */
const jumps = ({ kernel, about }: KernelCase): boolean => kernel === 'Mod' && about === 'of both signs';

const differentiable = KERNEL_CASES.filter(
  (kernelCase) => kernelCase.gradients.length > 0 && !jumps(kernelCase),
).map((kernelCase) => [kernelCase.kernel, kernelCase.about, kernelCase] as const);

/** The sum of the results with fixed weights, which differ from element to element. */
function weightedSum({ fn, inputs, values }: KernelCase, changed: Readonly<Record<string, Tensor>>): Tensor {
  const tensors = Object.fromEntries(
    inputs.map(({ name, shape, dtype }, i) => [
      name,
      changed[name] ?? tf.tensor(values[name] ?? randomValues({ shape, dtype }, 900 + i), [...shape], dtype),
    ]),
  );
  return [fn(tensors)]
    .flat()
    .map((y, i) => {
      const weights = randomValues({ shape: y.shape, dtype: 'float32' }, 500 + i, 0.2, 1);
      return tf.sum(tf.mul(tf.cast(y, 'float32'), tf.tensor(weights, y.shape)));
    })
    .reduce((total, term) => tf.add(total, term));
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('the derivative along a random direction', () => {
  it.each(differentiable)('of %s (%s)', (_, __, kernelCase) => {
    const specs = kernelCase.inputs.filter(({ name }) => kernelCase.gradients.includes(name));
    for (const [i, { name, shape }] of specs.entries()) {
      const at = tf.tensor(kernelCase.values[name]!, [...shape]);
      const direction = tf.tensor(randomValues({ shape, dtype: 'float32' }, 70 + i, -1, 1), [...shape]);
      const along = (step: number): number =>
        weightedSum(kernelCase, { [name]: tf.add(at, tf.mul(direction, step)) }).dataSync()[0]!;
      const expected = (along(STEP) - along(-STEP)) / (2 * STEP);
      const gradient = tf.grad((x: Tensor) => weightedSum(kernelCase, { [name]: x }))(at);
      const actual = tf.sum(tf.mul(gradient, direction)).dataSync()[0]!;
      const scale = tf.sum(tf.abs(tf.mul(gradient, direction))).dataSync()[0]!;
      expect(Math.abs(actual - expected), `${name}: ${actual} instead of ${expected}`).toBeLessThan(
        5e-3 + 5e-3 * scale,
      );
    }
  });
});
