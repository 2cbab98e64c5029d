/** What a model must not do while it is traced. Every error says which operation it was and what to write instead. */
import { callSite } from '../../ops/callSite.js';
import type { TraceDType, TraceValue } from './graph.js';

/** The function that the model called, by the stack of the call; `otherwise` where the stack does not tell. */
const calledFunction = (otherwise: string): string => callSite(new Error().stack ?? '').called ?? otherwise;

const COMPLEX =
  'There are no complex numbers here, and TensorFlow.js itself has no gradient of its Fourier transforms. A transform of a ' +
  'fixed length is a product with constant matrices of cosines and sines; a long causal convolution is a product with a ' +
  'matrix gathered from its kernel (docs/operations.md, "Instead of").';
const DYNAMIC =
  'The shape of its result depends on values, and a graph has fixed shapes. Keep all rows, and weight them by 0 and 1: ' +
  'tf.where(mask, x, tf.zerosLike(x)), or tf.mul(x, mask).';
const IMAGE = 'Pick rows and columns by tf.gather with constant places, or repeat them by tf.tile.';
const TEXT = 'A model sees tokens, never text.';
const VOLUME = 'Convolutions and pooling over time are conv1d, conv2d, maxPool and avgPool here.';
const COUNTS = 'Count by tf.sum(tf.oneHot(x, size, 1, 0, "float32"), 0), times weights where there are any.';
const SEGMENTS = 'Take tf.gather and tf.unsortedSegmentSum.';

/** What to write instead of operations that have no kernel, where there is something better to say than to look at the list. */
export const INSTEAD: Readonly<Record<string, string>> = {
  Complex: COMPLEX,
  Real: COMPLEX,
  Imag: COMPLEX,
  ComplexAbs: COMPLEX,
  FFT: COMPLEX,
  IFFT: COMPLEX,
  Unique: DYNAMIC,
  NonMaxSuppressionV3: DYNAMIC,
  NonMaxSuppressionV4: DYNAMIC,
  NonMaxSuppressionV5: DYNAMIC,
  RaggedGather: DYNAMIC,
  RaggedRange: DYNAMIC,
  RaggedTensorToTensor: DYNAMIC,
  SparseFillEmptyRows: DYNAMIC,
  SparseReshape: DYNAMIC,
  SparseSegmentSum: SEGMENTS,
  SparseSegmentMean: SEGMENTS,
  SparseToDense: 'Take tf.tensorScatterUpdate on a tensor of the default value, or tf.scatterND.',
  Bincount: COUNTS,
  DenseBincount: COUNTS,
  SearchSorted:
    'Count what is smaller: tf.sum(tf.cast(tf.less(tf.expandDims(sorted, -2), tf.expandDims(values, -1)), "int32"), -1).',
  Multinomial:
    'Draw by ops.random: tf.argMax(tf.sub(logits, tf.log(tf.neg(tf.log(ops.random(logits.shape))))), -1) in training.',
  DepthToSpace: 'Write it as tf.reshape, tf.transpose and tf.reshape.',
  FlipLeftRight: 'Take tf.reverse(x, 2).',
  ResizeNearestNeighbor: IMAGE,
  ResizeBilinear: IMAGE,
  CropAndResize: IMAGE,
  RotateWithOffset: IMAGE,
  Transform: IMAGE,
  Conv3D: VOLUME,
  MaxPool3D: VOLUME,
  AvgPool3D: VOLUME,
  MaxPoolWithArgmax: 'Take tf.maxPool, or tf.topk over a reshaped x where you need the places.',
  StringNGrams: TEXT,
  StringSplit: TEXT,
  StringToHashBucketFast: TEXT,
  StaticRegexReplace: TEXT,
};

/** The model uses an operation that the engine cannot record. */
export class UnsupportedOperationError extends Error {
  override readonly name = 'UnsupportedOperationError';
  constructor(kernelName: string) {
    super(
      `the engine has no kernel for the TensorFlow.js operation "${kernelName}", which ${calledFunction('the model')} needs. ` +
        `${INSTEAD[kernelName] ?? 'Write it with other operations.'} ` +
        'docs/operations.md lists those that there are, and says how to add a kernel',
    );
  }
}

/** Asynchronous functions whose results have a shape that depends on values. */
const DYNAMIC_FUNCTIONS = ['tf.whereAsync', 'tf.booleanMaskAsync', 'tf.setdiff1dAsync', 'tf.inTopKAsync'];

/** The model looked at a value, which does not exist while it is being traced. */
export class TracedValueError extends Error {
  override readonly name = 'TracedValueError';
  constructor(operation: string) {
    const called = calledFunction('');
    super(
      DYNAMIC_FUNCTIONS.includes(called)
        ? `${called} reads values (of the result of ${operation}), which do not exist while a model is traced. ${DYNAMIC}`
        : `the value of a traced tensor (the result of ${operation}) was read. A model is traced once without data, so it ` +
            'cannot call dataSync(), data(), arraySync(), print() or branch on values; use tf.where and other tensor ' +
            'operations instead (console.log(x.shape) works)',
    );
  }
}

/** An operation was given data of a type that it does not take, or that gives something else than one would think. */
export class TracedTypeError extends Error {
  override readonly name = 'TracedTypeError';
  constructor(kernelName: string, dtype: TraceDType, accepts: readonly TraceDType[]) {
    super(
      `the TensorFlow.js operation "${kernelName}" was given a tensor of dtype ${dtype}; here it takes ` +
        `${accepts.join(' or ')}. Write tf.cast(x, '${accepts[0]}') around what it is given` +
        (accepts.length === 1 && dtype === 'int32'
          ? ' (TensorFlow.js itself would round the result to whole numbers)'
          : ''),
    );
  }
}

/** Shapes do not go together. */
export class TracedShapeError extends Error {
  override readonly name = 'TracedShapeError';
  constructor(kernelName: string, inputs: readonly Pick<TraceValue, 'shape'>[], cause: unknown) {
    const shapes = inputs.map(({ shape }) => `[${shape.join()}]`).join(' and ');
    const detail = cause instanceof Error ? cause.message : String(cause);
    super(
      `${calledFunction(`the operation "${kernelName}"`)}${shapes === '' ? '' : ` of ${shapes}`}: ${detail}`,
      {
        cause,
      },
    );
  }
}

/** The model drew random numbers of its own, which would silently become constants of the graph. */
export class TracedRandomError extends Error {
  override readonly name = 'TracedRandomError';
  /** @param drawn the function that drew them, such as `tf.randomNormal` */
  constructor(drawn: string) {
    super(
      `${drawn} was called while tracing: its numbers would be the same at every step, and others in every process. ` +
        'Use ops.dropout or ops.random, which draw anew at each step, and give initial values in params()',
    );
  }
}

/** The model made a variable, which no optimizer would ever see. */
export class TracedVariableError extends Error {
  override readonly name = 'TracedVariableError';
  constructor(names: readonly string[]) {
    super(
      `the model made a variable of its own (${names.join(', ')}; tf.variable and the layers of tf.layers do): its values would ` +
        'become constants and never be trained. List it in params(), and take it from there',
    );
  }
}

export function describeOrigin(value: TraceValue): string {
  switch (value.origin.kind) {
    case 'node':
      return `operation "${value.origin.node.kernel}", shape [${value.shape.join()}]`;
    case 'input':
      return `input "${value.origin.name}"`;
    case 'constant':
    case 'uniform':
      return 'a constant';
    default:
      return value.origin satisfies never;
  }
}
