/** What a trace records: the same graph each time, a hash that knows operations and shapes but no names. */
import { describe, expect, it } from 'vitest';
import { encodeFunction, encodeLoop } from '../../src/engine/onnx/encode.js';
import { lower } from '../../src/engine/onnx/lower.js';
import { optimise } from '../../src/engine/passes/index.js';
import { traceStep } from '../../src/engine/stepGraph.js';
import type { TensorSpec } from '../../src/engine/tensors.js';
import { hashGraph } from '../../src/engine/trace/graph.js';
import { trace, type TensorFunction } from '../../src/engine/trace/trace.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { tinyTraining } from './tinyTraining.js';

const float = (name: string, ...shape: number[]): TensorSpec => ({ name, shape, dtype: 'float32' });

const hashOf = (fn: TensorFunction, specs: readonly TensorSpec[]): string =>
  hashGraph(trace(fn, specs, 'naive'));

describe('tracing twice', () => {
  it.each(['naive', 'fused'] as const)('gives the same graph and the same file (%s)', (mode) => {
    const bytes = (): Buffer[] => {
      const { program } = tinyTraining({ preset: 'primer', positions: 'relative' });
      const graph = traceStep(program, mode);
      const plain = lower(graph);
      return [
        Buffer.from(hashGraph(graph)),
        Buffer.from(encodeLoop(plain, program)),
        Buffer.from(encodeLoop(optimise(plain), program)),
        Buffer.from(encodeFunction(optimise(plain))),
      ];
    };
    const [first, second] = [bytes(), bytes()];
    expect(first.map((part, i) => part.equals(second[i]!))).toEqual([true, true, true, true]);
  });

  it('gives the same whatever is traced in between and whichever backend is in use', () => {
    const hash = (): string => hashGraph(traceStep(tinyTraining().program, 'naive'));
    const first = hash();
    void tf.setBackend('cpu');
    traceStep(tinyTraining({ preset: 't5++' }).program, 'fused');
    expect(hash()).toBe(first);
  });
});

describe('the hash of a graph', () => {
  const fn: TensorFunction = ({ a, b }) => ({
    y: tf.matMul(tf.leakyRelu(a!, 0.1), tf.add(b!, tf.tensor1d([1, 2]))),
  });
  const specs = [float('a', 3, 4), float('b', 4, 2)];
  const hash = hashOf(fn, specs);

  it('does not depend on names of inputs, outputs or parameters', () => {
    const renamed: TensorFunction = ({ weight, bias }) => ({ other: fn({ a: weight!, b: bias! })['y']! });
    expect(hashOf(renamed, [float('weight', 3, 4), float('bias', 4, 2)])).toBe(hash);
  });

  const y =
    (make: (a: Tensor, b: Tensor) => Tensor): TensorFunction =>
    ({ a, b }) => ({ y: make(a!, b!) });
  it.each<[string, TensorFunction, TensorSpec[]]>([
    ['a shape', fn, [float('a', 5, 4), float('b', 4, 2)]],
    ['an operation', y((a, b) => tf.matMul(tf.elu(a), tf.add(b, tf.tensor1d([1, 2])))), specs],
    ['an attribute', y((a, b) => tf.matMul(tf.leakyRelu(a, 0.2), tf.add(b, tf.tensor1d([1, 2])))), specs],
    ['a constant', y((a, b) => tf.matMul(tf.leakyRelu(a, 0.1), tf.add(b, tf.tensor1d([1, 3])))), specs],
    ['the wiring', y((a, b) => tf.matMul(tf.leakyRelu(a, 0.1), tf.add(tf.tensor1d([1, 2]), b))), specs],
    ['a further output', (t) => ({ ...fn(t), z: t['a']! }), specs],
    ['a further input', fn, [...specs, float('c', 1)]],
    ['the order of inputs', fn, specs.toReversed()],
  ])('depends on %s', (_, changed, changedSpecs) => {
    expect(hashOf(changed, changedSpecs)).not.toBe(hash);
  });

  it('tells attributes that JSON has no numbers for apart', () => {
    const filled = (value: number): string =>
      hashOf(({ x }) => ({ y: tf.maximum(x!, tf.fill([2], value)) }), [float('x', 2)]);
    expect(new Set([Infinity, -Infinity, NaN, 0].map(filled)).size).toBe(4);
  });

  it('leaves dead nodes out', () => {
    const withDeadNode: TensorFunction = (t) => {
      tf.exp(t['a']!);
      return fn(t);
    };
    expect(hashOf(withDeadNode, specs)).toBe(hash);
  });
});

describe('a traced step', () => {
  it('needs every state tensor to be returned, and says which is missing', () => {
    const { program } = tinyTraining();
    const step = (state: Parameters<typeof program.step>[0], perStep: Parameters<typeof program.step>[1]) => {
      const result = program.step(state, perStep);
      const others = Object.entries(result.state).filter(([name]) => name !== 'param/output');
      return { ...result, state: Object.fromEntries(others) };
    };
    expect(() => traceStep({ ...program, step }, 'naive')).toThrow(/no state "param\/output"/);
  });
});

describe('sums and means', () => {
  const spread: TensorFunction = ({ x }) => ({
    ...Object.fromEntries(
      Object.entries({
        all: tf.grad((t) => tf.sum(t)),
        rows: tf.grad((t) => tf.sum(tf.square(tf.sum(t, 0)))),
        means: tf.grad((t) => tf.sum(tf.square(tf.mean(t, -1, true)))),
      }).map(([name, gradient]) => [name, gradient(x!)]),
    ),
  });

  it('have gradients that take no memory where they are traced', () => {
    // 400 GB.
    const { outputs } = trace(spread, [float('x', 100_000, 1_000_000)], 'naive');
    expect(outputs.map(({ value }) => value.shape)).toEqual(outputs.map(() => [100_000, 1_000_000]));
  });

  it('have the gradients of the definition', async () => {
    await tf.setBackend('cpu');
    const { all, rows, means } = spread({ x: tf.tensor2d([1, 2, 3, 4, 5, 9], [2, 3]) });
    expect([...all!.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
    // 2 (x0 + x1) for each column.
    expect([...rows!.dataSync()]).toEqual([10, 14, 24, 10, 14, 24]);
    // 2 mean / 3 for each row.
    [4, 4, 4, 12, 12, 12].forEach((value, i) => expect(means!.dataSync()[i]).toBeCloseTo(value / 3, 5));
  });

  it('have the hash of a graph with the array in it, so that run keys stay', () => {
    const specs = [float('x', 2, 3)];
    const dy: TensorFunction = ({ x }) => ({ y: tf.grad((t) => tf.sum(t, 1).sum())(x!) });
    const explicit: TensorFunction = () => {
      const one = tf.scalar(1);
      const outer = tf.mul(tf.reshape(one, [1]), tf.ones([2]));
      return { y: tf.mul(tf.reshape(outer, [2, 1]), tf.ones([2, 3])) };
    };
    expect(hashOf(dy, specs)).toBe(hashOf(explicit, specs));
  });
});
