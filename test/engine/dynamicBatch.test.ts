/** Graphs for any batch size: what is affine in the batch is computed, everything else is refused. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { FixedBatchError, joinBatchSizes } from '../../src/engine/onnx/dynamicBatch.js';
import { lower } from '../../src/engine/onnx/lower.js';
import { encodeModelFile } from '../../src/engine/onnx/modelFile.js';
import { trace } from '../../src/engine/trace/trace.js';
import { tf, type Tensor as TfTensor } from '../../src/ops/tf.js';

const WIDTH = 6;

/** Joins what a function of x [batch, 6] records at three batch sizes. */
const joined = (fn: (x: TfTensor, batchSize: number) => TfTensor) =>
  joinBatchSizes(
    [101, 103, 107].map((batchSize) => ({
      batchSize,
      graph: lower(
        trace(
          ({ x }) => ({ y: fn(x!, batchSize) }),
          [{ name: 'x', shape: [batchSize, WIDTH], dtype: 'float32' }],
          'naive',
        ),
      ),
    })),
    'x',
  );

async function run(fn: (x: TfTensor, batchSize: number) => TfTensor, batchSize: number) {
  const { graph, dimensions } = joined(fn);
  const file = { graph, weights: new Map(), dimensions, description: '', version: '1', metadata: {} };
  const session = await InferenceSession.create(encodeModelFile(file, null).bytes);
  const x = Float32Array.from({ length: batchSize * WIDTH }, (_, i) => Math.sin(i));
  const { y } = await session.run({ x: new Tensor('float32', x, [batchSize, WIDTH]) });
  await session.release();
  const expected = tf.tidy(() => fn(tf.tensor(x, [batchSize, WIDTH]), batchSize));
  const values = expected.dataSync();
  expect(y!.dims).toEqual(expected.shape);
  expected.dispose();
  (y!.data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 5));
}

const byBatch: Readonly<Record<string, (x: TfTensor, batchSize: number) => TfTensor>> = {
  reshape: (x, b) =>
    tf.reshape(tf.transpose(tf.reshape(x, [b, 2, 3]), [1, 0, 2]), [2, b, 3]).transpose([1, 0, 2]),
  'two dimensions that grow': (x, b) =>
    tf.reshape(tf.sum(tf.mul(tf.reshape(x, [b, 1, WIDTH]), tf.reshape(x, [1, b, WIDTH])), 1), [b, WIDTH]),
  'slice that leaves rows out': (x, b) =>
    tf.pad(tf.slice(x, [1, 0], [b - 1, WIDTH]), [
      [1, 0],
      [0, 0],
    ]),
  fill: (x, b) => tf.add(x, tf.fill([b, WIDTH], 2)),
};

describe('joinBatchSizes', () => {
  it.each(Object.keys(byBatch))('computes the sizes of a %s', async (name) => {
    await tf.setBackend('cpu');
    for (const batchSize of [1, 2, 6, 9]) await run(byBatch[name]!, batchSize);
  });

  it.each([
    ['a number that follows the batch', (x: TfTensor, b: number) => tf.mul(x, 1 / b)],
    ['operations that follow the batch', (x: TfTensor, b: number) => (b > 102 ? tf.neg(x) : x)],
    ['other operations', (x: TfTensor, b: number) => (b > 102 ? tf.neg(x) : tf.exp(x))],
    [
      'a size that is not a line',
      (x: TfTensor, b: number) => tf.slice(x, [0, 0], [b * b > 10_700 ? b : b - 1, 1]),
    ],
    ['an output that is not one row a sequence', (x: TfTensor, b: number) => tf.reshape(x, [b * WIDTH])],
  ])('refuses %s', (_, fn) => {
    expect(() => joined(fn)).toThrow(FixedBatchError);
  });
});
