/** native:cpu against eager tfjs on programs that nobody wrote down: random ones, and what is odd about values and results. */
import { describe, expect, it } from 'vitest';
import type { FunctionProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import type { HostTensors, TensorSpec } from '../../src/engine/tensors.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { engineOrNull } from './engines.js';
import { eager, expectClose, fillInputs, runOnce, type Tolerance } from './harness.js';
import { joined, partOf, programsTogether } from './prefixed.js';
import { randomProgram, type RandomProgram } from './randomPrograms.js';

const native = await engineOrNull('native:cpu');

/** Of sums and products over sums and products: relative to the largest element. */
const TOLERANCE = 2e-5;

const finite = (values: ArrayLike<number>): number[] => Array.from(values).filter(Number.isFinite);

/** How far the worst element is off, of the largest one; Infinity where one is NaN or infinite and the other is not. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  const scale = Math.max(1, ...finite(expected).map(Math.abs));
  const distances = Array.from(expected, (value, i) => {
    const difference = Math.abs(actual[i]! - value) / scale;
    return Object.is(actual[i], value) || actual[i] === value
      ? 0
      : Number.isNaN(difference)
        ? Infinity
        : difference;
  });
  return Math.max(0, ...distances);
}

type Results = Readonly<Record<string, ArrayLike<number>>>;

async function runTogether(programs: readonly RandomProgram[], threads: number): Promise<Results[]> {
  const compiled = await native!.compileFunction(programsTogether(programs.map(({ program }) => program)), {
    threads,
  });
  const inputs = joined(programs.map((made) => made.inputs));
  const results = await compiled.run(inputs);
  // What is left over in memory from one run is not to be read in the next.
  expect(await compiled.run(inputs)).toEqual(results);
  await compiled.dispose();
  return programs.map((_, i) => partOf(results, i));
}

async function expectAsEager({ program, inputs, about }: RandomProgram, results: Results): Promise<void> {
  const expected = await runOnce(eager, program, inputs);
  const worst = Object.keys(expected).filter((name) => distance(results[name]!, expected[name]!) > TOLERANCE);
  if (worst.length === 0) return;
  // Where others are far off too, the program makes much of roundings.
  const other = await runOnce(ortEngine, program, inputs);
  for (const name of worst) {
    const allowed = Math.max(TOLERANCE, 20 * distance(other[name]!, expected[name]!));
    expect(distance(results[name]!, expected[name]!), `${name} of ${about}`).toBeLessThan(allowed);
  }
}

const seeds = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

/** Seeds of programs that found something: shifts in time of numbers and of parts, products turned so that nobody could write them. */
const TELLING = [5050, 5080, 5085, 5140, 30117, 30370];

describe.skipIf(native === null)('random programs', () => {
  it.each([
    ['exact ones', false, 1, seeds(1, 30)],
    ['exact ones', false, 2, seeds(31, 30)],
    ['exact ones', false, 3, seeds(61, 30)],
    ['those that found something, with gradients', true, 2, TELLING],
    ['smooth ones, with gradients', true, 1, seeds(1001, 20)],
    ['smooth ones, with gradients', true, 2, seeds(1021, 20)],
  ] as const)('%s (%s) by %i threads', async (_, isSmooth, threads, numbers) => {
    const programs = numbers.map((seed) => randomProgram(seed, isSmooth));
    const results = await runTogether(programs, threads);
    for (const [i, program] of programs.entries()) await expectAsEager(program, results[i]!);
  });
});

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1.5, -2.5, 3e38, -1e-40];
const EXACT: Tolerance = { relative: 0, absolute: 0 };

/** All pairs of special values. */
const PAIRS: HostTensors = {
  a: Float32Array.from(SPECIAL.flatMap((a) => SPECIAL.map(() => a))),
  b: Float32Array.from(SPECIAL.flatMap(() => SPECIAL)),
};

async function expectSame(program: FunctionProgram, inputs: HostTensors, threads = 2): Promise<void> {
  const expected = await runOnce(eager, program, inputs);
  const compiled = await native!.compileFunction(program, { threads });
  const actual = await compiled.run(inputs);
  await compiled.dispose();
  for (const [name, values] of Object.entries(expected)) expectClose(actual[name]!, values, name, EXACT);
}

const fn =
  (make: (tensors: Readonly<Record<string, Tensor>>) => Record<string, Tensor>): FunctionProgram['fn'] =>
  (tensors) =>
    make(tensors);

