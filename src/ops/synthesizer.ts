/** Attention whose weights do not come from products of queries and keys (Tay et al. 2020, "Synthesizer"). */
import { addMask, swapTimeAndHeads, type AttentionShape } from './attention.js';
import { tf, type Tensor } from './tf.js';

/**
 * Random Synthesizer: `softmax(scores) v`, the same weights for every sequence (section 3.1.2).
 * @param v [contextLength * batchSize, nHeads * dHead], time-major
 * @param scores [nHeads, contextLength, contextLength], learned, the causal mask added
 * @returns [contextLength * batchSize, nHeads * dHead]
 */
export function randomSynthesizer(v: Tensor, scores: Tensor, shape: AttentionShape): Tensor {
  const { contextLength, batchSize, nHeads, dHead } = shape;
  const byTime = tf.reshape(v, [contextLength, batchSize, nHeads, dHead]);
  const byHead = tf.reshape(tf.transpose(byTime, [2, 0, 1, 3]), [nHeads, contextLength, batchSize * dHead]);
  const context = tf.reshape(tf.matMul(tf.softmax(scores), byHead), [
    nHeads,
    contextLength,
    batchSize,
    dHead,
  ]);
  return tf.reshape(tf.transpose(context, [1, 2, 0, 3]), v.shape);
}

/**
 * Dense Synthesizer: each position projects its own query to a score for every position, `softmax(relu(q) P + mask) v`
 * (section 3.1.1, as Mesh TensorFlow has it: P is shared by the heads).
 * @param q,v [contextLength * batchSize, nHeads * dHead], time-major
 * @param projection [dHead, contextLength]
 * @param mask [contextLength, contextLength], or [nHeads, contextLength, contextLength] when a bias by head is in it
 * @returns [contextLength * batchSize, nHeads * dHead]
 */
export function denseSynthesizer(
  q: Tensor,
  projection: Tensor,
  v: Tensor,
  mask: Tensor,
  shape: AttentionShape,
): Tensor {
  const { contextLength, batchSize, nHeads, dHead } = shape;
  const heads = batchSize * nHeads;
  const byRow = tf.matMul(tf.relu(tf.reshape(q, [contextLength * heads, dHead])), projection);
  const scores = swapTimeAndHeads(tf.reshape(byRow, [contextLength, heads, contextLength]));
  const weights = tf.softmax(addMask(scores, mask));
  const values = swapTimeAndHeads(tf.reshape(v, [contextLength, heads, dHead]));
  return tf.reshape(swapTimeAndHeads(tf.matMul(weights, values)), v.shape);
}
