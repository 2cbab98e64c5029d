/** What a model must not do while it is traced: each gets an error that names the operation, and leaves nothing behind. */
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  TracedRandomError,
  TracedValueError,
  UnsupportedOperationError,
} from '../../src/engine/trace/backend.js';
import { trace, type TensorFunction, type Tensors } from '../../src/engine/trace/trace.js';
import type { TensorSpec } from '../../src/engine/tensors.js';
import type { Rank } from '@tensorflow/tfjs';
import { tf, type Tensor } from '../../src/ops/tf.js';

const SPECS: readonly TensorSpec[] = [{ name: 'x', shape: [2, 3], dtype: 'float32' }];

const traceOf = (fn: (x: Tensor) => Tensor) => trace(({ x }) => ({ y: fn(x!) }), SPECS, 'fused');

/** The traced tensor goes through `read`, whose result does not matter. */
const reading = (read: (x: Tensor) => unknown) => (): unknown =>
  traceOf((x) => {
    read(x);
    return x;
  });

describe('reading a traced value', () => {
  it.each<[string, (x: Tensor) => unknown]>([
    ['dataSync', (x) => x.dataSync()],
    ['arraySync', (x) => x.arraySync()],
    [
      'print',
      (x) => {
        x.print();
      },
    ],
    ['bufferSync', (x) => x.bufferSync()],
  ])('%s names the operation', (_, read) => {
    const result = reading((x) => read(tf.tanh(x)));
    expect(result).toThrow(TracedValueError);
    expect(result).toThrow(/operation "Tanh", shape \[2,3\]/);
  });

  it('names an input', () => {
    expect(reading((x) => x.dataSync())).toThrow(/input "x"/);
  });

  it('rejects the asynchronous forms', async () => {
    let pending: Promise<unknown> = Promise.resolve();
    reading((x) => (pending = tf.exp(x).data()))();
    await expect(pending).rejects.toThrow(/operation "Exp"/);
  });

  it('inside a gradient names the operation too', () => {
    const f = (x: Tensor): Tensor => {
      const y = tf.sum(tf.square(x));
      return y.dataSync()[0]! > 0 ? y : tf.neg(y);
    };
    expect(() => traceOf((x) => tf.grad(f)(x))).toThrow(/operation "Sum"/);
  });

  it('allows values of constants', () => {
    expect(() => traceOf((x) => tf.mul(x, tf.scalar(3).dataSync()[0]!))).not.toThrow();
  });
});

describe('operations without a kernel', () => {
  it.each<[string, (x: Tensor) => Tensor]>([
    ['SearchSorted', (x) => tf.searchSorted(x, x)],
    ['MaxPool', (x) => tf.maxPool(tf.reshape<Rank.R4>(x, [1, 2, 3, 1]), 2, 1, 'same')],
    // A gradient of an operation that the engine has not either.
    ['AvgPool', tf.grad((x) => tf.avgPool(tf.reshape<Rank.R4>(x, [1, 2, 3, 1]), 2, 1, 'same'))],
  ])('%s is named', (kernel, fn) => {
    expect(() => traceOf(fn)).toThrow(UnsupportedOperationError);
    expect(() => traceOf(fn)).toThrow(`"${kernel}"`);
  });
});

describe('data of another type', () => {
  const INTS: readonly TensorSpec[] = [{ name: 'x', shape: [2, 3], dtype: 'int32' }];
  const ofInts = (fn: (x: Tensor) => Tensor) => () => trace(({ x }) => ({ y: fn(x!) }), INTS, 'naive');
  it('is refused where TensorFlow.js would round fractions, or count truth values as such', () => {
    expect(ofInts((x) => tf.softplus(x))).toThrow(/"Softplus" was given.*int32.*tf\.cast.*whole numbers/);
    expect(ofInts((x) => tf.square(tf.greater(x, 0)))).toThrow(
      /"Square".*bool; here it takes float32 or int32/,
    );
    expect(ofInts((x) => tf.concat([x, tf.ones([2, 3])]))).toThrow(/dtypes int32 and float32; tf\.cast/);
  });
});

