/** Tensors that hold one number everywhere, without an array of their size where a backend can do without. */
import type { Tensor, TensorInfo } from './tf.js';
import type tfjs from '@tensorflow/tfjs';

/** A backend that knows a number instead of an array full of it: the tracing one, for which sizes cost nothing. */
export interface UniformBackend {
  uniform(shape: readonly number[], value: number): TensorInfo;
}

const knowsUniform = (backend: object): backend is UniformBackend => 'uniform' in backend;

/** A float32 tensor of a shape that holds `value` everywhere. */
export function uniformTensor(tf: typeof tfjs, shape: readonly number[], value: number): Tensor {
  const backend = tf.backend();
  if (knowsUniform(backend)) return tf.engine().makeTensorFromTensorInfo(backend.uniform(shape, value));
  if (value === 1) return tf.ones([...shape]);
  return value === 0 ? tf.zeros([...shape]) : tf.fill([...shape], value);
}
