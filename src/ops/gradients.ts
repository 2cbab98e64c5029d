/**
 * Gradients that TensorFlow.js lacks or has wrong, registered for every backend: einsum, topk, gatherND, scatterND,
 * tensorScatterUpdate, mirrorPad, stridedSlice, diag, all, any and most comparisons have none; that of unstack fails where
 * there is one part; those of sum and mean fill an array as large as what was summed, which would be gigabytes where a
 * large model is traced. Running sums and products: scanGradients.ts; convolutions and pooling: windowGradients.ts.
 */
import { parseEinsum } from './einsumEquation.js';
import { registerScanGradients } from './scanGradients.js';
import { uniformTensor } from './uniform.js';
import { registerWindowGradients } from './windowGradients.js';
import type { Tensor } from './tf.js';
import type tfjs from '@tensorflow/tfjs';
import type { Rank } from '@tensorflow/tfjs';

type Tf = typeof tfjs;
type NamedAttrs = NonNullable<Parameters<ReturnType<Tf['engine']>['runKernel']>[2]>;

/** The product of dy and the other operand, summed over what this operand does not have, spread over what only it has. */
function einsumGradient(
  tf: Tf,
  dy: Tensor,
  operands: readonly Tensor[],
  equation: string,
  own: number,
): Tensor {
  const { operands: letters, output } = parseEinsum(equation);
  const wanted = letters[own]!;
  const other = letters[1 - own];
  const found = wanted.filter((letter) => output.includes(letter) || (other?.includes(letter) ?? false));
  const gradient =
    other === undefined
      ? tf.einsum(`${output.join('')}->${found.join('')}`, dy)
      : tf.einsum(`${output.join('')},${other.join('')}->${found.join('')}`, dy, operands[1 - own]!);
  const { shape } = operands[own]!;
  const spread = wanted.map((letter, axis) => (found.includes(letter) ? shape[axis]! : 1));
  const repeats = wanted.map((letter, axis) => (found.includes(letter) ? 1 : shape[axis]!));
  const reshaped = tf.reshape(gradient, spread);
  return repeats.every((count) => count === 1) ? reshaped : tf.tile(reshaped, repeats);
}

/** For kernels that copy elements, some more than once, some never: dy summed where each element came from. */
function pickedGradient(tf: Tf, dy: Tensor, x: Tensor, kernelName: string, attrs: NamedAttrs): Tensor {
  const places = tf.reshape(tf.range(0, x.size, 1, 'int32'), x.shape);
  const picked: Tensor = tf.engine().runKernel(kernelName, { x: places }, attrs);
  const from = tf.reshape<Rank.R1>(picked, [picked.size]);
  return tf.reshape(tf.unsortedSegmentSum(tf.reshape(dy, [dy.size]), from, x.size), x.shape);
}

/** Kernels whose results are steps: their derivative is 0, which tfjs knows of GreaterEqual alone. */
const COMPARISONS = ['Greater', 'Less', 'LessEqual', 'Equal', 'NotEqual', 'LogicalAnd', 'LogicalOr'] as const;

/** dy spread over what was reduced: the gradient of a sum, by the very operations that TensorFlow.js's own makes. */
function spreadOverSum(tf: Tf, dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return tf.mul(tf.reshape(dy, kept), uniformTensor(tf, x.shape, 1));
}

/**
 * For updates that are written over rows of a tensor: dy where nothing was written, and for each update the dy of its place,
 * where no later update was written over it.
 */
function registerTensorScatterUpdate(tf: Tf): void {
  tf.registerGradient({
    kernelName: 'TensorScatterUpdate',
    inputsToSave: ['tensor', 'indices', 'updates'],
    gradFunc: (dy, saved) => {
      const [tensor, indices, updates] = saved as [Tensor, Tensor, Tensor];
      return {
        // Not by writing zeros over dy: the cpu backend writes into the tensor that it is given.
        tensor: () => {
          const writes = tf.scatterND(indices, uniformTensor(tf, updates.shape, 1), tensor.shape);
          return tf.mul(dy as Tensor, tf.cast(tf.equal(writes, 0), 'float32'));
        },
        indices: () => tf.zerosLike(indices),
        updates: () => {
          const depth = indices.shape.at(-1)!;
          const count = indices.shape.slice(0, -1);
          const numbers = tf.reshape(tf.range(0, indices.size / depth), count);
          const nobody = tf.fill(tensor.shape.slice(0, depth), -1);
          const last = tf.gatherND(tf.tensorScatterUpdate(nobody, indices, numbers), indices);
          const isLast = tf.reshape(tf.cast(tf.equal(last, numbers), 'float32'), [
            ...count,
            ...tensor.shape.slice(depth).map(() => 1),
          ]);
          return tf.mul(tf.gatherND(dy as Tensor, indices), isLast);
        },
      };
    },
  });
}

