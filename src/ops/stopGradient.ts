/** A value as a constant to differentiation, which TensorFlow.js itself does not offer. */
import { tf, type Tensor } from './tf.js';

/**
 * The same values, through which no gradient flows: nothing computed from the result reaches `x` backwards. It costs
 * nothing: the data is shared, and what the gradient tape does not know of it does not follow.
 */
export function stopGradient(x: Tensor): Tensor {
  tf.engine().backend.incRef(x.dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype });
}
