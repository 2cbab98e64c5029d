/**
 * The engines on WebGPU, against the reference: training, the state that stays on the device, a call that fails. A software
 * adapter takes seconds a step, so they are no part of `npm test`: `npm run test:gpu`. An engine that can't start is skipped.
 */
import { describe, expect, it } from 'vitest';
import type { EngineName } from '../../src/engine/engineNames.js';
import type { Engine } from '../../src/engine/executable.js';
import { tf } from '../../src/ops/tf.js';
import { engineOrNull } from './engines.js';
import { eager, expectClose } from './harness.js';
import { tinyTraining, type TinyTraining } from './tinyTraining.js';

const wanted = (import.meta as { env?: { MODE?: string } }).env?.MODE === 'gpu';
const NAMES: readonly EngineName[] = ['onnx:webgpu', 'tfjs:webgpu'];
const MINUTES = 60_000;

const found = await Promise.all(
  NAMES.map(async (name) => ({ name, engine: wanted ? await engineOrNull(name) : null })),
);

async function outcome(
  engine: Engine,
  training: TinyTraining,
  calls: readonly number[],
): Promise<{ loss: number[]; state: number[] }> {
  const executable = await engine.compileStep(training.program, { threads: 1 });
  executable.setState(training.state);
  const loss: number[] = [];
  for (const count of calls)
    loss.push(...(await executable.run(count, training.inputs(loss.length + 1, count)))['loss']!);
  const state = await executable.getState();
  await executable.dispose();
  return { loss, state: training.program.state.flatMap(({ name }) => Array.from(state[name]!)) };
}

describe.each(found)('$name', ({ name, engine }) => {
  it.skipIf(engine === null).each([
    ['transformer', {}],
    ['transformer++', {}],
    ['primer-ez', {}],
    ['primer', { positions: 'rotary' }],
    ['t5', { positions: 'relative' }],
    ['llama', {}],
  ] as const)(
    '%s %j: six steps agree with the reference',
    async (preset, change) => {
      const training = tinyTraining({ preset, ...change });
      const expected = await outcome(eager, training, [6]);
      const actual = await outcome(engine!, training, [4, 2]);
      expectClose(actual.loss, expected.loss, `${name}, ${preset}, loss`, { relative: 1e-4, absolute: 0 });
    },
    10 * MINUTES,
  );

  it.skipIf(engine === null)(
    'gives the same bits however steps are divided into calls',
    async () => {
      const training = tinyTraining();
      const divided = await outcome(engine!, training, [1, 2]);
      expect(divided).toEqual(await outcome(engine!, training, [3]));
    },
    10 * MINUTES,
  );

  it.skipIf(engine === null)(
    'leaves the state as it was where a call fails, and no tensors behind',
    async () => {
      const training = tinyTraining();
      const tensors = tf.memory().numTensors;
      const executable = await engine!.compileStep(training.program, { threads: 1 });
      executable.setState(training.state);
      await executable.run(1, training.inputs(1, 1));
      const before = await executable.getState();
      const { targets, ...rest } = training.inputs(2, 1);
      await expect(executable.run(1, { ...rest, targets: targets!.slice(1) })).rejects.toThrow(/"targets"/);
      expect(await executable.getState()).toEqual(before);
      await executable.dispose();
      expect(tf.memory().numTensors).toBe(tensors);
    },
    10 * MINUTES,
  );
});
