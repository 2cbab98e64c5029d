/** Random numbers of training: the same bits everywhere, uniform, and independent of each other between steps, sites, seeds. */
import { describe, expect, it } from 'vitest';
import type { FunctionProgram, StepProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import { dropout, inTraining, random, RANDOM_WORDS_SHAPE, randomWords, tf } from '../../src/ops/index.js';
import { stackRandomWords } from '../../src/train/stepRunner.js';
import { eager, runOnce } from '../engine/harness.js';

const WORDS = { name: 'words', shape: RANDOM_WORDS_SHAPE, dtype: 'float32' } as const;

/** Numbers of one step, computed eagerly. */
async function drawn(
  shape: readonly number[],
  { seed = 0, step = 1, site = 'a' }: { seed?: number; step?: number; site?: string | number } = {},
): Promise<Float32Array> {
  const fn: FunctionProgram['fn'] = ({ words }) => ({
    u: inTraining(words!, () => random(shape, { site })),
  });
  const { u } = await runOnce(eager, { inputs: [WORDS], fn }, { words: randomWords(seed, step) });
  return u!;
}

/** How far chi-square lies from its mean under independence, in its standard deviations, for counts of equal expectation. */
function chiSquare(counts: Float64Array, total: number): number {
  const expected = total / counts.length;
  const sum = counts.reduce((all, count) => all + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return (sum - degrees) / Math.sqrt(2 * degrees);
}

/** Of the table of two aligned lists of numbers, 32 x 32. */
function independence(a: Float32Array, b: Float32Array): number {
  const counts = new Float64Array(32 * 32);
  a.forEach((value, i) => counts[Math.floor(value * 32) * 32 + Math.floor(b[i]! * 32)]!++);
  return chiSquare(counts, a.length);
}

/** Four and a half standard deviations: what chance exceeds in one of 100,000 tests. The numbers are fixed, so is the outcome. */
const FAR = 4.5;

describe('the numbers', () => {
  const SHAPES: readonly (readonly number[])[] = [[], [7], [256], [257], [16, 3, 5], [1024, 64], [70_000]];

  it.each(SHAPES.map((shape) => [shape.join('x') || 'scalar', shape] as const))(
    'are the same bits eagerly and traced: %s',
    async (_, shape) => {
      // A factor and an addend around them, which the passes may move.
      const fn: FunctionProgram['fn'] = ({ words }) =>
        inTraining(words!, () => ({
          named: random(shape, { site: 'a' }),
          first: random(shape),
          second: tf.add(tf.mul(random(shape), 0.5), 0.25),
        }));
      const program = { inputs: [WORDS], fn };
      const inputs = { words: randomWords(3, 17) };
      const expected = await runOnce(eager, program, inputs);
      for (const optimise of [false, true]) {
        const actual = await runOnce(ortEngine, program, inputs, optimise);
        for (const name of ['named', 'first', 'second']) {
          expect(Buffer.from(actual[name]!.buffer).equals(Buffer.from(expected[name]!.buffer)), name).toBe(
            true,
          );
        }
      }
      expect(Array.from(expected['first']!)).not.toEqual(Array.from(expected['named']!));
    },
  );

  it('do not change from one version to the next', async () => {
    expect(Array.from(await drawn([3], { seed: 1, step: 2, site: 'layer0' }))).toMatchInlineSnapshot(`
      [
        0.4939343333244324,
        0.3338521718978882,
        0.8099060654640198,
      ]
    `);
  });

  it('are multiples of 2^-24 in [0, 1)', async () => {
    const values = await drawn([300, 100]);
    expect(values.every((u) => u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24))).toBe(true);
  });

  it('are uniform in their high and in their low bits', async () => {
    for (const step of [1, 2, 3]) {
      const values = await drawn([512, 512], { step });
      const [high, low] = [new Float64Array(1024), new Float64Array(1024)];
      for (const u of values) {
        high[Math.floor(u * 1024)]!++;
        low[(u * 2 ** 24) % 1024]!++;
      }
      expect(Math.abs(chiSquare(high, values.length))).toBeLessThan(FAR);
      expect(Math.abs(chiSquare(low, values.length))).toBeLessThan(FAR);
    }
  });

  it('are independent of those of other steps, sites and seeds, and of their neighbours', async () => {
    const shape = [512, 512];
    const values = await drawn(shape);
    const others = {
      'next step': await drawn(shape, { step: 2 }),
      'other site': await drawn(shape, { site: 'b' }),
      'other seed': await drawn(shape, { seed: 1 }),
      'next column': values.map((_, i) => values[(i + 1) % values.length]!),
      'next row': values.map((_, i) => values[(i + 512) % values.length]!),
      'next block of the table': values.map((_, i) => values[(i + 256) % values.length]!),
      'next table': values.map((_, i) => values[(i + 65_536) % values.length]!),
    };
    for (const [what, other] of Object.entries(others)) {
      expect(Math.abs(independence(values, other)), what).toBeLessThan(FAR);
    }
  });

  it('of small tensors are independent between sites and steps too', async () => {
    const pairs = await Promise.all(
      Array.from({ length: 200 }, async (_, step) =>
        Promise.all([
          drawn([64], { step }),
          drawn([64], { step, site: 'b' }),
          drawn([64], { step: step + 1 }),
        ]),
      ),
    );
    const join = (k: 0 | 1 | 2): Float32Array => Float32Array.from(pairs.flatMap((parts) => [...parts[k]]));
    expect(Math.abs(independence(join(0), join(1)))).toBeLessThan(FAR);
    expect(Math.abs(independence(join(0), join(2)))).toBeLessThan(FAR);
  });

  it('of the corners of a rectangle are independent: places are numbered in rows and columns, and sums would show it', async () => {
    let products = 0;
    let count = 0;
    for (let step = 0; step < 8; step++) {
      const values = await drawn([256, 256], { step });
      const sign = (i: number, j: number): number => Math.sign(values[i * 256 + j]! - 0.5);
      for (let i = 0; i < 256; i += 2) {
        for (let j = 0; j < 256; j += 2) {
          products += sign(i, j) * sign(i, j + 1) * sign(i + 1, j) * sign(i + 1, j + 1);
          count++;
        }
      }
    }
    expect(Math.abs(products) / Math.sqrt(count)).toBeLessThan(FAR);
  });
});

describe('sites', () => {
  it('are counted in the order of the calls, anew in every step, where they have no name', async () => {
    const fn: FunctionProgram['fn'] = ({ words }) => {
      const pair = () => inTraining(words!, () => [random([5]), random([5])] as const);
      const [[a, b], [c, d]] = [pair(), pair()];
      return { a, b, c, d };
    };
    const { a, b, c, d } = await runOnce(eager, { inputs: [WORDS], fn }, { words: randomWords(0, 1) });
    expect([c, d]).toEqual([a, b]);
    expect(a).not.toEqual(b);
  });

  it('of equal names give equal numbers; 0 and "0" are different names', async () => {
    expect(await drawn([9], { site: 'x' })).toEqual(await drawn([9], { site: 'x' }));
    expect(await drawn([9], { site: 0 })).not.toEqual(await drawn([9], { site: '0' }));
  });
});

describe('dropout', () => {
  const X = { name: 'x', shape: [200, 300], dtype: 'float32' } as const;
  const ones = new Float32Array(60_000).fill(1);

  it('drops at its rate, keeps the mean, and drops the same elements of the gradient', async () => {
    const program: FunctionProgram = {
      inputs: [X, WORDS],
      fn: ({ x, words }) =>
        inTraining(words!, () => ({
          y: dropout(x!, 0.3, { site: 's' }),
          gradient: tf.grad((z) => tf.sum(dropout(z, 0.3, { site: 's' })))(x!),
        })),
    };
    const inputs = { x: ones, words: randomWords(0, 1) };
    const { y, gradient } = await runOnce(ortEngine, program, inputs);
    expect(gradient).toEqual(y);
    const kept = y!.filter((value) => value !== 0);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]));
    // Standard deviation of the share: sqrt(0.3 * 0.7 / 60000) = 0.0019.
    expect(Math.abs(kept.length / y!.length - 0.7)).toBeLessThan(4 * 0.0019);
  });

  it('does nothing in an evaluation, where random numbers are an error', () => {
    void tf.setBackend('cpu');
    const x = tf.tensor1d([1, 2]);
    expect(dropout(x, 0.5)).toBe(x);
    expect(() => random([2])).toThrow(/in an evaluation.*`training`/);
    expect(() => dropout(x, 1)).toThrow(/from 0 to below 1, not 1/);
  });
});

