/** Public entry `isoloss/ops`: what a variant may use beside TensorFlow.js itself. */
export { tf, type Tensor } from './tf.js';
export { gelu, relu, squaredRelu, swish } from './activations.js';
export { attention, causalMask, type AttentionShape } from './attention.js';
export { causalConv, MDHA_KERNEL } from './causalConv.js';
export { centredConv } from './centredConv.js';
export { crossEntropy, tokenNats } from './crossEntropy.js';
export {
  balanceLoss,
  expertCapacity,
  mixture,
  routeTopOne,
  type MixtureShape,
  type Routing,
} from './mixture.js';
export { layerNorm, primerNormLingvo, rmsNorm } from './norms.js';
export {
  bidirectionalBias,
  bidirectionalBucket,
  relativeBias,
  relativeBucket,
  rotary,
  sinusoidalPositions,
} from './positions.js';
export {
  dropout,
  inTraining,
  isTraining,
  random,
  RANDOM_WORDS_SHAPE,
  randomWords,
  type RandomOptions,
} from './random.js';
export { stopGradient } from './stopGradient.js';
export { denseSynthesizer, randomSynthesizer } from './synthesizer.js';
