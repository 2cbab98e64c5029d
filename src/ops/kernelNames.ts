/** Names of the project's own kernels, which a backend may supply; where it does not, `ops` run as their composites. */
import { tf } from './tf.js';

export const KERNEL = {
  layerNorm: 'IsolossLayerNorm',
  rmsNorm: 'IsolossRmsNorm',
  logSoftmax: 'IsolossLogSoftmax',
  pickTarget: 'IsolossPickTarget',
  addAtTarget: 'IsolossAddAtTarget',
  causalConv: 'IsolossCausalConv',
  causalConvGradients: 'IsolossCausalConvGradients',
} as const;

/** Whether the current tfjs backend has the project's kernels (it has all of them or none). */
export const hasFusedKernels = (): boolean =>
  (tf.getKernel(KERNEL.layerNorm, tf.getBackend()) as object | undefined) !== undefined;