it('a run in calls of 1 step, of 8 steps, and one that goes on in the middle, have the same bits', async () => {
  const program: StepProgram = {
    state: [{ name: 'x', shape: [64, 64], dtype: 'float32' }],
    perStep: [WORDS],
    metrics: ['sum'],
    step: ({ x }, { words }) =>
      inTraining(words!, () => {
        const next = dropout(tf.add(tf.mul(x!, 0.9), random([64, 64])), 0.25);
        return { state: { x: next }, metrics: { sum: tf.sum(next) } };
      }),
  };
  const states: Float32Array[] = [];
  for (const calls of [[8], [1, 1, 1, 1, 1, 1, 1, 1], [3, 5]]) {
    let executable = await ortEngine.compileStep(program, { threads: 1 });
    executable.setState({ x: new Float32Array(64 * 64) });
    let done = 0;
    for (const count of calls) {
      await executable.run(count, { words: stackRandomWords(7, done + 1, count) });
      done += count;
      // A new process that reads the checkpoint knows the state and the step, and nothing else.
      const state = await executable.getState();
      await executable.dispose();
      executable = await ortEngine.compileStep(program, { threads: 1 });
      executable.setState(state);
    }
    states.push((await executable.getState())['x'] as Float32Array);
    await executable.dispose();
  }
  expect(states[1]).toEqual(states[0]);
  expect(states[2]).toEqual(states[0]);
});
