/** tfjs kernels that combine whole rows: matrix products, reductions, running sums, softmax. */
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import { broadcastShape, sizeOf } from '../tensors.js';
import {
  NUMBERS,
  REDUCTION,
  flagAttr,
  numberAttr,
  positiveAxis,
  type Kernel,
  type KernelTable,
  type TraceType,
} from './kernel.js';
import type { TraceNode } from './graph.js';

/** Sizes of a (batched) product a[.., m, k] x b[.., k, n], transposes taken into account. */
function productShape(a: TraceType, b: TraceType, transposeA: boolean, transposeB: boolean) {
  if (a.shape.length < 2 || b.shape.length < 2)
    throw new Error('both have to be matrices, or batches of them');
  const m = a.shape.at(transposeA ? -1 : -2)!;
  const k = a.shape.at(transposeA ? -2 : -1)!;
  const n = b.shape.at(transposeB ? -2 : -1)!;
  const summed = b.shape.at(transposeB ? -1 : -2)!;
  if (k !== summed) {
    const transposed = transposeA || transposeB ? ' (transposes taken into account)' : '';
    throw new Error(`the ${k} columns of the first are not the ${summed} rows of the second${transposed}`);
  }
  return { batch: broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, k, n };
}

/** 2 m n k for each matrix of the batch. */
function productFlops(node: TraceNode): number {
  const a = node.inputs[0]!;
  const b = node.inputs[1]!;
  const { batch, m, k, n } = productShape(
    a,
    b,
    flagAttr(node.attrs, 'transposeA'),
    flagAttr(node.attrs, 'transposeB'),
  );
  return 2 * sizeOf(batch) * m * n * k;
}

function swapLastTwo(builder: GraphBuilder, x: OnnxValue): OnnxValue {
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => (axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis));
  return builder.transpose(x, perm);
}

/** Whether all or any of the elements are true; ONNX reduces numbers only. */
const logicalReduction = (op: 'ReduceMin' | 'ReduceMax'): Kernel => {
  const plain = reduction(op);
  return {
    ...plain,
    lower: (context) => {
      const bits = context.builder.cast(context.inputs[0]!, 'int32');
      const [reduced] = plain.lower({ ...context, inputs: [bits] });
      return [context.builder.cast(reduced!, 'bool')];
    },
  };
};

/** The first of equal elements, as in tfjs. */
const argument = (op: 'ArgMax' | 'ArgMin'): Kernel => ({
  inputNames: ['x'],
  infer: ([x], attrs) => [
    {
      shape: x!.shape.toSpliced(positiveAxis(numberAttr(attrs, 'axis'), x!.shape.length), 1),
      dtype: 'int32',
    },
  ],
  lower: ({ builder, inputs, attrs, outputs }) => {
    const axis = positiveAxis(numberAttr(attrs, 'axis'), inputs[0]!.shape.length);
    const index = { shape: outputs[0]!.shape, dtype: 'int64' } as const;
    return [
      builder.cast(
        builder.op(op, [counted(builder, inputs[0]!)], index, { attrs: { axis, keepdims: 0 } }),
        'int32',
      ),
    ];
  },
  cost: REDUCTION,
});

/**
 * Running products, which ONNX has no operation for: the array times itself shifted by 1, 2, 4 ... places
 * (Hillis and Steele 1986), so that their number grows with the logarithm of the length.
 */
function runningProducts(builder: GraphBuilder, x: OnnxValue, attrs: TraceNode['attrs']): OnnxValue {
  const axis = positiveAxis(numberAttr(attrs, 'axis'), x.shape.length);
  const length = x.shape[axis]!;
  const backwards = flagAttr(attrs, 'reverse');
  const shifted = (y: OnnxValue, by: number): OnnxValue => {
    const begin = y.shape.map((_, i) => (i === axis && backwards ? by : 0));
    const kept = builder.slice(y, begin, y.shape.with(axis, length - by));
    const ones = builder.filled(1, y.shape.with(axis, by), y.dtype);
    return builder.op('Concat', backwards ? [kept, ones] : [ones, kept], y, { attrs: { axis } });
  };
  let products = flagAttr(attrs, 'exclusive') ? shifted(x, 1) : x;
  for (let by = 1; by < length; by *= 2) products = builder.binary('Mul', products, shifted(products, by));
  return products;
}

/** A result like x, running along an axis that x has. */
const running = (x: TraceType, attrs: TraceNode['attrs']): TraceType[] => {
  positiveAxis(numberAttr(attrs, 'axis'), x.shape.length);
  return [counting(x)];
};

