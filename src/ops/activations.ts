/** Activation functions of feed-forward layers, elementwise on any shape. */
import { hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/** max(x, 0). */
export const relu = (x: Tensor): Tensor => (hasFusedKernels() ? reluFused(x) : tf.relu(x));

/** The backward pass asks the rectified values, not x, where they are positive, so that x need not be kept. */
function reluFused(x: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [x, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const rectified = tf.relu(x);
    save([rectified]);
    return {
      value: rectified,
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, tf.step(saved[0]!)),
    };
  })(x);
}

/** x Phi(x) with the exact error function (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

/** x sigmoid(x), the gate of Transformer++ (Ramachandran et al. 2017). */
export const swish = (x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));

/** max(x, 0)^2, the activation of Primer and Primer-EZ (So et al. 2021, section 4.1). */
export function squaredRelu(x: Tensor): Tensor {
  return hasFusedKernels() ? squaredReluFused(x) : tf.square(tf.relu(x));
}

/** The derivative is 2 max(x, 0), so the rectified input is all that the backward pass needs. */
function squaredReluFused(x: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [x, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const rectified = tf.relu(x);
    save([rectified]);
    return {
      value: tf.mul(rectified, rectified),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(tf.mul(dy, saved[0]!), 2),
    };
  })(x);
}
