/** Graph passes: none changes a result, and each does what it is for. */
import fc from 'fast-check';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeFunction } from '../../src/engine/onnx/encode.js';
import { uniformValue, type OnnxGraph, type OnnxNode, type OnnxValue } from '../../src/engine/onnx/graph.js';
import { lower } from '../../src/engine/onnx/lower.js';
import { ortEngine } from '../../src/engine/ort.js';
import { optimise, PASSES, passesFor } from '../../src/engine/passes/index.js';
import { traceStep } from '../../src/engine/stepGraph.js';
import type { HostTensors, TensorSpec } from '../../src/engine/tensors.js';
import type { TraceMode } from '../../src/engine/trace/backend.js';
import { trace, type TensorFunction } from '../../src/engine/trace/trace.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { eager, expectClose, fillInputs, randomValues, runOnce, type Tolerance } from './harness.js';
import { tinyTraining } from './tinyTraining.js';

async function runGraph(graph: OnnxGraph, inputs: HostTensors): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(encodeFunction(graph), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ inputName, dtype, shape }) => [
      inputName!,
      new OrtTensor(dtype as 'float32', inputs[inputName!] as Float32Array, shape),
    ]),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, value]) => [name, value.data as Float32Array]),
  );
}

const STEPS = {
  transformer: tinyTraining(),
  primer: tinyTraining({ preset: 'primer', positions: 'relative' }),
  't5++': tinyTraining({ preset: 't5++', positions: 'rotary' }),
};

const stepGraph = (name: keyof typeof STEPS, mode: TraceMode): OnnxGraph =>
  lower(traceStep(STEPS[name].program, mode));

/** A state in the middle of training: nothing is zero that would hide an error. */
const stepInputs = (name: keyof typeof STEPS): HostTensors => {
  const { program, inputs } = STEPS[name];
  const positive = program.state
    .filter((spec) => spec.name.startsWith('squareSum/'))
    .map((spec) => [spec.name, randomValues(spec, 5, 0.5, 2)] as const);
  return fillInputs([...program.state, ...program.perStep], {
    ...inputs(7, 1),
    ...Object.fromEntries(positive),
  });
};

const SINGLE = PASSES.map(({ name }) => [name]);
const WITHOUT_ONE = PASSES.map(({ name }) =>
  PASSES.map((pass) => pass.name).filter((other) => other !== name),
);

describe.each(Object.keys(STEPS) as (keyof typeof STEPS)[])('the training step of %s', (name) => {
  it('keeps its results under each pass alone, under all but one, and under all', async () => {
    const inputs = stepInputs(name);
    for (const mode of ['naive', 'fused'] as const) {
      const plain = stepGraph(name, mode);
      const expected = await runGraph(plain, inputs);
      for (const names of [...SINGLE, ...WITHOUT_ONE, PASSES.map((pass) => pass.name)]) {
        const actual = await runGraph(optimise(plain, names), inputs);
        for (const [output, values] of Object.entries(expected)) {
          expectClose(actual[output]!, values, `${mode}, ${names.join('+')}, ${output}`, {
            relative: 1e-5,
            absolute: 2e-6,
          });
        }
      }
    }
  });
});

const PRODUCTS = ['MatMul', 'Gemm', 'FusedMatMul'];
const ELEMENTWISE = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Max',
  'Min',
  'Greater',
  'Where',
  'Sqrt',
  'Exp',
  'Neg',
  'Relu',
  'Sigmoid',
];
const ops = ({ nodes }: OnnxGraph): string[] => nodes.map(({ op }) => op);