describe.skipIf(native === null)('what is odd', () => {
  it('NaN and infinities go through elementwise operations and reductions as in tfjs', async () => {
    const size = SPECIAL.length ** 2;
    await expectSame(
      {
        inputs: [
          { name: 'a', shape: [size], dtype: 'float32' },
          { name: 'b', shape: [size], dtype: 'float32' },
        ],
        fn: fn(({ a, b }) => ({
          maximum: tf.maximum(a!, b!),
          minimum: tf.minimum(a!, b!),
          add: tf.add(a!, b!),
          mul: tf.mul(a!, b!),
          relu: tf.relu(a!),
          abs: tf.abs(a!),
          neg: tf.neg(a!),
          clip: tf.clipByValue(a!, -2, 2),
          where: tf.where(tf.greater(a!, b!), a!, b!),
          greater: tf.greater(a!, b!),
          equal: tf.equal(a!, b!),
          notEqual: tf.notEqual(a!, b!),
          lessEqual: tf.lessEqual(a!, b!),
          isNaN: tf.isNaN(a!),
          sum: tf.sum(tf.reshape(a!, [9, 9]), 1),
          columns: tf.sum(tf.reshape(b!, [9, 9]), 0),
          square: tf.square(a!),
          sqrt: tf.sqrt(a!),
        })),
      },
      PAIRS,
    );
  });

  it('whole numbers of both signs are divided as in tfjs', async () => {
    const numbers = [-7, -3, -2, -1, 1, 2, 3, 7, 12345];
    const a = Int32Array.from(numbers.flatMap((x) => numbers.map(() => x)));
    const b = Int32Array.from(numbers.flatMap(() => numbers));
    await expectSame(
      {
        inputs: [
          { name: 'a', shape: [81], dtype: 'int32' },
          { name: 'b', shape: [81], dtype: 'int32' },
        ],
        fn: fn(({ a, b }) => ({
          mod: tf.mod(a!, b!),
          floorDiv: tf.floorDiv(a!, b!),
          maximum: tf.maximum(a!, b!),
          minimum: tf.minimum(a!, b!),
          abs: tf.abs(a!),
          sum: tf.sum(tf.reshape(a!, [9, 9]), 0),
          max: tf.max(tf.reshape(b!, [9, 9]), 1),
          min: tf.min(b!),
          prod: tf.prod(tf.slice(a!, 0, 3)),
          bools: tf.less(a!, b!),
          cast: tf.cast(a!, 'float32'),
        })),
      },
      { a, b },
    );
  });

  it('results may be inputs, constants, one value twice, scalars, and values that are read on', async () => {
    await expectSame(
      {
        inputs: [{ name: 'x', shape: [2, 3], dtype: 'float32' }],
        fn: fn(({ x }) => {
          const y = tf.mul(x!, 2);
          const z = tf.add(y, 1);
          return {
            input: x!,
            again: x!,
            turned: tf.transpose(x!),
            constant: tf.tensor([1, 2, 3]),
            uniform: tf.zeros([4]),
            scalar: tf.scalar(3),
            y,
            same: y,
            reshaped: tf.reshape(y, [6]),
            z,
            sum: tf.sum(z),
            twice: tf.concat([z, z], 0),
            thrice: tf.concat([y, z, y], 1),
            bool: tf.greater(z, 2),
            whole: tf.cast(z, 'int32'),
          };
        }),
      },
      { x: Float32Array.from([1, -2, 3, 0, 0.5, 8]) },
    );
  });

  it('softmax over an axis in the middle, sums over axes that are apart, and running sums backwards', async () => {
    const program: FunctionProgram = {
      inputs: [{ name: 'x', shape: [3, 4, 5, 2], dtype: 'float32' }],
      fn: fn(({ x }) => {
        const turned = tf.transpose(x!, [0, 3, 2, 1]);
        return {
          softmax: tf.transpose(tf.softmax(tf.transpose(x!, [0, 2, 3, 1])), [0, 3, 1, 2]),
          apart: tf.sum(x!, [0, 2]),
          max: tf.max(x!, [1, 3]),
          prod: tf.prod(turned, [0]),
          mean: tf.mean(turned, [1, 2], true),
          backwards: tf.cumsum(x!, 2, true, true),
          shared: tf.sub(turned, tf.max(turned, [2], true)),
          all: tf.sum(turned),
        };
      }),
    };
    const x = Float32Array.from({ length: 120 }, (_, i) => ((i * 37) % 23) / 8 - 1);
    const expected = await runOnce(eager, program, { x });
    for (const threads of [1, 2, 3]) {
      const compiled = await native!.compileFunction(program, { threads });
      const actual = await compiled.run({ x });
      await compiled.dispose();
      for (const [name, values] of Object.entries(expected)) expectClose(actual[name]!, values, name);
    }
  });

  it('einsum becomes products, or products of elements and sums, in whatever order its letters stand', async () => {
    // prettier-ignore
    const equations = [
      'bhts,bhsd->bthd', 'bthd,bshd->bhts', 'btd,dhk->bhtk', 'bthk,hkd->btd', 'ab,ab->', 'ab,cb->ac', 'ab,c->cab',
      'abc,b->ca', 'ab,bc->', 'abc,cd->db', 'ij->ji', 'ijk->k', 'i,i->i', 'abcd,dcx->xba', 'ab,ab->ab', 'ab,a->b',
    ];
    const sizes: Readonly<Record<string, number>> = {
      a: 3,
      b: 4,
      c: 5,
      d: 2,
      h: 3,
      t: 6,
      s: 7,
      k: 4,
      i: 5,
      j: 3,
      x: 6,
    };
    const operands = equations.map((equation, i) =>
      equation
        .split('->')[0]!
        .split(',')
        .map((letters, j): TensorSpec => ({
          name: `${i}/${j}`,
          shape: Array.from(letters, (letter) => sizes[letter]!),
          dtype: 'float32',
        })),
    );
    const program: FunctionProgram = {
      inputs: operands.flat(),
      fn: (tensors) =>
        Object.fromEntries(
          equations.map((equation, i) => [
            equation,
            tf.einsum(equation, ...operands[i]!.map(({ name }) => tensors[name]!)),
          ]),
        ),
    };
    const inputs = fillInputs(program.inputs);
    // TensorFlow.js itself does not compute all of them.
    const expected = await runOnce(ortEngine, program, inputs);
    for (const threads of [1, 2]) {
      const compiled = await native!.compileFunction(program, { threads });
      const actual = await compiled.run(inputs);
      await compiled.dispose();
      for (const [name, values] of Object.entries(expected)) expectClose(actual[name]!, values, name);
    }
  });
});