/** Truth values are counted as whole numbers. */
const counting = ({ dtype, shape }: TraceType): TraceType => ({
  shape,
  dtype: dtype === 'bool' ? 'int32' : dtype,
});
const counted = (builder: GraphBuilder, x: OnnxValue): OnnxValue =>
  x.dtype === 'bool' ? builder.cast(x, 'int32') : x;

const reduction = (op: string, { axesName = 'axis', asFloat = false } = {}): Kernel => ({
  inputNames: ['x'],
  infer: ([x], attrs) => {
    const axes = reducedAxes(x!, attrs[axesName]);
    const keep = flagAttr(attrs, 'keepDims');
    const shape = keep
      ? x!.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
      : x!.shape.filter((_, axis) => !axes.includes(axis));
    return [{ shape, dtype: asFloat ? 'float32' : x!.dtype }];
  },
  lower: ({ builder, inputs, attrs }) => {
    const x = asFloat ? builder.cast(inputs[0]!, 'float32') : inputs[0]!;
    const axes = reducedAxes({ shape: x.shape, dtype: 'float32' }, attrs[axesName]);
    return [builder.reduce(op, x, axes, flagAttr(attrs, 'keepDims'))];
  },
  cost: REDUCTION,
});

function reducedAxes(x: TraceType, axes: unknown): readonly number[] {
  const rank = x.shape.length;
  if (axes === null || axes === undefined) return x.shape.map((_, axis) => axis);
  return (Array.isArray(axes) ? (axes as number[]) : [axes as number]).map((axis) =>
    positiveAxis(axis, rank),
  );
}

/** max, subtract, exp, sum, divide: five operations an element. */
const softmaxFlops = (node: TraceNode): number => 5 * sizeOf(node.outputs[0]!.shape);

export const contractionKernels: KernelTable = {
  BatchMatMul: {
    inputNames: ['a', 'b'],
    infer: ([a, b], attrs) => {
      const { batch, m, n } = productShape(
        a!,
        b!,
        flagAttr(attrs, 'transposeA'),
        flagAttr(attrs, 'transposeB'),
      );
      return [{ shape: [...batch, m, n], dtype: a!.dtype }];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [a, b] = inputs as [OnnxValue, OnnxValue];
      const [x, y] = [builder.cast(a, 'float32'), builder.cast(b, 'float32')];
      const left = flagAttr(attrs, 'transposeA') ? swapLastTwo(builder, x) : x;
      const right = flagAttr(attrs, 'transposeB') ? swapLastTwo(builder, y) : y;
      const { shape, dtype } = outputs[0]!;
      return [builder.cast(builder.op('MatMul', [left, right], { shape, dtype: 'float32' }), dtype)];
    },
    accepts: NUMBERS,
    cost: { kind: 'matmul', flops: productFlops },
  },
  Sum: reduction('ReduceSum'),
  // The mean of whole numbers is a float in tfjs; ONNX would round it.
  Mean: reduction('ReduceMean', { asFloat: true }),
  Max: reduction('ReduceMax', { axesName: 'reductionIndices' }),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  All: logicalReduction('ReduceMin'),
  Any: logicalReduction('ReduceMax'),
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  Cumprod: {
    inputNames: ['x'],
    infer: ([x], attrs) => running(x!, attrs),
    lower: ({ builder, inputs, attrs }) => [runningProducts(builder, counted(builder, inputs[0]!), attrs)],
    cost: REDUCTION,
  },
  Cumsum: {
    inputNames: ['x'],
    infer: ([x], attrs) => running(x!, attrs),
    lower: ({ builder, inputs, attrs }) => {
      const x = counted(builder, inputs[0]!);
      const axis = builder.scalar(positiveAxis(numberAttr(attrs, 'axis'), x.shape.length), 'int64');
      const exclusive = Number(flagAttr(attrs, 'exclusive'));
      const reverse = Number(flagAttr(attrs, 'reverse'));
      return [builder.op('CumSum', [x, axis], x, { attrs: { exclusive, reverse } })];
    },
    cost: REDUCTION,
  },
  Softmax: {
    inputNames: ['logits'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => {
      const x = inputs[0]!;
      return [
        builder.op('Softmax', [x], x, {
          attrs: { axis: positiveAxis(numberAttr(attrs, 'dim'), x.shape.length) },
        }),
      ];
    },
    cost: { kind: 'composite', flops: softmaxFlops },
  },
};
