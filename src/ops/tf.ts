/** The one place that loads TensorFlow.js; its CommonJS build is the one that registers gradients. */
import tfjs from '@tensorflow/tfjs';
import { registerGradients } from './gradients.js';
import type { Tensor, TensorInfo, NamedTensorInfoMap, Rank, Tensor2D, Tensor3D } from '@tensorflow/tfjs';

// Production mode: no checks for NaN after every operation and no advice printed to the console.
tfjs.enableProdMode();
registerGradients(tfjs);

export const tf = tfjs;
export type { Tensor, TensorInfo, NamedTensorInfoMap, Rank, Tensor2D, Tensor3D };
