/** Centred depthwise convolution over the sequence: MDHA's, where attention sees both ways. */
import { tf, type Tensor } from './tf.js';

/**
 * `y[t] = w[0] * x[t] + w[1] * x[t - 1] + w[2] * x[t + 1]`, zero-filled at both ends, one weight for each channel: the
 * convolution of width 3 without the shift that makes it causal.
 * @param x [contextLength * batchSize, channels], time-major (row t * batchSize + b)
 * @param w [3, channels], w[0] being the present position's, as in `causalConv`
 */
export function centredConv(x: Tensor, w: Tensor, batchSize: number): Tensor {
  const [rows, channels] = x.shape as [number, number];
  const weight = (k: number): Tensor => tf.slice(w, [k, 0], [1, channels]);
  const present = tf.mul(x, weight(0));
  // A sequence of one position has no neighbours.
  if (rows === batchSize) return present;
  const others = rows - batchSize;
  const previous = tf.mul(tf.slice(x, [0, 0], [others, channels]), weight(1));
  const next = tf.mul(tf.slice(x, [batchSize, 0], [others, channels]), weight(2));
  const sides: [Tensor, [number, number]][] = [
    [previous, [batchSize, 0]],
    [next, [0, batchSize]],
  ];
  return sides.reduce((sum, [term, padding]) => tf.add(sum, tf.pad(term, [padding, [0, 0]])), present);
}
