/** The attention that a decoder alone does not have: an encoder's, which sees both ways, and a decoder's to the encoder. */
import { attention, type AttentionShape } from '../ops/attention.js';
import { centredConv } from '../ops/centredConv.js';
import { tf, type Tensor } from '../ops/tf.js';
import { attendByProducts, project, queryScale } from './attention.js';
import type { Pass } from './pass.js';

const headsOf = ({ shape, batchSize }: Pass): AttentionShape => {
  const { contextLength, nHeads, dHead } = shape;
  return { contextLength, batchSize, nHeads, dHead };
};

/**
 * Multi-head self-attention that sees both ways. The convolutions on queries, keys and values, where there are any, are
 * centred: in the paper a width-3 convolution is shifted only to keep a decoder from seeing ahead.
 * @param x [sourceLength * batchSize, dModel], time-major
 * @param bias relative bias [nHeads, sourceLength, sourceLength]; null where positions are not relative
 */
export function encoderSelfAttention(prefix: string, x: Tensor, bias: Tensor | null, pass: Pass): Tensor {
  const parts = project(prefix, x, pass, centredConv);
  const context = attendByProducts(prefix, parts, bias, headsOf(pass), pass);
  return tf.matMul(context, pass.params[`${prefix}.o`]!);
}

/**
 * Attention from the decoder to what the encoder gives: no mask, no relative bias (as in T5), no rotation, no convolution.
 * @param x [targetLength * batchSize, dModel], time-major
 * @param encoded [sourceLength * batchSize, dModel], time-major
 * @returns like x
 */
export function crossAttention(prefix: string, x: Tensor, encoded: Tensor, pass: Pass): Tensor {
  const parameter = (name: string): Tensor => pass.params[`${prefix}.${name}`]!;
  const query = tf.matMul(x, parameter('q'));
  const keysAndValues = tf.matMul(encoded, tf.concat([parameter('k'), parameter('v')], 1));
  const [key, value] = tf.split(keysAndValues, 2, 1) as [Tensor, Tensor];
  const context = attention(query, key, value, null, queryScale(pass.shape), headsOf(pass));
  return tf.matMul(context, parameter('o'));
}