describe('selection by a comparison with 0', () => {
  it('is a product with a step, exact for all but denormal numbers', async () => {
    const values = [-1e18, -1, -1.2e-38, 0, 1.2e-38, 1e-20, 1, 1e18];
    const spec = { name: 'x', shape: [values.length], dtype: 'float32' } as const;
    const fn: TensorFunction = ({ x }) => ({ y: tf.mul(tf.add(tf.square(x!), 2), tf.step(x!)) });
    const graph = optimise(lower(trace(fn, [spec], 'fused')));
    expect(ops(graph)).toContain('HardSigmoid');
    expect(ops(graph)).not.toContain('Where');
    const { y } = await runGraph(graph, { x: Float32Array.from(values) });
    expect(Array.from(y!)).toEqual(values.map((x) => (x > 0 ? Math.fround(Math.fround(x * x) + 2) : 0)));
  });

  it('leaves out what tf.where does not choose, be it infinite or NaN, also in the gradient of tf.pow', async () => {
    const x = { name: 'x', shape: [2, 3], dtype: 'float32' } as const;
    const power = { name: 'power', shape: [3], dtype: 'float32' } as const;
    const fn: TensorFunction = ({ x, power }) => {
      const [dx, dPower] = tf.grads((...[a, b]: Tensor[]) => tf.sum(tf.pow(tf.relu(a!), b!)))([x!, power!]);
      const chosen = tf.where(tf.greater(x!, 0), tf.log(x!), tf.zerosLike(x!));
      const byColumn = tf.where(tf.greater(tf.slice(x!, [0, 0], [1, 3]), 0), tf.div(1, x!), tf.zerosLike(x!));
      return { chosen, byColumn, dx: dx!, dPower: dPower! };
    };
    const inputs = { x: Float32Array.of(-2, 0, 0.5, 1, 0, 3), power: Float32Array.of(2, 1.5, 3) };
    const program = { inputs: [x, power], fn };
    const expected = await runOnce(eager, program, inputs);
    const actual = await runGraph(optimise(lower(trace(fn, program.inputs, 'fused'))), inputs);
    for (const [name, values] of Object.entries(expected)) {
      expect(values.every(Number.isFinite), name).toBe(true);
      expectClose(actual[name]!, values, name, { relative: 1e-6, absolute: 1e-6 });
    }
  });
});

describe('rows added up by index', () => {
  it('are scattered whole on one thread, with rows named twice, and by element on several', async () => {
    const rows = { name: 'rows', shape: [4, 3], dtype: 'float32' } as const;
    const fn: TensorFunction = ({ rows }) => ({
      y: tf.unsortedSegmentSum(rows!, tf.tensor1d([1, 0, 1, 1], 'int32'), 3),
    });
    const plain = lower(trace(fn, [rows], 'fused'));
    const inputs = { rows: Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) };
    const oneThread = optimise(plain, passesFor(1));
    expect(ops(oneThread)).toContain('ScatterND');
    expect(ops(optimise(plain, passesFor(2)))).toContain('ScatterElements');
    const { y } = await runGraph(oneThread, inputs);
    expect(Array.from(y!)).toEqual([4, 5, 6, 18, 21, 24, 0, 0, 0]);
  });
});

describe('a sum over millions of elements', () => {
  it('loses nothing, which it does in one step', async () => {
    const shape = [8192, 1024];
    const program = {
      inputs: [{ name: 'x', shape, dtype: 'float32' as const }],
      fn: ({ x }: Readonly<Record<string, Tensor>>) => ({ y: tf.sum(tf.square(x!)) }),
    };
    const x = randomValues(program.inputs[0]!, 3) as Float32Array;
    const exact = x.reduce((sum, value) => sum + value * value, 0);
    const errorOf = async (optimised: boolean): Promise<number> =>
      Math.abs((await runOnce(ortEngine, program, { x }, optimised))['y']![0]! / exact - 1);
    expect(await errorOf(true)).toBeLessThan(1e-6);
    expect(await errorOf(false)).toBeGreaterThan(1e-5);
  });
});

