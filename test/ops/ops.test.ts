/** Each operation against double-precision loops, and its gradients against finite differences of those. */
import { describe, expect, it } from 'vitest';
import type { FunctionProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import type { TensorSpec } from '../../src/engine/tensors.js';
import type { Tensors } from '../../src/engine/trace/trace.js';
import * as ops from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { eager, expectClose, randomValues, runOnce, TRACED } from '../engine/harness.js';
import * as truth from './float64.js';
import { rowsOf, sequenceOf, timeMajor, type Matrix } from './float64.js';

const { tf } = ops;

interface OpCase {
  /** Shapes of the inputs to differentiate by. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly fn: (inputs: Tensors) => Tensor;
  /** The same over flat row-major numbers. */
  readonly truth: (inputs: Readonly<Record<string, readonly number[]>>) => number[];
}

const BATCH = 2;
const TIME = 5;
const HEADS = 2;
const D_HEAD = 4;
const WIDTH = HEADS * D_HEAD;
const ROWS = TIME * BATCH;
const SHAPE = { contextLength: TIME, batchSize: BATCH, nHeads: HEADS, dHead: D_HEAD };
const TARGETS = [4, 0, 6, 3, 1, 1, 5, 2, 0, 6];
const VOCAB = 7;

const pointwise = (fn: (x: Tensor) => Tensor, f: (x: number) => number): OpCase => ({
  inputs: { x: [4, 6] },
  fn: ({ x }) => fn(x!),
  truth: ({ x }) => x!.map(f),
});

/** Applies a function to each sequence of time-major rows. */
const bySequence = (
  matrices: readonly (readonly number[])[],
  f: (...sequences: Matrix[]) => number[][],
): number[] => {
  const rows = matrices.map((flat) => rowsOf(flat, WIDTH));
  const results = Array.from({ length: BATCH }, (_, b) =>
    f(...rows.map((matrix) => sequenceOf(matrix, b, BATCH))),
  );
  return timeMajor(results).flat();
};

const QKV = { q: [ROWS, WIDTH], k: [ROWS, WIDTH], v: [ROWS, WIDTH] };

const CASES: Readonly<Record<string, OpCase>> = {
  relu: pointwise(ops.relu, truth.relu),
  squaredRelu: pointwise(ops.squaredRelu, truth.squaredRelu),
  swish: pointwise(ops.swish, truth.swish),
  gelu: pointwise(ops.gelu, truth.gelu),
  layerNorm: {
    inputs: { x: [4, 6], gamma: [6], beta: [6] },
    fn: ({ x, gamma, beta }) => ops.layerNorm(x!, gamma!, beta!),
    truth: ({ x, gamma, beta }) => truth.layerNorm(rowsOf(x!, 6), gamma!, beta!).flat(),
  },
  rmsNorm: {
    inputs: { x: [4, 6], gamma: [6] },
    fn: ({ x, gamma }) => ops.rmsNorm(x!, gamma!),
    truth: ({ x, gamma }) => truth.rmsNorm(rowsOf(x!, 6), gamma!).flat(),
  },
  primerNormLingvo: {
    inputs: { x: [4, 6], gamma: [6], beta: [6] },
    fn: ({ x, gamma, beta }) => ops.primerNormLingvo(x!, gamma!, beta!),
    truth: ({ x, gamma, beta }) => truth.primerNormLingvo(rowsOf(x!, 6), gamma!, beta!).flat(),
  },
  crossEntropy: {
    inputs: { logits: [ROWS, VOCAB] },
    fn: ({ logits }) => ops.crossEntropy(logits!, tf.tensor1d(TARGETS, 'int32')),
    truth: ({ logits }) => {
      const nats = truth.tokenNats(rowsOf(logits!, VOCAB), TARGETS);
      return [nats.reduce((total, x) => total + x, 0) / ROWS];
    },
  },
  tokenNats: {
    inputs: { logits: [ROWS, VOCAB] },
    fn: ({ logits }) => ops.tokenNats(logits!, tf.tensor1d(TARGETS, 'int32')),
    truth: ({ logits }) => truth.tokenNats(rowsOf(logits!, VOCAB), TARGETS),
  },
  causalConv: {
    inputs: { x: [ROWS, WIDTH], w: [3, WIDTH] },
    fn: ({ x, w }) => ops.causalConv(x!, w!, BATCH),
    truth: ({ x, w }) => bySequence([x!], (sequence) => truth.causalConv(sequence, rowsOf(w!, WIDTH))),
  },
  rotary: {
    inputs: { x: [ROWS, WIDTH] },
    fn: ({ x }) => ops.rotary(x!, SHAPE),
    truth: ({ x }) => bySequence([x!], (sequence) => truth.rotary(sequence, HEADS)),
  },
  'attention, scaled': {
    inputs: QKV,
    fn: ({ q, k, v }) => ops.attention(q!, k!, v!, ops.causalMask(TIME), D_HEAD ** -0.5, SHAPE),
    truth: ({ q, k, v }) =>
      bySequence([q!, k!, v!], (q, k, v) => truth.attention(q, k, v, HEADS, 1 / Math.sqrt(D_HEAD))),
  },
  'attention, unscaled with relative bias': {
    inputs: { ...QKV, table: [32, HEADS] },
    fn: ({ q, k, v, table }) => {
      const mask = tf.add(ops.relativeBias(table!, TIME), ops.causalMask(TIME));
      return ops.attention(q!, k!, v!, mask, 1, SHAPE);
    },
    truth: ({ q, k, v, table }) => {
      const bias = (h: number, i: number, j: number): number => table![(i - j) * HEADS + h]!;
      return bySequence([q!, k!, v!], (q, k, v) => truth.attention(q, k, v, HEADS, 1, bias));
    },
  },
};

/** Value and the gradients of a weighted sum of it. */
function programOf({ inputs, fn }: OpCase, outputSize: number): FunctionProgram {
  const specs = Object.entries(inputs).map(([name, shape]): TensorSpec => ({
    name,
    shape,
    dtype: 'float32',
  }));
  return {
    inputs: [...specs, { name: 'weights', shape: [outputSize], dtype: 'float32' }],
    fn(tensors) {
      const named = (xs: Tensor[]): Tensors => Object.fromEntries(specs.map(({ name }, i) => [name, xs[i]!]));
      const loss = (...xs: Tensor[]): Tensor =>
        tf.sum(tf.mul(tf.reshape(fn(named(xs)), [-1]), tensors['weights']!));
      const gradients = tf.grads(loss)(specs.map(({ name }) => tensors[name]!));
      return {
        value: fn(tensors),
        ...Object.fromEntries(specs.map(({ name }, i) => [`d${name}`, gradients[i]!])),
      };
    },
  };
}

describe('operations', () => {
  it.each(Object.entries(CASES))('%s and its gradients', async (_, opCase) => {
    const inputs = Object.fromEntries(
      Object.entries(opCase.inputs).map(([name, shape], i) => [
        name,
        randomValues({ shape, dtype: 'float32' }, 31 + i),
      ]),
    );
    const numbers = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => [name, Array.from(values)]),
    );
    const value = opCase.truth(numbers);
    const weights = randomValues({ shape: [value.length], dtype: 'float32' }, 77);
    const weighted = (given: Readonly<Record<string, readonly number[]>>): number =>
      opCase.truth(given).reduce((total, y, i) => total + y * weights[i]!, 0);
    const gradients = Object.entries(numbers).map(
      ([name, at]) =>
        [`d${name}`, truth.numericGradient((x) => weighted({ ...numbers, [name]: x }), at)] as const,
    );
    const program = programOf(opCase, value.length);
    const engines = [
      { name: 'tfjs-cpu', engine: eager, optimise: true },
      ...TRACED.map((way) => ({ ...way, engine: ortEngine })),
    ];
    for (const { name, engine, optimise } of engines) {
      const results = await runOnce(engine, program, { ...inputs, weights }, optimise);
      const close = { relative: 1e-5, absolute: 2e-6 };
      expectClose(results['value']!, value, `${name}, value`, close);
      for (const [output, gradient] of gradients)
        expectClose(results[output]!, gradient, `${name}, ${output}`, close);
    }
  });
});

