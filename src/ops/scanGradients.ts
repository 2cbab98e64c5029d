/**
 * Gradients of running sums and products, registered for every backend: TensorFlow.js has none of cumprod, and a wrong one of
 * cumsum, which transposes its result where the axis is not the last.
 */
import type { Tensor } from './tf.js';
import type tfjs from '@tensorflow/tfjs';

type Tf = typeof tfjs;

interface ScanAttrs {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** x moved `by` places towards the beginning of an axis (towards its end where negative), filled up with `fill`. */
function moved(tf: Tf, x: Tensor, axis: number, by: number, fill: number): Tensor {
  const length = x.shape[axis]!;
  const count = Math.abs(by);
  const begin = x.shape.map((_, i) => (i === axis ? Math.max(0, by) : 0));
  const kept = tf.slice(x, begin, x.shape.with(axis, length - count));
  const paddings = x.shape.map((_, i): [number, number] => {
    if (i !== axis) return [0, 0];
    return by > 0 ? [0, count] : [count, 0];
  });
  return tf.pad(kept, paddings, fill);
}

/**
 * Gradient of a running product by its factors. A factor's is the product of those before it times s, where
 * `s[i] = dy[i] + x[i + 1] s[i + 1]`; this is solved by doubling, so that factors of 0 are no division by 0.
 */
function runningProductGradient(tf: Tf, dy: Tensor, x: Tensor, axis: number): Tensor {
  let sum = dy;
  let factor = moved(tf, x, axis, 1, 0);
  for (let by = 1; by < x.shape[axis]!; by *= 2) {
    sum = tf.add(sum, tf.mul(factor, moved(tf, sum, axis, by, 0)));
    factor = tf.mul(factor, moved(tf, factor, axis, by, 0));
  }
  return tf.mul(tf.cumprod(x, axis, true), sum);
}

function cumprodGradient(tf: Tf, dy: Tensor, x: Tensor, { axis, exclusive, reverse }: ScanAttrs): Tensor {
  const along = axis < 0 ? axis + x.rank : axis;
  if (reverse) {
    const gradient = cumprodGradient(tf, tf.reverse(dy, along), tf.reverse(x, along), {
      axis: along,
      exclusive,
      reverse: false,
    });
    return tf.reverse(gradient, along);
  }
  if (!exclusive) return runningProductGradient(tf, dy, x, along);
  // The product without the factor itself is that of the factors one place later, a 1 in front.
  return moved(tf, runningProductGradient(tf, dy, moved(tf, x, along, -1, 1), along), along, 1, 0);
}

/** Called once, by the file that loads TensorFlow.js. */
export function registerScanGradients(tf: Tf): void {
  tf.registerGradient({
    kernelName: 'Cumprod',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => ({
      x: () => cumprodGradient(tf, dy as Tensor, saved[0]!, attrs as unknown as ScanAttrs),
    }),
  });
  tf.registerGradient({
    kernelName: 'Cumsum',
    gradFunc: (dy, _, attrs) => {
      const { axis, exclusive, reverse } = attrs as unknown as ScanAttrs;
      return { x: () => tf.cumsum(dy as Tensor, axis, exclusive, !reverse) };
    },
  });
}
