/** What a model must not do while it is traced: each gets an error that names the operation, and leaves nothing behind. */
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  TracedRandomError,
  TracedValueError,
  UnsupportedOperationError,
} from '../../src/engine/trace/errors.js';
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

  it.each<[string, (x: Tensor) => unknown, RegExp]>([
    ['data', (x) => tf.exp(x).data(), /operation "Exp"/],
    ['array', (x) => x.array(), /input "x"/],
    ['whereAsync', (x) => tf.whereAsync(tf.greater(x, 0)), /^tf\.whereAsync reads values.*tf\.where\(mask/],
    [
      'booleanMaskAsync',
      (x) => tf.booleanMaskAsync(x, tf.tensor1d([1, 0], 'bool')),
      /fixed shapes|tf\.whereAsync reads values|never/,
    ],
    [
      'setdiff1dAsync',
      (x) => tf.setdiff1dAsync(tf.slice(x.flatten(), 0, 3), [1, 2]),
      /^tf\.setdiff1dAsync reads/,
    ],
  ])('%s, which has to wait, fails the trace and leaves no promise rejected', async (_, read, message) => {
    let rejections = 0;
    const count = (): number => rejections++;
    process.on('unhandledRejection', count);
    expect(reading(read)).toThrow(message);
    // What waited is taken for a tensor.
    expect(() => traceOf((x) => tf.add(x, read(x) as Tensor))).toThrow(message);
    await new Promise((resolve) => setTimeout(resolve, 1));
    process.off('unhandledRejection', count);
    expect(rejections).toBe(0);
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
  it.each<[string, (x: Tensor) => Tensor, RegExp]>([
    ['SearchSorted', (x) => tf.searchSorted(x, x), /which tf\.searchSorted needs\. Count what is smaller/],
    ['Unique', (x) => tf.unique(x.flatten()).values, /tf\.unique needs.*fixed shapes/],
    ['Complex', (x) => tf.real(tf.spectral.rfft(x)), /tf\.rfft needs.*no complex numbers/],
    ['ResizeNearestNeighbor', upSampled, /tf\.resizeNearestNeighbor needs.*tf\.tile/],
    [
      'LRN',
      (x) => tf.localResponseNormalization(tf.reshape<Rank.R4>(x, [1, 2, 3, 1])),
      /Write it with other/,
    ],
    // A gradient of an operation that the engine has not either.
    [
      'MaxPool3D',
      tf.grad((x) => tf.maxPool3d(tf.reshape<Rank.R5>(x, [1, 1, 2, 3, 1]), 2, 1, 'same')),
      /avgPool here/,
    ],
  ])('%s is named, with the function that needs it and what to write instead', (kernel, fn, advice) => {
    expect(() => traceOf(fn)).toThrow(UnsupportedOperationError);
    expect(() => traceOf(fn)).toThrow(`"${kernel}"`);
    expect(() => traceOf(fn)).toThrow(advice);
  });
});

function upSampled(x: Tensor): Tensor {
  const image = tf.reshape(x, [1, 2, 3, 1]);
  return tf.layers.upSampling2d({ size: [2, 2] }).apply(image) as Tensor;
}

describe('shapes that do not go together', () => {
  it.each<[string, (x: Tensor) => Tensor, RegExp]>([
    [
      'matMul',
      (x) => tf.matMul(x, tf.ones([2, 4])),
      /^tf\.matMul of \[2,3\] and \[2,4\]: the 3 columns.*the 2 rows/,
    ],
    ['matMul of a vector', (x) => tf.matMul(x, tf.ones([3])), /^tf\.matMul of .*have to be matrices/],
    [
      'a transposed product',
      (x) => tf.matMul(x, tf.ones([2, 3]), true, true),
      /transposes taken into account/,
    ],
    ['add', (x) => tf.add(x, tf.ones([4])), /^tf\.add of \[2,3\] and \[4\]: cannot broadcast/],
    ['where', (x) => tf.where(tf.greater(tf.ones([4]), 0), x, x), /broadcast together with shapes 4 and 2,3/],
    [
      'reshape',
      (x) => tf.reshape(x, [4, 2]),
      /^tf\.reshape of \[2,3\]: 6 elements can't have the shape \[4,2\]/,
    ],
    ['reshape with -1', (x) => tf.reshape(x, [-1, 4]), /6 elements can't have/],
    [
      'slice',
      (x) => tf.slice(x, [1, 0], [2, 3]),
      /^tf\.slice of \[2,3\]: there are not \[2,3\] elements from \[1,0\]/,
    ],
    ['concat', (x) => tf.concat([x, tf.ones([3, 2])], 0), /^tf\.concat of .*differ in axis 0 alone/],
    ['stack', (x) => tf.stack([x, tf.ones([3, 2])]), /may not differ|same shape|match/],
    ['split by sizes', (x) => tf.split(x, [1, 1], 1)[0]!, /^tf\.split of \[2,3\]: parts of 1, 1 are not 3/],
    ['sum', (x) => tf.sum(x, 2), /^tf\.sum of \[2,3\]: there is no axis 2 in a tensor of rank 2/],
    ['cumsum', (x) => tf.cumsum(x, 3), /no axis 3/],
    ['pad', (x) => tf.pad(x, [[1, 1]]), /^tf\.pad of \[2,3\]: paddings for 1 axes/],
    ['gather', (x) => tf.gather(x, tf.zeros([3, 1], 'int32'), 1, 1), /the first 1 axes of both/],
    [
      'einsum',
      (x) => tf.einsum('ij,jk->ik', x, tf.ones([4, 2])),
      /^tf\.einsum of .*j of .* is 3 here and 4 there/,
    ],
    [
      'einsum of other axes',
      (x) => tf.einsum('ijk,jk->ik', x, x),
      /"ijk" of .* does not name the axes of \[2,3\]/,
    ],
    [
      'unsortedSegmentSum',
      (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 1, 0], 'int32'), 2),
      /begin with the axes of the ids/,
    ],
    [
      'a dilated convolution with a number as pad',
      (x) => tf.conv2d(tf.reshape<Rank.R4>(x, [1, 2, 3, 1]), tf.ones([1, 2, 1, 1]), 1, 1, 'NHWC', 2),
      /^tf\.conv2d of .*pad x yourself/,
    ],
  ])('of %s are named', (_, fn, message) => {
    expect(() => traceOf(fn)).toThrow(message);
  });
});

describe('variables', () => {
  it('made by the model are refused, and forgotten', () => {
    const own = () => traceOf((x) => tf.mul(x, tf.variable(tf.ones([3]), true, 'mine')));
    expect(own).toThrow(/variable of its own \(mine; .*List it in params\(\)/);
    expect(own).toThrow(/variable of its own \(mine/);
    const dense = tf.layers.dense({ units: 2, kernelInitializer: 'ones' });
    expect(() => traceOf((x) => dense.apply(x) as Tensor)).toThrow(/variable of its own/);
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

  it('Math.random throws in a trace alone', () => {
    expect(() => traceOf((x) => tf.mul(x, Math.random()))).toThrow(
      /^Math\.random\(\) was called while tracing/,
    );
    expect(Math.random()).toBeLessThan(1);
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
