/** Normalisation over the last axis of [rows, dModel]: LayerNorm, RMSNorm and Lingvo's reading of Primer's norm. */
import { KERNEL, hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/** Added to the variance, as in the T5 and Primer releases. */
export const NORM_EPSILON = 1e-6;

/**
 * LayerNorm, `(x - mean) / sqrt(var + eps) * gamma + beta` (Ba et al. 2016).
 * Primer's own norm in the T5 release is the same, since mean(x (x - mean)) is the variance.
 * @param x [rows, d]; gamma and beta [d]
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  return hasFusedKernels() ? layerNormFused(x, gamma, beta) : layerNormComposite(x, gamma, beta);
}

function layerNormComposite(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, NORM_EPSILON))), gamma), beta);
}

function layerNormFused(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const [y, mean, inverseDeviation] = runKernel(KERNEL.layerNorm, { x, gamma, beta }) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    save([x, gamma, mean, inverseDeviation]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, gamma, mean, inverseDeviation] = saved as [Tensor, Tensor, Tensor, Tensor];
        const normalised = tf.mul(tf.sub(x, mean), inverseDeviation);
        const dNormalised = tf.mul(dy, gamma);
        const projection = tf.mean(tf.mul(dNormalised, normalised), -1, true);
        const dx = tf.mul(
          tf.sub(tf.sub(dNormalised, tf.mean(dNormalised, -1, true)), tf.mul(normalised, projection)),
          inverseDeviation,
        );
        return [dx, tf.sum(tf.mul(dy, normalised), 0), tf.sum(dy, 0)];
      },
    };
  })(x, gamma, beta);
}

/**
 * RMSNorm, `x / sqrt(mean(x^2) + eps) * gamma` (Zhang and Sennrich 2019), the norm of T5 and Transformer++.
 * @param x [rows, d]; gamma [d]
 */
export function rmsNorm(x: Tensor, gamma: Tensor): Tensor {
  return hasFusedKernels() ? rmsNormFused(x, gamma) : rmsNormComposite(x, gamma);
}

function rmsNormComposite(x: Tensor, gamma: Tensor): Tensor {
  const meanSquare = tf.mean(tf.square(x), -1, true);
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, NORM_EPSILON))), gamma);
}

function rmsNormFused(x: Tensor, gamma: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [x, gamma, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    const [y, inverseRms] = runKernel(KERNEL.rmsNorm, { x, gamma }) as [Tensor, Tensor];
    save([x, gamma, inverseRms]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, gamma, inverseRms] = saved as [Tensor, Tensor, Tensor];
        const normalised = tf.mul(x, inverseRms);
        const dNormalised = tf.mul(dy, gamma);
        const projection = tf.mean(tf.mul(dNormalised, normalised), -1, true);
        const dx = tf.mul(tf.sub(dNormalised, tf.mul(normalised, projection)), inverseRms);
        return [dx, tf.sum(tf.mul(dy, normalised), 0)];
      },
    };
  })(x, gamma);
}

/**
 * Primer's norm as Lingvo has it: `x / sqrt(mean(x (x - mean)) + eps) * gamma + beta`. The numerator is not centred,
 * which makes it differ from LayerNorm.
 * @param x [rows, d]; gamma and beta [d]
 */
export function primerNormLingvo(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const variance = tf.mean(tf.mul(x, tf.sub(x, tf.mean(x, -1, true))), -1, true);
  return tf.add(tf.mul(tf.mul(x, tf.rsqrt(tf.add(variance, NORM_EPSILON))), gamma), beta);
}

/** The epsilon goes with the call, so that whatever is kept under the graph's hash is kept under it too. */
const runKernel = (name: string, inputs: Record<string, Tensor>): Tensor | Tensor[] =>
  tf.engine().runKernel<Tensor | Tensor[]>(name, inputs, { epsilon: NORM_EPSILON });