describe('cross-entropy where the target is all but ruled out', () => {
  // exp(-200) is 0 in single precision, and 200 nats is still a loss: a spike in training must not read as infinite.
  const logits = Float32Array.from([200, 0, 0, 0, 150, -150]);
  const targets = Int32Array.of(1, 2);
  const program: FunctionProgram = {
    inputs: [
      { name: 'logits', shape: [2, 3], dtype: 'float32' },
      { name: 'targets', shape: [2], dtype: 'int32' },
    ],
    fn: ({ logits, targets }) => ({
      mean: ops.crossEntropy(logits!, targets!),
      nats: ops.tokenNats(logits!, targets!),
    }),
  };

  it.each(TRACED)('is finite and right in the $name', async ({ optimise }) => {
    const { mean, nats } = await runOnce(ortEngine, program, { logits, targets }, optimise);
    expectClose(nats!, [200, 300], 'nats');
    expectClose(mean!, [250], 'mean');
  });
});

describe('positions', () => {
  it('gives distances the buckets of Mesh TensorFlow', () => {
    const distances = Array.from({ length: 300 }, (_, distance) => distance);
    expect(distances.map(ops.relativeBucket)).toEqual(distances.map(truth.relativeBucket));
    expect([0, 1, 15, 16, 20, 127, 128, 100_000].map(ops.relativeBucket)).toEqual([
      0, 1, 15, 16, 17, 31, 31, 31,
    ]);
    expect(ops.relativeBucket(-3)).toBe(0);
  });

  it.each([8, 7, 2])('has T2T sinusoids with %i channels', (dModel) => {
    void tf.setBackend('cpu');
    const expected = Array.from({ length: 130 }, (_, t) => truth.sinusoid(t, dModel)).flat();
    expectClose(ops.sinusoidalPositions(130, dModel).dataSync(), expected, 'sinusoids', {
      relative: 1e-6,
      absolute: 1e-6,
    });
  });

  it('starts the convolution of MDHA at 0.5 for the present and 0.5 / 3 for the two before', () => {
    expect(ops.MDHA_KERNEL).toEqual([0.5, 0.5 / 3, 0.5 / 3]);
  });
});