describe('the fused and optimised training step', () => {
  const optimised = Object.keys(STEPS).map(
    (name) => [name, optimise(stepGraph(name as keyof typeof STEPS, 'fused'))] as const,
  );

  it.each(optimised)('%s: products take transposes and factors into themselves', (_, { nodes }) => {
    const operands = nodes
      .filter(({ op }) => PRODUCTS.includes(op))
      .flatMap(({ inputs }) => inputs.slice(0, 2));
    expect(operands.map(({ producer }) => producer?.op)).not.toContain('Transpose');
    const isScaled = ({ producer }: OnnxValue): boolean =>
      producer?.op === 'Mul' && producer.inputs.some((input) => uniformValue(input) !== null);
    expect(operands.filter(isScaled).length).toBe(0);
    expect(nodes.map(({ op }) => op)).not.toContain('MatMul');
  });

  it.each(optimised)('%s: no one-hot matrix is made', (_, graph) => {
    expect(ops(graph)).not.toContain('OneHot');
    expect(ops(lower(traceStep(STEPS.transformer.program, 'naive')))).toContain('OneHot');
  });

  it.each(optimised)('%s: additions to products are in the Gemm', (name, { nodes }) => {
    const withAddend = nodes.filter(({ op, inputs }) => op === 'Gemm' && inputs.length === 3);
    // At least the two residual additions of every layer and, in transformer, the biases of the feed-forward layers.
    expect(withAddend.length).toBeGreaterThanOrEqual(name === 'primer' ? 2 : 4);
  });

  it.each(optimised)('%s: elementwise operations broadcast constants by themselves', (_, { nodes }) => {
    const operands = nodes.filter(({ op }) => ELEMENTWISE.includes(op)).flatMap(({ inputs }) => inputs);
    const isExpanded = (value: OnnxValue): boolean =>
      value.producer?.op === 'Expand' && uniformValue(value) !== null;
    expect(operands.filter(isExpanded).length).toBe(0);
  });

  it.each(optimised)('%s: every node and constant is there once and is needed', (_, { nodes, outputs }) => {
    const key = ({ op, inputs, attrs }: OnnxNode): string =>
      `${op} ${inputs.map(({ id }) => id).join()} ${JSON.stringify(attrs)}`;
    expect(new Set(nodes.map(key)).size).toBe(nodes.length);
    const used = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ value }) => value)]);
    expect(nodes.filter((node) => !node.outputs.some((output) => used.has(output))).length).toBe(0);
  });
});

const X: TensorSpec = { name: 'x', shape: [1, 3], dtype: 'float32' };
const Y: TensorSpec = { name: 'y', shape: [2, 3], dtype: 'float32' };
const TWOS = (): Tensor => tf.tensor2d([2, 2, 2, 2, 2, 2], [2, 3]);

/** Small graphs in which a rule could be tempted to do what it must not. */
const TEMPTATIONS: Readonly<Record<string, TensorFunction>> = {
  'a constant that also broadcasts, then a sum': ({ x }) => ({ out: tf.sum(tf.mul(x!, TWOS()), 0) }),
  'a constant that also broadcasts, then a reshape': ({ x }) => ({
    out: tf.reshape(tf.mul(x!, TWOS()), [6]),
  }),
  'a constant that also broadcasts, then a slice': ({ x }) => ({
    out: tf.slice(tf.mul(x!, TWOS()), [1, 0], [1, 2]),
  }),
  'a constant that also broadcasts, then a product': ({ x }) => ({ out: tf.mul(tf.mul(x!, TWOS()), x!) }),
  'a constant that also broadcasts, then a sum of two': ({ x }) => ({
    out: tf.add(tf.mul(x!, TWOS()), tf.mul(tf.square(x!), TWOS())),
  }),
  'a constant that also broadcasts, then a matrix product': ({ x, y }) => ({
    out: tf.matMul(tf.mul(x!, TWOS()), y!, false, true),
  }),
  'a masked product of whole numbers': ({ x }) => {
    const whole = tf.cast(tf.mul(x!, 10), 'int32');
    return { out: tf.mul(whole, tf.cast(tf.greater(whole, 0), 'int32')) };
  },
  'a scaled value used twice': ({ x, y }) => {
    const scaled = tf.mul(x!, 0.5);
    return { out: tf.add(tf.mul(scaled, y!), tf.reshape(scaled, [3])) };
  },
  'one subtracted from, and one divided by': ({ y }) => ({ out: tf.add(tf.sub(0, y!), tf.div(1, y!)) }),
  'different factors of a sum': ({ x, y }) => ({ out: tf.add(tf.mul(x!, 2), tf.mul(y!, 3)) }),
  'a factor of zero': ({ y }) => ({ out: tf.sum(tf.mul(tf.mul(y!, 0), 5), 1) }),
  'two transposes that are not inverse': ({ y }) => ({
    out: tf.transpose(tf.transpose(tf.reshape(y!, [1, 2, 3]), [2, 0, 1]), [1, 2, 0]),
  }),
  'a product that is also an output': ({ x, y }) => {
    const product = tf.matMul(y!, x!, false, true);
    return { product, out: tf.add(product, 1) };
  },
  'an addend that is broader than the product': ({ x, y }) => ({
    out: tf.add(tf.matMul(x!, tf.transpose(x!)), y!),
  }),
};