describe('random numbers', () => {
  const seeded = [undefined, 5];
  it.each<[string, (seed: number | undefined) => Tensor]>([
    ['randomNormal', (seed) => tf.randomNormal([2, 3], 0, 1, 'float32', seed)],
    ['randomUniform', (seed) => tf.randomUniform([2, 3], 0, 1, 'float32', seed)],
    ['randomUniformInt', (seed) => tf.randomUniformInt([2, 3], 0, 9, seed)],
    ['randomStandardNormal', (seed) => tf.randomStandardNormal([2, 3], 'float32', seed)],
    ['truncatedNormal', (seed) => tf.truncatedNormal([2, 3], 0, 1, 'float32', seed)],
    ['randomGamma', (seed) => tf.randomGamma([2, 3], 2, 1, 'float32', seed)],
    ['rand', () => tf.rand([2, 3], Math.random)],
  ])('tf.%s throws, with and without a seed', (name, draw) => {
    for (const seed of seeded) {
      const drawing = () => traceOf((x) => tf.add(x, draw(seed)));
      expect(drawing).toThrow(TracedRandomError);
      expect(drawing).toThrow(new RegExp(`tf\\.${name}|tf\\.random|tf\\.truncated`));
    }
  });

  it.each<[string, (x: Tensor, seed: number | undefined) => Tensor]>([
    ['dropout', (x, seed) => tf.dropout(x, 0.5, undefined, seed)],
    ['multinomial', (x, seed) => tf.multinomial(x as Parameters<typeof tf.multinomial>[0], 4, seed)],
    [
      'layers.dropout',
      (x, seed) =>
        tf.layers
          .dropout({ rate: 0.5, ...(seed === undefined ? {} : { seed }) })
          .apply(x, { training: true }) as Tensor,
    ],
    [
      'layers.gaussianNoise',
      (x) => tf.layers.gaussianNoise({ stddev: 1 }).apply(x, { training: true }) as Tensor,
    ],
    ['initializers.glorotNormal', (x) => tf.add(x, tf.initializers.glorotNormal({}).apply([2, 3]))],
    ['initializers.orthogonal', (x) => tf.add(x, tf.initializers.orthogonal({}).apply([2, 3]))],
    ['initializers.heUniform', (x) => tf.add(x, tf.initializers.heUniform({}).apply([2, 3]))],
  ])('tf.%s throws, with and without a seed', (_, draw) => {
    for (const seed of seeded)
      expect(() => traceOf((x) => draw(x, seed))).toThrow(/TracedRandom|random|Multinomial|truncated/i);
  });

  it('dropout that drops nothing is no random operation', () => {
    expect(() => traceOf((x) => tf.dropout(x, 0))).not.toThrow();
  });

  it('are not suspected of a model in a file of such a name', () => {
    const source = '(tf, x) => tf.add(x, tf.tensor1d([1, 2, 3]))';
    const model = runInThisContext(source, { filename: '/models/rand/randomNormal_ (2).js' }) as (
      tfjs: typeof tf,
      x: Tensor,
    ) => Tensor;
    expect(() => traceOf((x) => model(tf, x))).not.toThrow();
  });

  it('are allowed outside of a trace', () => {
    void tf.setBackend('cpu');
    expect(tf.randomNormal([2]).dataSync()).toHaveLength(2);
  });
});

describe('tensors from outside', () => {
  it('are refused, whether made eagerly or in an earlier trace', () => {
    void tf.setBackend('cpu');
    const outside = tf.tensor2d([[1, 2, 3]]);
    expect(() => traceOf((x) => tf.add(x, outside))).toThrow(
      /shape \[1,3\] made outside the traced function/,
    );
    expect(() => traceOf(() => outside)).toThrow(/made outside/);
    let earlier: Tensor = outside;
    traceOf((x) => {
      earlier = tf.keep(tf.zeros([4]));
      return x;
    });
    expect(() => traceOf((x) => tf.add(x, tf.slice(earlier, 0, 3)))).toThrow(/shape \[4\] made outside/);
  });
});

describe('after an error', () => {
  const failing: readonly TensorFunction[] = [
    ({ x }) => ({ y: tf.scalar(x!.dataSync()[0]!) }),
    ({ x }) => ({ y: tf.searchSorted(x!, x!) }),
    ({ x }) => ({ y: tf.tidy(() => tf.grad((z: Tensor) => tf.mul(z, tf.searchSorted(z, z)))(x!)) }),
    () => {
      throw new Error('of the model itself');
    },
  ];

  it('the backend before it is back and the next trace is the same as ever', () => {
    const good = (inputs: Tensors): Tensors => ({
      y: tf.grad((z: Tensor) => tf.sum(tf.square(z)))(inputs['x']!),
    });
    void tf.setBackend('cpu');
    const before = trace(good, SPECS, 'fused');
    for (const fn of failing) {
      expect(() => trace(fn, SPECS, 'fused')).toThrow();
      expect(tf.getBackend()).toBe('cpu');
      expect(tf.square(3).dataSync()[0]).toBe(9);
      const after = trace(good, SPECS, 'fused');
      expect(after.nodes.map(({ kernel }) => kernel)).toEqual(before.nodes.map(({ kernel }) => kernel));
    }
  });
});

describe('tensors that stay', () => {
  it('are none: a trace leaves no tensor with tfjs', () => {
    void tf.setBackend('cpu');
    traceOf((x) => tf.softmax(x));
    const { numTensors } = tf.memory();
    for (let i = 0; i < 3; i++) traceOf((x) => tf.grad((z: Tensor) => tf.sum(tf.softmax(z)))(x));
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
