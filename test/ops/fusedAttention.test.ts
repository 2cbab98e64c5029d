/** Causal attention in blocks of queries: the same values and gradients as the composite over all keys. */
import { describe, expect, it } from 'vitest';
import { attention, causalMask } from '../../src/ops/attention.js';
import { attendFused, queryBlocks } from '../../src/ops/fusedAttention.js';
import { tf, type Tensor } from '../../src/ops/tf.js';
import { expectClose, randomValues } from '../engine/harness.js';

const TIME = 6;
const BATCH = 2;
const N_HEADS = 2;
const D_HEAD = 3;
const SCALE = 0.6;

const random = (shape: number[], seed: number): Tensor =>
  tf.tensor(randomValues({ shape, dtype: 'float32' }, seed), shape);

/** The value and the gradients by q, k, v and what is added to the mask. */
function valueAndGradients(attend: (q: Tensor, k: Tensor, v: Tensor, mask: Tensor) => Tensor, bias: Tensor) {
  const rows = [TIME * BATCH, N_HEADS * D_HEAD];
  const weights = random(rows, 9);
  const f = (q: Tensor, k: Tensor, v: Tensor, b: Tensor): Tensor =>
    tf.sum(tf.mul(attend(q, k, v, tf.add(b, causalMask(TIME))), weights));
  const { value, grads } = tf.valueAndGrads(f)([random(rows, 1), random(rows, 2), random(rows, 3), bias]);
  return [value, ...grads].map((tensor) => tensor.dataSync());
}

describe('attention in blocks of queries', () => {
  const shape = { contextLength: TIME, batchSize: BATCH, nHeads: N_HEADS, dHead: D_HEAD, causal: true };
  const byHead = (x: Tensor): Tensor => tf.reshape(x, [TIME, BATCH * N_HEADS, D_HEAD]);

  it.each([1, 2, 3])(
    '%i blocks: as all at once, with one mask and with one for each head',
    async (blocks) => {
      await tf.setBackend('cpu');
      for (const bias of [random([TIME, TIME], 4), random([N_HEADS, TIME, TIME], 5)]) {
        const expected = valueAndGradients((q, k, v, mask) => attention(q, k, v, mask, SCALE, shape), bias);
        const actual = valueAndGradients(
          (q, k, v, mask) =>
            tf.reshape(attendFused(byHead(q), byHead(k), byHead(v), mask, SCALE, blocks), q.shape),
          bias,
        );
        for (const [i, values] of expected.entries())
          expectClose(actual[i]!, values, `output ${i}`, { relative: 1e-5, absolute: 1e-5 });
      }
    },
  );

  it('blocks divide the length and are not short', () => {
    expect([6, 128, 200, 256, 384, 512, 1024].map(queryBlocks)).toEqual([1, 1, 1, 2, 3, 4, 4]);
  });
});