describe('rules keep off', () => {
  it.each(Object.entries(TEMPTATIONS))('%s', async (_, fn) => {
    const inputs = { x: Float32Array.of(0.7, -1.3, 2), y: Float32Array.of(1, -2, 3, 0.5, 0.25, -4) };
    const expected = await runOnce(eager, { inputs: [X, Y], fn }, inputs);
    const actual = await runGraph(optimise(lower(trace(fn, [X, Y], 'fused'))), inputs);
    for (const [name, values] of Object.entries(expected)) expectClose(actual[name]!, values, name);
  });
});

/** What a random program can do to a [2, 3] tensor; each keeps its shape and moderate values. */
const MOVES: readonly ((x: Tensor, y: Tensor) => Tensor)[] = [
  (x) => tf.mul(x, 0.5),
  (x) => tf.div(x, 1.25),
  (x) => tf.mul(tf.fill([2, 3], -0.75), x),
  (x) => tf.mul(x, TWOS()),
  (x) => tf.add(x, 1),
  (x) => tf.sub(0.5, x),
  (x) => tf.neg(x),
  (x, y) => tf.add(x, y),
  (x, y) => tf.sub(tf.mul(x, 0.5), tf.mul(y, 0.5)),
  (x, y) => tf.mul(x, tf.tanh(y)),
  (x) => tf.relu(x),
  (x) => tf.mul(x, tf.step(x)),
  (x) => tf.transpose(tf.mul(tf.transpose(x), 2)),
  (x) => tf.reshape(tf.transpose(tf.reshape(tf.mul(x, 3), [3, 2, 1]), [0, 2, 1]), [2, 3]),
  (x) => tf.add(x, tf.sum(tf.mul(x, 0.3), 0, true)),
  (x) => tf.sub(x, tf.mean(tf.mul(x, 0.3), 1, true)),
  (x) => tf.concat([tf.slice(tf.mul(x, 4), [1, 0], [1, 3]), tf.slice(x, [0, 0], [1, 3])], 0),
  (x, y) => tf.matMul(tf.matMul(tf.mul(x, 0.25), y, false, true), tf.add(x, 0.1)),
  (x, y) => tf.matMul(tf.softmax(tf.matMul(y, tf.mul(x, 0.5), false, true)), x),
  (x) => tf.where(tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], 'bool'), x, tf.mul(x, 2)),
  (x) => tf.mul(tf.slice(x, [0, 0], [1, 3]), tf.tile(tf.slice(x, [0, 0], [2, 1]), [1, 3])),
];

describe('random programs and their gradients', () => {
  it('give the same as on tfjs-cpu', async () => {
    const inputs = { x: randomValues(Y, 1), y: randomValues(Y, 2) };
    const specs: TensorSpec[] = ['x', 'y'].map((name) => ({ ...Y, name }));
    const tolerance: Tolerance = { relative: 1e-4, absolute: 1e-5 };
    const program = fc.array(fc.tuple(fc.nat(MOVES.length - 1), fc.boolean()), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(program, async (moves) => {
        const forward = (x: Tensor, y: Tensor): Tensor => {
          let [a, b] = [x, y];
          for (const [move, swap] of moves) {
            const next = tf.mul(MOVES[move]!(a, b), 0.5);
            [a, b] = swap ? [b, next] : [next, a];
          }
          return tf.add(a, b);
        };
        const fn: TensorFunction = ({ x, y }) => {
          const [dx, dy] = tf.grads((...[a, b]: Tensor[]) =>
            tf.sum(tf.square(tf.add(forward(a!, b!), tf.mul(a!, b!)))),
          )([x!, y!]);
          return { out: forward(x!, y!), dx: dx!, dy: dy! };
        };
        const expected = await runOnce(eager, { inputs: specs, fn }, inputs);
        const actual = await runGraph(optimise(lower(trace(fn, specs, 'fused'))), inputs);
        for (const [name, values] of Object.entries(expected))
          expectClose(actual[name]!, values, name, tolerance);
      }),
      { numRuns: 60, seed: 20_260 },
    );
  });
});
