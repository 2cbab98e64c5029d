/** Top-1 mixture of experts (Fedus et al. 2021, "Switch Transformer"): routing, dispatch, load balancing. */
import { stopGradient } from './stopGradient.js';
import { tf, type Tensor } from './tf.js';

export interface MixtureShape {
  readonly contextLength: number;
  readonly batchSize: number;
  readonly experts: number;
  /** Tokens that an expert takes of one sequence; those that come later go past the layer. */
  readonly capacity: number;
}

/**
 * Capacity of an expert for one sequence: `floor(capacityFactor * contextLength / experts)`, at least `minCapacity`, at
 * most the whole sequence (Mesh TensorFlow's `transformer_moe_layer_v1`, a group being a sequence).
 */
export function expertCapacity(
  contextLength: number,
  { count, capacityFactor, minCapacity }: { count: number; capacityFactor: number; minCapacity: number },
): number {
  return Math.min(contextLength, Math.max(minCapacity, Math.floor((capacityFactor * contextLength) / count)));
}

/** Where the tokens of a batch go. Every expert has `batchSize * capacity` slots, those of a sequence side by side. */
export interface Routing {
  /** [rows, experts], 1 at the expert that a token chose, whether or not it had room. */
  readonly choice: Tensor;
  /** [rows, 1], 1 where the chosen expert had room. */
  readonly kept: Tensor;
  /** [rows] int32, the slot of a token; 0 where there was no room. */
  readonly slotOfToken: Tensor;
  /** [experts * batchSize * capacity] int32, the token in a slot; 0 where the slot is empty. */
  readonly tokenOfSlot: Tensor;
}

/**
 * Sends every token to its most probable expert (the first of equals), in the order of time, while the expert has room for
 * that token's sequence. So a token's route depends on earlier tokens of its own sequence alone: causal, and the same in
 * any batch. Not differentiable.
 * @param probabilities [contextLength * batchSize, experts], time-major
 */
export function routeTopOne(probabilities: Tensor, shape: MixtureShape): Routing {
  const { contextLength, batchSize, experts, capacity } = shape;
  const rows = contextLength * batchSize;
  const expert = tf.argMax(stopGradient(probabilities), 1);
  const choice = tf.oneHot(expert, experts, 1, 0, 'float32');
  const byTime = tf.reshape(choice, [contextLength, batchSize, experts]);
  const before = tf.sum(tf.mul(tf.cumsum(byTime, 0, true), byTime), 2);
  const place = tf.reshape(before, [rows]);
  const hasRoom = tf.less(place, capacity);
  const sequence = Float32Array.from({ length: rows }, (_, row) => (row % batchSize) * capacity);
  const slot = tf.add(
    tf.add(tf.mul(tf.cast(expert, 'float32'), batchSize * capacity), tf.tensor1d(sequence)),
    place,
  );
  const slots = experts * batchSize * capacity;
  // Tokens without room are counted into one slot more than there are, which is then cut off.
  const counted = tf.cast(tf.where(hasRoom, slot, tf.fill([rows], slots)), 'int32');
  const tokens = tf.unsortedSegmentSum(
    tf.range(0, rows),
    counted as ReturnType<typeof tf.tensor1d>,
    slots + 1,
  );
  return {
    choice,
    kept: tf.reshape(tf.cast(hasRoom, 'float32'), [rows, 1]),
    slotOfToken: tf.cast(tf.where(hasRoom, slot, tf.zerosLike(slot)), 'int32'),
    tokenOfSlot: tf.cast(tf.slice(tokens, [0], [slots]), 'int32'),
  };
}

/**
 * `sum over tokens' experts of probability * expert(x)`: each token through the expert it chose, times the probability it
 * chose it with; 0 where the expert had no room, so that the token passes by the residual connection alone.
 * @param x [contextLength * batchSize, dModel], time-major
 * @param applyExperts from [experts, batchSize * capacity, dModel] to the same shape, each expert on its own rows
 */
export function mixture(
  x: Tensor,
  probabilities: Tensor,
  { choice, kept, slotOfToken, tokenOfSlot }: Routing,
  { batchSize, experts, capacity }: MixtureShape,
  applyExperts: (dispatched: Tensor) => Tensor,
): Tensor {
  const dModel = x.shape[1]!;
  // An empty slot holds a copy of token 0, which no token reads back and whose gradient is therefore 0.
  const dispatched = tf.reshape(tf.gather(x, tokenOfSlot), [experts, batchSize * capacity, dModel]);
  const processed = tf.reshape(applyExperts(dispatched), [experts * batchSize * capacity, dModel]);
  const probability = tf.sum(tf.mul(probabilities, choice), 1, true);
  return tf.mul(tf.gather(processed, slotOfToken), tf.mul(probability, kept));
}

/**
 * Load-balancing loss, `experts * sum over experts of f P`, with f the share of tokens that chose an expert and P its mean
 * probability, both over a sequence; the mean over sequences (Fedus et al. 2021, equations 4 to 6). 1 when even.
 * @returns a scalar
 */
export function balanceLoss(
  probabilities: Tensor,
  choice: Tensor,
  { contextLength, batchSize, experts }: MixtureShape,
): Tensor {
  const meanOverTime = (x: Tensor): Tensor => tf.mean(tf.reshape(x, [contextLength, batchSize, experts]), 0);
  const product = tf.mul(meanOverTime(choice), meanOverTime(probabilities));
  return tf.mul(tf.mean(tf.sum(product, 1)), experts);
}
