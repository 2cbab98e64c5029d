/** FLOP rule 1 on graphs that are counted by hand. */
import { describe, expect, it } from 'vitest';
import { countFlops, FLOP_RULE, nodeFlops } from '../../src/engine/cost.js';
import { lower } from '../../src/engine/onnx/lower.js';
import type { OnnxGraph } from '../../src/engine/onnx/graph.js';
import { optimise } from '../../src/engine/passes/index.js';
import { sizeOf, type TensorSpec } from '../../src/engine/tensors.js';
import { kernelsOf } from '../../src/engine/trace/backend.js';
import { trace, type TensorFunction } from '../../src/engine/trace/trace.js';
import { buildModel } from '../../src/models/buildModel.js';
import * as ops from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { gradientProgram } from '../../src/train/programs.js';
import { BATCH_SIZE, TINY_MODEL } from './tinyTraining.js';

const { tf } = ops;

const spec = (name: string, ...shape: number[]): TensorSpec => ({ name, shape, dtype: 'float32' });
const X = spec('x', 4, 6);

const count = (fn: (x: Tensor) => Tensor, ...specs: TensorSpec[]): number =>
  countFlops(trace(({ x }) => ({ y: fn(x!) }), specs.length > 0 ? specs : [X], 'naive')).total;

describe('rule 1', () => {
  it('is rule 1', () => {
    expect(FLOP_RULE).toBe(1);
  });

  it.each<[string, (x: Tensor) => Tensor, number]>([
    ['addition of a row: an output element each', (x) => tf.add(x, tf.tensor1d([1, 2, 3, 4, 5, 6])), 24],
    ['a column times a row', (x) => tf.mul(tf.slice(x, [0, 0], [4, 1]), tf.slice(x, [0, 0], [1, 6])), 24],
    ['a transcendental function', tf.exp, 24],
    ['a comparison', (x) => tf.greater(x, 0), 24],
    ['a sum of columns: an input element each', (x) => tf.sum(x, 0), 24],
    ['a sum of everything', (x) => tf.sum(x), 24],
    ['a mean', (x) => tf.mean(x, 1), 24],
    ['a maximum', (x) => tf.max(x, 1), 24],
    ['softmax: five an element', tf.softmax, 120],
    // max, subtract, exp, sum, subtract: five an element, and one logarithm a row.
    ['log-softmax: five an element and one a row', (x) => tf.logSoftmax(x), 124],
    ['a matrix product: 2 m n k', (x) => tf.matMul(x, x, true, false), 2 * 6 * 6 * 4],
    [
      'a batched product',
      (x) => tf.matMul(tf.reshape(x, [2, 2, 6]), tf.reshape(x, [2, 6, 2])),
      2 * (2 * 2 * 2 * 6),
    ],
    [
      'a scatter that adds: an input element each',
      (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 1, 0, 1], 'int32'), 3),
      24,
    ],
    ['a dead node: nothing', (x) => (tf.exp(x), x), 0],
    ['squared ReLU: two an element', ops.squaredRelu, 48],
    ['swish: two', ops.swish, 48],
    // x * 0.5, x * sqrt(1/2), erf, + 1, and the product of the two.
    ['gelu: five', ops.gelu, 120],
    // mean, subtract, square, mean: 4 an element; + eps and rsqrt: 2 a row; three products or sums: 3 an element.
    ['LayerNorm', (x) => ops.layerNorm(x, tf.ones([6]), tf.zeros([6])), 7 * 24 + 2 * 4],
    // square, mean, two products: 4 an element; + eps and rsqrt: 2 a row.
    ['RMSNorm', (x) => ops.rmsNorm(x, tf.ones([6])), 4 * 24 + 2 * 4],
    // Of 4 rows, 4 times w0, then 3 and 2 rows times w1 and w2, and two sums over all rows.
    [
      'a causal convolution of width 3',
      (x) => ops.causalConv(x, tf.ones([3, 6]), 1),
      6 * (4 + 3 + 2) + 2 * 24,
    ],
  ])('%s', (_, fn, flops) => {
    expect(count(fn)).toBe(flops);
  });

  it.each<[string, (x: Tensor) => Tensor | Tensor[]]>([
    ['reshape', (x) => tf.reshape(x, [3, 8])],
    ['transpose', (x) => tf.transpose(x)],
    ['slice', (x) => tf.slice(x, [1, 1], [2, 2])],
    ['concat', (x) => tf.concat([x, x], 0)],
    ['stack', (x) => tf.stack([x, x])],
    ['split', (x) => tf.split(x, 2, 1)],
    ['unstack', (x) => tf.unstack(x)],
    [
      'pad',
      (x) =>
        tf.pad(x, [
          [1, 0],
          [0, 0],
        ]),
    ],
    ['tile', (x) => tf.tile(x, [2, 1])],
    ['gather', (x) => tf.gather(x, tf.tensor1d([0, 2], 'int32'))],
    ['one-hot', (x) => tf.oneHot(tf.cast(tf.reshape(x, [24]), 'int32'), 3)],
    ['cast', (x) => tf.cast(x, 'int32')],
    ['choice by a condition', (x) => tf.where(tf.tensor1d([1, 0, 0, 1, 1, 0], 'bool'), x, x)],
    ['fill', () => tf.fill([3], 2)],
    ['range', () => tf.range(0, 3)],
  ])('moving data costs nothing: %s', (_, fn) => {
    const graph = trace(
      ({ x }) => Object.fromEntries([fn(x!)].flat().map((y, i) => [`y${i}`, y])),
      [X],
      'naive',
    );
    expect(countFlops(graph).total).toBe(0);
    expect(graph.nodes.length).toBeGreaterThan(0);
  });

  it('counts attention dense, the masked half included', () => {
    const [time, batch, heads, dHead] = [5, 2, 3, 4];
    const shape = { contextLength: time, batchSize: batch, nHeads: heads, dHead };
    const rows = spec('x', time * batch, heads * dHead);
    const flops = countFlops(
      trace(({ x }) => ({ y: ops.attention(x!, x!, x!, ops.causalMask(time), 0.5, shape) }), [rows], 'naive'),
    );
    const scores = batch * heads * time * time;
    expect(flops.matmul).toBe(2 * 2 * scores * dHead);
    // The queries' scale, the mask, and the softmax.
    expect(flops.total - flops.matmul).toBe(time * batch * heads * dHead + scores + 5 * scores);
    expect(flops.byKind['softmax']).toBe(5 * scores);
  });

  it('sums to its kinds', () => {
    const { total, matmul, byKind } = countFlops(
      trace(({ x }) => ({ y: tf.softmax(tf.matMul(x!, x!, false, true)) }), [X], 'naive'),
    );
    expect(byKind).toEqual({ matmul, softmax: total - matmul });
  });
});

