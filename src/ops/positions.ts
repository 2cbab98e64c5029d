/** How a model knows where a token stands: sinusoidal table, rotary embedding, T5's relative buckets. */
import { tf, type Tensor } from './tf.js';
import type { AttentionShape } from './attention.js';

const WAVELENGTH = 10_000;

/**
 * Sinusoidal positions of T2T (Vaswani et al. 2017, section 3.5): the first half of the channels sines, the second cosines,
 * with T2T's geometric wavelengths from 2 pi to 2 pi 10000.
 * @returns [contextLength, dModel]
 */
export function sinusoidalPositions(contextLength: number, dModel: number): Tensor {
  const half = Math.floor(dModel / 2);
  const values = new Float32Array(contextLength * dModel);
  for (let t = 0; t < contextLength; t++) {
    for (let i = 0; i < half; i++) {
      const angle = t * WAVELENGTH ** (-i / Math.max(half - 1, 1));
      values[t * dModel + i] = Math.sin(angle);
      values[t * dModel + half + i] = Math.cos(angle);
    }
  }
  return tf.tensor(values, [contextLength, dModel]);
}

/**
 * Rotary position embedding (Su et al. 2021), halves rotated: channel i pairs with i + dHead / 2.
 * @param x [contextLength * batchSize, nHeads * dHead], time-major
 */
export function rotary(x: Tensor, shape: AttentionShape): Tensor {
  const { contextLength, batchSize, nHeads, dHead } = shape;
  const half = dHead / 2;
  const cosines = new Float32Array(contextLength * half);
  const sines = new Float32Array(contextLength * half);
  for (let t = 0; t < contextLength; t++) {
    for (let i = 0; i < half; i++) {
      const angle = t * WAVELENGTH ** (-i / half);
      cosines[t * half + i] = Math.cos(angle);
      sines[t * half + i] = Math.sin(angle);
    }
  }
  const cos = tf.tensor(cosines, [contextLength, 1, half]);
  const sin = tf.tensor(sines, [contextLength, 1, half]);
  const heads = tf.reshape(x, [contextLength, batchSize * nHeads, dHead]);
  const [first, second] = tf.split(heads, 2, 2) as [Tensor, Tensor];
  const rotated = tf.concat(
    [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
    2,
  );
  return tf.reshape(rotated, x.shape);
}

export const RELATIVE_BUCKETS = 32;
export const RELATIVE_MAX_DISTANCE = 128;

/**
 * T5's bucket of how far back a position lies, for causal attention: half of the buckets for exact distances, the rest
 * logarithmic up to the maximum distance (Raffel et al. 2020, section 2.1; Mesh TensorFlow's `_relative_position_bucket`).
 */
export function relativeBucket(distanceBack: number): number {
  return bucketOf(distanceBack, RELATIVE_BUCKETS);
}

/** Half of so many buckets for exact distances, the rest logarithmic; distances below 0 are in bucket 0. */
function bucketOf(distance: number, buckets: number): number {
  const exact = buckets / 2;
  if (distance < exact) return Math.max(distance, 0);
  const logarithmic = Math.log(distance / exact) / Math.log(RELATIVE_MAX_DISTANCE / exact);
  return Math.min(exact + Math.floor(logarithmic * (buckets - exact)), buckets - 1);
}

/**
 * T5's bucket where positions see both ways: half of the buckets for what lies back (the position itself included), the
 * other half for what lies ahead, each divided as in {@link relativeBucket}.
 */
export function bidirectionalBucket(distanceBack: number): number {
  const buckets = RELATIVE_BUCKETS / 2;
  return bucketOf(Math.abs(distanceBack), buckets) + (distanceBack < 0 ? buckets : 0);
}

/**
 * The relative-attention bias of all pairs of positions.
 * @param table [RELATIVE_BUCKETS, nHeads]
 * @returns [nHeads, contextLength, contextLength]
 */
export function relativeBias(table: Tensor, contextLength: number): Tensor {
  const buckets = new Int32Array(contextLength * contextLength);
  for (let i = 0; i < contextLength; i++) {
    for (let j = 0; j <= i; j++) buckets[i * contextLength + j] = relativeBucket(i - j);
  }
  return biasOfPairs(table, buckets, contextLength);
}

/** The same where positions see both ways, as in an encoder: {@link bidirectionalBucket}. */
export function bidirectionalBias(table: Tensor, contextLength: number): Tensor {
  const buckets = Int32Array.from({ length: contextLength * contextLength }, (_, pair) =>
    bidirectionalBucket(Math.floor(pair / contextLength) - (pair % contextLength)),
  );
  return biasOfPairs(table, buckets, contextLength);
}

function biasOfPairs(table: Tensor, buckets: Int32Array, contextLength: number): Tensor {
  const index = tf.tensor1d(buckets, 'int32');
  const byPair = tf.gather(table, index);
  return tf.reshape(tf.transpose(byPair, [1, 0]), [table.shape[1]!, contextLength, contextLength]);
}
