/** Causal depthwise convolution over the sequence: MDHA's convolution on queries, keys and values. */
import { KERNEL, hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/** Initial kernel of MDHA: 0.5 for the present position, 0.5 / 3 for each earlier one (Primer's release). */
export const MDHA_KERNEL: readonly number[] = [0.5, 0.5 / 3, 0.5 / 3];

/**
 * `y[t] = sum_k w[k] * x[t - k]`, zero-filled before the start, one weight for each channel (So et al. 2021, section 4.1).
 * @param x [contextLength * batchSize, channels], time-major (row t * batchSize + b), so that a shift in time is contiguous
 * @param w [width, channels], w[0] being the present position's
 */
export function causalConv(x: Tensor, w: Tensor, batchSize: number): Tensor {
  const contextLength = x.shape[0] / batchSize;
  // What a kernel wider than the sequence has beyond it meets zeros only.
  const kernel = w.shape[0] > contextLength ? tf.slice(w, [0, 0], [contextLength, -1]) : w;
  return hasFusedKernels() ? causalConvFused(x, kernel, batchSize) : forward(x, kernel, batchSize);
}

const kernelRow = (w: Tensor, k: number): Tensor => tf.slice(w, [k, 0], [1, w.shape[1]!]);

/** Rows that still have a later row `shift` below them. */
const head = (x: Tensor, shift: number): Tensor => tf.slice(x, [0, 0], [x.shape[0] - shift, x.shape[1]!]);

function forward(x: Tensor, w: Tensor, batchSize: number): Tensor {
  let y = tf.mul(x, kernelRow(w, 0));
  for (let k = 1; k < w.shape[0]; k++) {
    const shift = k * batchSize;
    const term = tf.mul(head(x, shift), kernelRow(w, k));
    y = tf.add(
      y,
      tf.pad(term, [
        [shift, 0],
        [0, 0],
      ]),
    );
  }
  return y;
}

/** The same as one kernel, and its gradients as another: how they are computed is the engine's affair. */
function causalConvFused(x: Tensor, w: Tensor, batchSize: number): Tensor {
  return tf.customGrad((...args) => {
    const [x, w, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    save([x, w]);
    return {
      value: tf.engine().runKernel<Tensor>(KERNEL.causalConv, { x, w }, { batchSize }),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, w] = saved as [Tensor, Tensor];
        return tf.engine().runKernel<Tensor[]>(KERNEL.causalConvGradients, { dy, x, w }, { batchSize });
      },
    };
  })(x, w);
}
