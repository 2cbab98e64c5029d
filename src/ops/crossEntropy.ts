/** Cross-entropy of next-token prediction, in nats. */
import { KERNEL, hasFusedKernels } from './kernelNames.js';
import { tf, type Tensor } from './tf.js';

/**
 * Mean over rows of `-log softmax(logits)[target]`.
 * @param logits [rows, vocabSize]; targets [rows], int32
 * @returns a scalar, nats per token
 */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  tf.mean(hasFusedKernels() ? trainedNats(logits, targets) : tokenNats(logits, targets));

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

/** Read off log probabilities, since a probability below 1e-45 is 0 in float32 and its logarithm infinite. */
function tokenNatsFused(logits: Tensor, targets: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([logits]);
    const logProbabilities = runKernel(KERNEL.logSoftmax, { logits });
    return {
      value: tf.neg(pickTargets(logProbabilities, targets)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const minusOnes = tf.fill([targets.shape[0], 1], -1);
        return logitsGradient(tf.softmax(saved[0]!), targets, minusOnes, dy);
      },
    };
  })(logits);
}

const pickTargets = (values: Tensor, targets: Tensor): Tensor =>
  tf.reshape(runKernel(KERNEL.pickTarget, { values, targets }), [-1]);

/** softmax - oneHot(target), by a scatter of -1 instead of a one-hot matrix. */
const logitsGradient = (probabilities: Tensor, targets: Tensor, minusOnes: Tensor, dy: Tensor): Tensor =>
  tf.mul(
    runKernel(KERNEL.addAtTarget, { values: probabilities, targets, addends: minusOnes }),
    tf.expandDims(dy, 1),
  );

/**
 * Where the gradient is needed anyway, the loss comes from the same softmax, whose largest probability is never near 0:
 * `-log p[target] = (max x - x[target]) - log(max p)`.
 */
function trainedNats(logits: Tensor, targets: Tensor): Tensor {
  return tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const probabilities = tf.softmax(logits);
    const peak = tf.max(probabilities, 1, true);
    save([probabilities, peak]);
    const belowMax = tf.sub(tf.max(logits, 1), pickTargets(logits, targets));
    return {
      value: tf.sub(belowMax, tf.log(tf.reshape(peak, [-1]))),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [probabilities, peak] = saved as [Tensor, Tensor];
        // -1, since probabilities lie in (0, 1]; made of the peak so that the scatter comes after it and can be in place.
        return logitsGradient(probabilities, targets, tf.neg(tf.ceil(peak)), dy);
      },
    };
  })(logits);
}

const runKernel = (name: string, inputs: Record<string, Tensor>): Tensor =>
  tf.engine().runKernel<Tensor>(name, inputs);