/** Matrix FLOPs of an ONNX graph, from its shapes alone. */
const onnxProducts = ({ nodes }: OnnxGraph): number =>
  nodes
    .filter(({ op }) => ['MatMul', 'Gemm', 'FusedMatMul'].includes(op))
    .map(({ op, inputs, attrs, outputs }) => {
      const { shape } = inputs[0]!;
      const contracted =
        op === 'MatMul' || attrs['transA'] === 0
          ? shape.at(-1)!
          : attrs['transBatchA'] === 1
            ? shape[0]!
            : shape.at(-2)!;
      return 2 * sizeOf(outputs[0]!.shape) * contracted;
    })
    .reduce((total, flops) => total + flops, 0);

describe('the count of a model', () => {
  const gradients = (preset: string) =>
    gradientProgram(buildModel({ ...TINY_MODEL, preset, positions: 'relative' }), {
      batchSize: BATCH_SIZE,
      contextLength: TINY_MODEL.contextLength,
    });

  it.each(['transformer', 'transformer++', 'primer'])(
    'of %s has the same products as the plain, the fused and the optimised graph that is run',
    (preset) => {
      const { fn, inputs } = gradients(preset);
      const { matmul, total } = countFlops(trace(fn, inputs, 'naive'));
      expect(onnxProducts(lower(trace(fn, inputs, 'naive')))).toBe(matmul);
      expect(onnxProducts(optimise(lower(trace(fn, inputs, 'naive'))))).toBe(matmul);
      expect(onnxProducts(optimise(lower(trace(fn, inputs, 'fused'))))).toBe(matmul);
      // Tracing with the project's kernels in between changes nothing: the rule knows composites only.
      expect(countFlops(trace(fn, inputs, 'naive'))).toMatchObject({ matmul, total });
    },
  );

  it('uses no kernel of the project, whose cost the rule does not define', () => {
    const { fn, inputs } = gradients('primer');
    const plain = new Set(Object.keys(kernelsOf('naive')));
    const { nodes } = trace(fn, inputs, 'naive');
    expect(nodes.filter(({ kernel }) => !plain.has(kernel))).toEqual([]);
    expect(nodes.every((node) => Number.isSafeInteger(nodeFlops(node)))).toBe(true);
  });

  it('refuses nothing silently: an unknown kernel in a graph is an error', () => {
    const fn: TensorFunction = ({ x }) => ({ y: tf.exp(x!) });
    const graph = trace(fn, [X], 'naive');
    const nodes = graph.nodes.map((node) => ({ ...node, kernel: 'Mystery' }));
    expect(() => countFlops({ ...graph, nodes })).toThrow(/"Mystery"/);
  });
});
