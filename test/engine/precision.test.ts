/** Products in bf16 and f16 on the CPU: what is rounded and what is not, and what it does to the losses of a training. */
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/engineError.js';
import type { Precision } from '../../src/engine/engineNames.js';
import type { FunctionProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import { tf } from '../../src/ops/tf.js';
import { eager, expectClose, TRACED } from './harness.js';
import { tinyTraining, type TinyTraining } from './tinyTraining.js';

/** a b + c, with a [1, k], b [k, 1]. */
const product = (k: number): FunctionProgram => ({
  inputs: [
    { name: 'a', shape: [1, k], dtype: 'float32' },
    { name: 'b', shape: [k, 1], dtype: 'float32' },
    { name: 'c', shape: [1, 1], dtype: 'float32' },
  ],
  fn: ({ a, b, c }) => ({ y: tf.add(tf.matMul(a!, b!), c!) }),
});

async function multiply(precision: Precision, a: number[], b: number[], c: number, optimise: boolean) {
  const compiled = await ortEngine.compileFunction(product(a.length), { threads: 1, precision, optimise });
  const [vectorA, vectorB] = [Float32Array.from(a), Float32Array.from(b)];
  const { y } = await compiled.run({ a: vectorA, b: vectorB, c: Float32Array.of(c) });
  await compiled.dispose();
  return y![0]!;
}

describe.each(TRACED)('products ($name)', ({ optimise }) => {
  it('have operands rounded to 8 and 11 bits', async () => {
    // 1 + 2^-8 is half way between two bf16 numbers and rounds to the even one; 1 + 2^-11 the same in f16.
    expect(await multiply('bf16', [1 + 2 ** -8], [1], 0, optimise)).toBe(1);
    expect(await multiply('f16', [1 + 2 ** -8], [1], 0, optimise)).toBe(1 + 2 ** -8);
    expect(await multiply('f16', [1 + 2 ** -11], [1], 0, optimise)).toBe(1);
    expect(await multiply('f32', [1 + 2 ** -11], [1], 0, optimise)).toBe(1 + 2 ** -11);
  });

  it('are added up in f32, and what is added to them is not rounded', async () => {
    // 2049 ones: f16 and bf16 have no such number.
    const ones = new Array<number>(2049).fill(1);
    for (const precision of ['bf16', 'f16'] as const)
      expect(await multiply(precision, ones, ones, 2 ** -10, optimise)).toBe(2049 + 2 ** -10);
  });
});

async function losses({ program, state, inputs }: TinyTraining, precision: Precision): Promise<number[]> {
  const executable = await ortEngine.compileStep(program, { threads: 1, precision });
  executable.setState(state);
  const { loss } = await executable.run(20, inputs(1, 20));
  await executable.dispose();
  return Array.from(loss!);
}

describe('training', () => {
  it.each([
    ['transformer', {}],
    ['primer', { positions: 'rotary' }],
    ['t5', { positions: 'relative' }],
  ] as const)('%s %j: 20 steps stay near those of f32', async (preset, change) => {
    const training = tinyTraining({ preset, ...change });
    const expected = await losses(training, 'f32');
    for (const precision of ['bf16', 'f16'] as const) {
      const actual = await losses(training, precision);
      expectClose(actual, expected, precision, { relative: 2e-2, absolute: 0 });
      expect(actual).not.toEqual(expected);
    }
  });

  it('is refused by an engine that has no such products, which says what has', async () => {
    const refused = eager.compileStep(tinyTraining().program, { threads: 1, precision: 'bf16' });
    await expect(refused).rejects.toThrow(EngineError);
    await expect(refused).rejects.toThrow(/tfjs:cpu has no bf16.*onnx:cpu/);
  });
});
