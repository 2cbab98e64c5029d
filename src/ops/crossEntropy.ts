/** Cross-entropy of next-token prediction, in nats. */
import { KERNEL, hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/**
 * Mean over rows of `-log softmax(logits)[target]`.
 * @param logits [rows, vocabSize]; targets [rows], int32
 * @returns a scalar, nats per token
 */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  if (hasFusedKernels()) return crossEntropyFused(logits, targets);
  return tf.mean(tokenNats(logits, targets));
}

/**
 * `-log softmax(logits)[target]` of each row: what an evaluation keeps.
 * @returns [rows]
 */
export function tokenNats(logits: Tensor, targets: Tensor): Tensor {
  const logProbabilities = tf.logSoftmax(logits);
  const atTarget = tf.mul(logProbabilities, tf.oneHot(targets, logits.shape[1]!, 1, 0, 'float32'));
  return tf.neg(tf.sum(atTarget, -1));
}

/** The gradient is (softmax - oneHot(target)) / rows: a scatter of -1 instead of a one-hot matrix. */
function crossEntropyFused(logits: Tensor, targets: Tensor): Tensor {
  const rows = logits.shape[0]!;
  return tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const probabilities = tf.softmax(logits);
    save([probabilities]);
    const picked = tf.engine().runKernel(KERNEL.pickTarget, { probabilities, targets }) as unknown as Tensor;
    return {
      value: tf.neg(tf.mean(tf.log(picked))),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const difference = tf.engine().runKernel(KERNEL.subtractOneHot, { probabilities: saved[0]!, targets }) as unknown as Tensor;
        return tf.mul(tf.mul(difference, 1 / rows), dy);
      },
    };
  })(logits);
}
