/** docs/operations.md is generated; the first test keeps it current (`npx vitest run test/engine/operations -u` renews it). */
import { beforeAll, describe, expect, it } from 'vitest';
import { INSTEAD, UnsupportedOperationError } from '../../src/engine/trace/errors.js';
import { trace } from '../../src/engine/trace/trace.js';
import { tf } from '../../src/ops/tf.js';
import { eager, expectClose, expectTracedAsEager, randomValues, runOnce } from './harness.js';
import { missingKernels, operationsPage } from './operationsTable.js';

describe('docs/operations.md', () => {
  it('lists what the engine has', async () => {
    await expect(operationsPage()).toMatchFileSnapshot('../../docs/operations.md');
  });

  it('has advice for operations without a kernel only', () => {
    expect(Object.keys(INSTEAD).filter((kernel) => !missingKernels().includes(kernel))).toEqual([]);
  });
});

describe('an operation without a kernel', () => {
  it.each(missingKernels())('%s is an error that names it', (kernel) => {
    const call = () =>
      trace(
        ({ x }) => ({ y: tf.engine().runKernel(kernel, { x: x! }) }),
        [{ name: 'x', shape: [2], dtype: 'float32' }],
        'naive',
      );
    expect(call).toThrow(UnsupportedOperationError);
    expect(call).toThrow(`"${kernel}"`);
    expect(call).toThrow('how to add a kernel');
  });
});

describe('what to write instead', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  it('of a Fourier transform gives what TensorFlow.js gives', async () => {
    const [n, d] = [6, 3];
    const program = {
      inputs: [{ name: 'x', shape: [n, d], dtype: 'float32' } as const],
      fn: ({ x }: Readonly<Record<string, ReturnType<typeof tf.tensor>>>) => {
        const table = (f: (x: number) => number) =>
          tf.tensor2d(
            Float32Array.from({ length: n * n }, (_, i) =>
              f((2 * Math.PI * Math.floor(i / n) * (i % n)) / n),
            ),
            [n, n],
          );
        return { real: tf.matMul(table(Math.cos), x!), imaginary: tf.neg(tf.matMul(table(Math.sin), x!)) };
      },
    };
    const values = randomValues(program.inputs[0]!, 3) as Float32Array;
    await expectTracedAsEager(program, { x: values }, 'transform');
    const found = await runOnce(eager, program, { x: values });
    await tf.setBackend('cpu');
    const byChannel = tf.transpose(tf.tensor2d(values, [n, d]));
    const expected = tf.spectral.fft(tf.complex(byChannel, tf.zerosLike(byChannel)));
    const close = { relative: 1e-5, absolute: 1e-5 };
    expectClose(found['real']!, tf.transpose(tf.real(expected)).dataSync(), 'real', close);
    expectClose(found['imaginary']!, tf.transpose(tf.imag(expected)).dataSync(), 'imaginary', close);
  });

  it('of a long convolution is one', async () => {
    const [T, batch, d] = [5, 2, 3];
    const program = {
      inputs: [
        { name: 'h', shape: [T, d], dtype: 'float32' } as const,
        { name: 'x', shape: [T, batch, d], dtype: 'float32' } as const,
      ],
      fn: ({ h, x }: Readonly<Record<string, ReturnType<typeof tf.tensor>>>) => {
        const lags = Int32Array.from({ length: T * T }, (_, i) => Math.max(0, Math.floor(i / T) - (i % T)));
        const past = tf.linalg.bandPart(tf.ones([T, T]), -1, 0);
        const kernels = tf.mul(
          tf.reshape(tf.gather(h!, tf.tensor1d(lags, 'int32')), [T, T, d]),
          tf.expandDims(past, 2),
        );
        return { y: tf.einsum('tsd,sbd->tbd', kernels, x!) };
      },
    };
    const [h, x] = program.inputs.map((spec, i) => randomValues(spec, 40 + i)) as [
      Float32Array,
      Float32Array,
    ];
    await expectTracedAsEager(program, { h, x }, 'convolution');
    const { y } = await runOnce(eager, program, { h, x });
    const expected = Array.from({ length: T * batch * d }, (_, i) => {
      const [t, b, c] = [Math.floor(i / (batch * d)), Math.floor(i / d) % batch, i % d];
      let sum = 0;
      for (let s = 0; s <= t; s++) sum += h[(t - s) * d + c]! * x[(s * batch + b) * d + c]!;
      return sum;
    });
    expectClose(y!, expected, 'y');
  });
});
