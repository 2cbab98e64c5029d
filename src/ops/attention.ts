/** Multi-head attention on time-major activations. */
import { attendFused, queryBlocks } from './fusedAttention.js';
import { hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

export interface AttentionShape {
  /** Of the queries; keys and values may be of another length, as in cross-attention. */
  readonly contextLength: number;
  readonly batchSize: number;
  readonly nHeads: number;
  readonly dHead: number;
  /** The mask hides every later position, so that an engine need not compute what it hides. */
  readonly causal?: boolean;
}

/** Added to the score of a position that must not be seen; large enough that its weight is exactly 0 in float32. */
const MASKED = -1e9;

/** [contextLength, contextLength], 0 where position j may be seen from i (j <= i), a large negative number elsewhere. */
export function causalMask(contextLength: number): Tensor {
  const values = new Float32Array(contextLength * contextLength);
  for (let i = 0; i < contextLength; i++)
    values.fill(MASKED, i * contextLength + i + 1, (i + 1) * contextLength);
  return tf.tensor(values, [contextLength, contextLength]);
}

/**
 * `softmax(q k^T / scale + mask [+ bias]) v` for each head (Vaswani et al. 2017, section 3.2).
 * @param q [contextLength * batchSize, nHeads * dHead], time-major
 * @param k,v [keyLength * batchSize, nHeads * dHead], time-major
 * @param mask [contextLength, keyLength], or [nHeads, contextLength, keyLength] when a bias by head is in it; null where
 * every query sees every key
 * @param queryScale what queries are multiplied by: 1 / sqrt(dHead), or 1 with T5's initial values
 * @returns [contextLength * batchSize, nHeads * dHead]
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | null,
  queryScale: number,
  shape: AttentionShape,
): Tensor {
  const heads = shape.batchSize * shape.nHeads;
  const split = (x: Tensor): Tensor => tf.reshape(x, [x.shape[0] / shape.batchSize, heads, shape.dHead]);
  const joined = (x: Tensor): Tensor =>
    tf.reshape(x, [shape.contextLength * shape.batchSize, shape.nHeads * shape.dHead]);
  if (hasFusedKernels()) {
    const blocks = shape.causal === true && mask !== null ? queryBlocks(shape.contextLength) : 1;
    return joined(attendFused(split(q), split(k), split(v), mask, queryScale, blocks));
  }
  const scaled = queryScale === 1 ? q : tf.mul(q, queryScale);
  return joined(attend(split(scaled), split(k), split(v), mask));
}

/** [time, heads, dHead] to [heads, time, dHead] and back. */
export const swapTimeAndHeads = (x: Tensor): Tensor => tf.transpose(x, [1, 0, 2]);

function weights(q: Tensor, k: Tensor, mask: Tensor | null): Tensor {
  const scores = tf.matMul(swapTimeAndHeads(q), swapTimeAndHeads(k), false, true);
  return tf.softmax(mask === null ? scores : addMask(scores, mask));
}

/** Scores of [batch * nHeads, time, time] plus a mask that may differ by head but not by sequence. */
export function addMask(scores: Tensor, mask: Tensor): Tensor {
  if (mask.rank === 2) return tf.add(scores, mask);
  const [nHeads, queries, keys] = mask.shape as [number, number, number];
  const bySequence = tf.reshape(scores, [scores.shape[0] / nHeads, nHeads, queries, keys]);
  return tf.reshape(tf.add(bySequence, mask), scores.shape);
}

function attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null): Tensor {
  return swapTimeAndHeads(tf.matMul(weights(q, k, mask), swapTimeAndHeads(v)));
}