/**
 * TensorFlow.js hands out the very list of results that it keeps for the backward pass, so that `tf.unstack(x).reverse()`,
 * which reverses a list in place, would give every part the gradient of another. Here callers get a list of their own.
 */
function keepResultLists(tf: Tf): void {
  const engine = tf.engine();
  const run = engine.runKernel.bind(engine);
  const withOwnLists = (...args: Parameters<typeof run>): Tensor | Tensor[] => {
    const results: Tensor | Tensor[] = run<Tensor | Tensor[]>(...args);
    return Array.isArray(results) ? [...results] : results;
  };
  engine.runKernel = withOwnLists as typeof engine.runKernel;
}

/** Called once, by the file that loads TensorFlow.js. */
export function registerGradients(tf: Tf): void {
  keepResultLists(tf);
  registerScanGradients(tf);
  registerWindowGradients(tf);
  registerTensorScatterUpdate(tf);
  tf.registerGradient({
    kernelName: 'Einsum',
    saveAllInputs: true,
    gradFunc: (dy, saved, attrs) => {
      const equation = String((attrs as Record<string, unknown>)['equation']);
      return Object.fromEntries(
        saved.map((_, own) => [own, () => einsumGradient(tf, dy as Tensor, saved, equation, own)]),
      );
    },
  });
  tf.registerGradient({
    kernelName: 'TopK',
    inputsToSave: ['x'],
    outputsToSave: [false, true],
    gradFunc: (dy, saved) => {
      const [x, indices] = saved as [Tensor, Tensor];
      const [dValues] = dy as Tensor[];
      const length = x.shape.at(-1)!;
      const chosen = tf.oneHot(indices, length, 1, 0, 'float32');
      return { x: () => tf.sum(tf.mul(chosen, tf.expandDims(dValues!, -1)), -2) };
    },
  });
  tf.registerGradient({
    kernelName: 'GatherNd',
    inputsToSave: ['params', 'indices'],
    gradFunc: (dy, saved) => {
      const [params, indices] = saved as [Tensor, Tensor];
      return {
        params: () => tf.scatterND(indices, dy as Tensor, params.shape),
        indices: () => tf.zerosLike(indices),
      };
    },
  });
  tf.registerGradient({
    kernelName: 'ScatterNd',
    inputsToSave: ['indices'],
    gradFunc: (dy, saved) => {
      const [indices] = saved as [Tensor];
      return {
        updates: () => tf.gatherND(dy as Tensor, indices),
        indices: () => tf.zerosLike(indices),
      };
    },
  });
  for (const kernelName of ['MirrorPad', 'StridedSlice']) {
    tf.registerGradient({
      kernelName,
      inputsToSave: ['x'],
      gradFunc: (dy, saved, attrs) => ({
        x: () => pickedGradient(tf, dy as Tensor, saved[0]!, kernelName, attrs),
      }),
    });
  }
  const zeros = (x: Tensor): Tensor => uniformTensor(tf, x.shape, 0);
  for (const kernelName of COMPARISONS) {
    tf.registerGradient({
      kernelName,
      inputsToSave: ['a', 'b'],
      gradFunc: (_, saved) => ({ a: () => zeros(saved[0]!), b: () => zeros(saved[1]!) }),
    });
  }
  for (const kernelName of ['LogicalNot', 'All', 'Any']) {
    tf.registerGradient({
      kernelName,
      inputsToSave: ['x'],
      gradFunc: (_, saved) => ({ x: () => zeros(saved[0]!) }),
    });
  }
  tf.registerGradient({
    kernelName: 'Diag',
    inputsToSave: ['x'],
    gradFunc: (dy, saved) => {
      const { size, shape } = saved[0]!;
      const square = tf.reshape(dy as Tensor, [size, size]);
      return { x: () => tf.reshape(tf.sum(tf.mul(square, tf.eye(size)), 1), shape) };
    },
  });
  tf.unregisterGradient('Unpack');
  tf.registerGradient({
    kernelName: 'Unpack',
    gradFunc: (dy, _, attrs) => ({
      value: () => tf.stack([dy].flat(), (attrs as unknown as { axis: number }).axis),
    }),
  });
  const reducedAxes = (x: Tensor, attrs: unknown): number[] =>
    tf.util.parseAxisParam((attrs as { axis: number | number[] }).axis, x.shape);
  for (const kernelName of ['Sum', 'Mean']) tf.unregisterGradient(kernelName);
  tf.registerGradient({
    kernelName: 'Sum',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => {
      const [x] = saved as [Tensor];
      const gradient = spreadOverSum(tf, dy as Tensor, x, reducedAxes(x, attrs));
      return { x: () => gradient };
    },
  });
  tf.registerGradient({
    kernelName: 'Mean',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => {
      const [x] = saved as [Tensor];
      const axes = reducedAxes(x, attrs);
      const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
      return { x: () => tf.div(spreadOverSum(tf, dy as Tensor, x, axes), count) };
    },
  });
}
