/**
 * The engines of TensorFlow.js that are installed, against its cpu backend: every kernel with its gradients, training steps of
 * all architectures of the paper, and the tensors that are left. An engine that is not installed is skipped, saying so.
 */
import { describe, expect, it } from 'vitest';
import type { EngineName } from '../../src/engine/engineNames.js';
import type { Engine, FunctionProgram } from '../../src/engine/executable.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { engineOrNull } from './engines.js';
import { eager, expectClose, runOnce, type Tolerance } from './harness.js';
import { KERNEL_CASES, type KernelCase } from './kernelCases.js';
import { ADAFACTOR, ADAMW, tinyTraining } from './tinyTraining.js';

const NAMES: readonly EngineName[] = ['tfjs:wasm', 'tfjs:tensorflow'];
const STEPS = 20;

const found = await Promise.all(NAMES.map(async (name) => ({ name, engine: await engineOrNull(name) })));

/** The case, and the gradient of the sum of its results' squares by what it can be differentiated by. */
function programOf({ inputs, fn, gradients }: KernelCase): FunctionProgram {
  return {
    inputs,
    fn: (tensors) => {
      const results = [fn(tensors)].flat();
      const outputs = Object.fromEntries(
        results.map((tensor, i) => [`result ${i}`, tf.cast(tensor, 'float32')]),
      );
      if (gradients.length === 0) return outputs;
      const loss = (...values: Tensor[]): Tensor => {
        const named = { ...tensors, ...Object.fromEntries(gradients.map((name, i) => [name, values[i]!])) };
        return [fn(named)]
          .flat()
          .map((tensor) => tf.sum(tf.square(tensor)))
          .reduce((a, b) => tf.add(a, b));
      };
      const gradientsOf = tf.grads(loss)(gradients.map((name) => tensors[name]!));
      return {
        ...outputs,
        ...Object.fromEntries(gradients.map((name, i) => [`d ${name}`, gradientsOf[i]!])),
      };
    },
  };
}

/** Transcendental functions of other libraries differ in their last digits. */
const TOLERANCE: Tolerance = { relative: 1e-4, absolute: 1e-5 };

async function losses(engine: Engine, training: ReturnType<typeof tinyTraining>): Promise<number[]> {
  const executable = await engine.compileStep(training.program, { threads: 1 });
  executable.setState(training.state);
  const series: number[] = [];
  for (let step = 1; step <= STEPS; step += 5)
    series.push(...(await executable.run(5, training.inputs(step, 5)))['loss']!);
  await executable.dispose();
  return series;
}

describe.each(found)('$name', ({ name, engine }) => {
  it.skipIf(engine === null).each(KERNEL_CASES)('$kernel, $about', async (kernelCase) => {
    const program = programOf(kernelCase);
    const expected = await runOnce(eager, program, kernelCase.values);
    const actual = await runOnce(engine!, program, kernelCase.values);
    for (const [output, values] of Object.entries(expected)) {
      expectClose(actual[output]!, values, `${kernelCase.kernel}, ${output}`, TOLERANCE);
    }
  });

  it.skipIf(engine === null).each([
    ['transformer', {}, ADAMW],
    ['transformer++', {}, ADAMW],
    ['primer-ez', {}, ADAMW],
    ['primer', { positions: 'rotary' }, ADAMW],
    ['t5', { positions: 'relative' }, ADAFACTOR],
    ['t5++', { positions: 'relative' }, ADAMW],
  ] as const)('%s %j: the losses of 20 steps agree with the reference', async (preset, change, optimizer) => {
    const training = tinyTraining({ preset, ...change }, optimizer);
    const expected = await losses(eager, training);
    expectClose(await losses(engine!, training), expected, `${name}, ${preset}`, {
      relative: 2e-5,
      absolute: 0,
    });
  });

  it.skipIf(engine === null)(
    'keeps the number of tensors constant over steps, and none in the end',
    async () => {
      const training = tinyTraining();
      const before = tf.memory().numTensors;
      const executable = await engine!.compileStep(training.program, { threads: 1 });
      executable.setState(training.state);
      await executable.run(2, training.inputs(1, 2));
      const after = tf.memory().numTensors;
      expect(after - before).toBe(training.program.state.length);
      for (let step = 3; step < 30; step += 3) await executable.run(3, training.inputs(step, 3));
      await executable.getState();
      expect(tf.memory().numTensors).toBe(after);
      await executable.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
