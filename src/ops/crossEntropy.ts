/** Cross-entropy of next-token prediction, in nats. */
import { KERNEL, hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/**
 * Mean over rows of `-log softmax(logits)[target]`.
 * @param logits [rows, vocabSize]; targets [rows], int32
 * @returns a scalar, nats per token
 */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor => tf.mean(tokenNats(logits, targets));

/**
 * `-log softmax(logits)[target]` of each row: what an evaluation keeps.
 * @returns [rows]
 */
export function tokenNats(logits: Tensor, targets: Tensor): Tensor {
  if (hasFusedKernels()) return tokenNatsFused(logits, targets);
  const logProbabilities = tf.logSoftmax(logits);
  const atTarget = tf.mul(logProbabilities, tf.oneHot(targets, logits.shape[1]!, 1, 0, 'float32'));
  return tf.neg(tf.sum(atTarget, -1));
}

/**
 * The gradient is softmax - oneHot(target): a scatter of -1 instead of a one-hot matrix. The loss is read off log
 * probabilities, since a probability below 1e-45 is 0 in float32 and its logarithm infinite.
 */
function tokenNatsFused(logits: Tensor, targets: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([logits]);
    const logProbabilities = runKernel(KERNEL.logSoftmax, { logits });
    const atTarget = runKernel(KERNEL.pickTarget, { values: logProbabilities, targets });
    return {
      value: tf.neg(tf.reshape(atTarget, [-1])),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const probabilities = tf.softmax(saved[0]!);
        return tf.mul(runKernel(KERNEL.subtractOneHot, { probabilities, targets }), tf.expandDims(dy, 1));
      },
    };
  })(logits);
}

const runKernel = (name: string, inputs: Record<string, Tensor>): Tensor =>
  tf.engine().runKernel<Tensor>(name, inputs);
