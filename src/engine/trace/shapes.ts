/** tfjs kernels that only move data: reshaping, slicing, joining, gathering, filling, casting. All cost 0 by FLOP rule 1. */
import { typedArray, type GraphBuilder, type OnnxValue } from '../onnx/graph.js';
import { sameShape, sizeOf, type Shape } from '../tensors.js';
import type { TraceDType } from './graph.js';
import {
  MOVE,
  REDUCTION,
  numberAttr,
  numbersAttr,
  positiveAxis,
  type Kernel,
  type KernelTable,
  type TraceType,
} from './kernel.js';

const dtypeAttr = (value: unknown): TraceDType => {
  if (value === 'float32' || value === 'int32' || value === 'bool') return value;
  throw new Error(`tensors of dtype ${String(value)} cannot be traced; use float32, int32 or bool`);
};

/** A shape with at most one -1 filled in. */
function completeShape(shape: readonly number[], size: number): Shape {
  const known = shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const complete = shape.map((dim) => (dim === -1 ? size / known : dim));
  if (sizeOf(complete) !== size || !complete.every(Number.isInteger))
    throw new Error(`${size} elements can't have the shape [${shape.join()}]`);
  return complete;
}

const reinterpret = (
  inputName: string,
  shapeOf: (x: TraceType, attrs: Parameters<Kernel['infer']>[1]) => Shape,
): Kernel => ({
  inputNames: [inputName],
  infer: ([x], attrs) => [{ shape: shapeOf(x!, attrs), dtype: x!.dtype }],
  lower: ({ builder, inputs, outputs }) => [builder.reshape(inputs[0]!, outputs[0]!.shape)],
  cost: MOVE,
});

const filled = (
  inputNames: readonly string[],
  valueOf: (attrs: Parameters<Kernel['infer']>[1]) => number,
): Kernel => ({
  inputNames,
  infer: ([x], attrs) =>
    x === undefined
      ? [{ shape: numbersAttr(attrs, 'shape'), dtype: dtypeAttr(attrs['dtype'] ?? 'float32') }]
      : [x],
  lower: ({ builder, attrs, outputs }) => [
    builder.filled(valueOf(attrs), outputs[0]!.shape, outputs[0]!.dtype),
  ],
  cost: MOVE,
});

function splitSizes(
  x: TraceType,
  attrs: Parameters<Kernel['infer']>[1],
): { axis: number; sizes: readonly number[] } {
  const axis = positiveAxis(numberAttr(attrs, 'axis'), x.shape.length);
  const requested = attrs['numOrSizeSplits'];
  const total = x.shape[axis]!;
  if (typeof requested === 'number')
    return { axis, sizes: Array.from({ length: requested }, () => total / requested) };
  return { axis, sizes: completeSizes(numbersAttr(attrs, 'numOrSizeSplits'), total) };
}

function completeSizes(sizes: readonly number[], total: number): readonly number[] {
  const known = sizes.reduce((sum, size) => (size === -1 ? sum : sum + size), 0);
  const complete = sizes.map((size) => (size === -1 ? total - known : size));
  if (complete.reduce((sum, size) => sum + size, 0) !== total)
    throw new Error(`parts of ${sizes.join(', ')} are not ${total}`);
  return complete;
}

/** @throws Error where shapes differ elsewhere than in `axis` (anywhere, where it is null) */
function requireSameShapes(parts: readonly TraceType[], axis: number | null): void {
  const rest = ({ shape }: TraceType): string => (axis === null ? shape : shape.toSpliced(axis, 1)).join();
  if (parts.some((part) => part.shape.length !== parts[0]!.shape.length || rest(part) !== rest(parts[0]!)))
    throw new Error(`their shapes may ${axis === null ? 'not differ' : `differ in axis ${axis} alone`}`);
}

/** tfjs lets begin and size name the leading axes alone, and leave the size out. */
function sliceSizes(
  { shape }: TraceType,
  attrs: Parameters<Kernel['infer']>[1],
): { begin: readonly number[]; size: readonly number[] } {
  const givenBegin = numbersAttr(attrs, 'begin');
  const givenSize = attrs['size'] === undefined ? [] : numbersAttr(attrs, 'size');
  const begin = shape.map((_, axis) => givenBegin[axis] ?? 0);
  const size = shape.map((dim, axis) => {
    const wanted = givenSize[axis] ?? -1;
    return wanted < 0 ? dim - begin[axis]! : wanted;
  });
  if (
    givenBegin.length > shape.length ||
    shape.some((dim, axis) => begin[axis]! < 0 || begin[axis]! + size[axis]! > dim)
  )
    throw new Error(`there are not [${size.join()}] elements from [${givenBegin.join()}] on`);
  return { begin, size };
}

/** ONNX's Gather knows no batches: they are laid out one after the other, and each batch's indices moved to where it begins. */
function gatherInBatch(
  builder: GraphBuilder,
  [x, indices]: readonly [OnnxValue, OnnxValue],
  axis: number,
  batchDims: number,
  shape: Shape,
): OnnxValue {
  const part = (from: number, to?: number): number => sizeOf(x.shape.slice(from, to));
  const [batch, between, length, inner] = [
    part(0, batchDims),
    part(batchDims, axis),
    x.shape[axis]!,
    part(axis + 1),
  ];
  const count = sizeOf(indices.shape.slice(batchDims));
  const begins = Array.from({ length: batch }, (_, i) => i * length);
  const offsets = builder.constant('int32', [batch, 1], typedArray('int32', begins));
  const places = builder.binary('Add', builder.reshape(indices, [batch, count]), offsets);
  const byLength = builder.transpose(builder.reshape(x, [batch, between, length, inner]), [0, 2, 1, 3]);
  const gathered = builder.op(
    'Gather',
    [builder.reshape(byLength, [batch * length, between * inner]), places],
    { shape: [batch, count, between * inner], dtype: x.dtype },
    { attrs: { axis: 0 } },
  );
  const byCount = builder.reshape(gathered, [batch, count, between, inner]);
  return builder.reshape(builder.transpose(byCount, [0, 2, 1, 3]), shape);
}

export const shapeKernels: KernelTable = {
  Identity: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ inputs }) => [inputs[0]!],
    cost: MOVE,
  },
  Cast: {
    inputNames: ['x'],
    infer: ([x], attrs) => [{ shape: x!.shape, dtype: dtypeAttr(attrs['dtype']) }],
    lower: ({ builder, inputs, outputs }) => [builder.cast(inputs[0]!, outputs[0]!.dtype)],
    cost: MOVE,
  },
  Reshape: reinterpret('x', (x, attrs) => completeShape(numbersAttr(attrs, 'shape'), sizeOf(x.shape))),
  ExpandDims: reinterpret('input', (x, attrs) => {
    const dim = numberAttr(attrs, 'dim');
    const axis = dim < 0 ? x.shape.length + 1 + dim : dim;
    return [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
  }),
  Transpose: {
    inputNames: ['x'],
    infer: ([x], attrs) => [
      { shape: numbersAttr(attrs, 'perm').map((axis) => x!.shape[axis]!), dtype: x!.dtype },
    ],
    lower: ({ builder, inputs, attrs }) => [builder.transpose(inputs[0]!, numbersAttr(attrs, 'perm'))],
    cost: MOVE,
  },
  Slice: {
    inputNames: ['x'],
    infer: ([x], attrs) => [{ shape: sliceSizes(x!, attrs).size, dtype: x!.dtype }],
    lower: ({ builder, inputs, attrs, outputs }) => [
      builder.slice(
        inputs[0]!,
        sliceSizes({ shape: inputs[0]!.shape, dtype: 'float32' }, attrs).begin,
        outputs[0]!.shape,
      ),
    ],
    cost: MOVE,
  },
  SplitV: {
    givesList: true,
    inputNames: ['x'],
    infer: ([x], attrs) => {
      const { axis, sizes } = splitSizes(x!, attrs);
      return sizes.map((size) => ({ shape: x!.shape.with(axis, size), dtype: x!.dtype }));
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const { axis, sizes } = splitSizes({ shape: inputs[0]!.shape, dtype: 'float32' }, attrs);
      return builder.node('Split', [inputs[0]!, builder.int64s(sizes)], outputs, { attrs: { axis } });
    },
    cost: MOVE,
  },
  Concat: {
    inputNames: 'list',
    infer: (parts, attrs) => {
      const dtypes = [...new Set(parts.map(({ dtype }) => dtype))];
      if (dtypes.length > 1) {
        throw new Error(
          `tf.concat was given tensors of dtypes ${dtypes.join(' and ')}; tf.cast them to one of these first`,
        );
      }
      const axis = positiveAxis(numberAttr(attrs, 'axis'), parts[0]!.shape.length);
      requireSameShapes(parts, axis);
      const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
      return [{ shape: parts[0]!.shape.with(axis, total), dtype: parts[0]!.dtype }];
    },
    lower: ({ builder, inputs, attrs, outputs }) => [
      builder.op('Concat', inputs, outputs[0]!, {
        attrs: { axis: positiveAxis(numberAttr(attrs, 'axis'), inputs[0]!.shape.length) },
      }),
    ],
    cost: MOVE,
  },
  Pack: {
    inputNames: 'list',
    infer: (parts, attrs) => {
      const axis = positiveAxis(numberAttr(attrs, 'axis'), parts[0]!.shape.length + 1);
      requireSameShapes(parts, null);
      return [{ shape: parts[0]!.shape.toSpliced(axis, 0, parts.length), dtype: parts[0]!.dtype }];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const axis = positiveAxis(numberAttr(attrs, 'axis'), inputs[0]!.shape.length + 1);
      const expanded = inputs.map((part) => builder.reshape(part, part.shape.toSpliced(axis, 0, 1)));
      return [builder.op('Concat', expanded, outputs[0]!, { attrs: { axis } })];
    },
    cost: MOVE,
  },
  Unpack: {
    givesList: true,
    inputNames: ['value'],
    infer: ([x], attrs) => {
      const axis = positiveAxis(numberAttr(attrs, 'axis'), x!.shape.length);
      return Array.from({ length: x!.shape[axis]! }, () => ({
        shape: x!.shape.toSpliced(axis, 1),
        dtype: x!.dtype,
      }));
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const x = inputs[0]!;
      const axis = positiveAxis(numberAttr(attrs, 'axis'), x.shape.length);
      const part: TraceType = { shape: x.shape.with(axis, 1), dtype: outputs[0]!.dtype };
      const sizes = outputs.map(() => 1);
      const parts = builder.node(
        'Split',
        [x, builder.int64s(sizes)],
        outputs.map(() => part),
        { attrs: { axis } },
      );
      return parts.map((value, i) => builder.reshape(value, outputs[i]!.shape));
    },
    cost: MOVE,
  },
  PadV2: {
    inputNames: ['x'],
    infer: ([x], attrs) => {
      const paddings = attrs['paddings'] as readonly (readonly number[])[];
      if (paddings.length !== x!.shape.length)
        throw new Error(
          `paddings for ${paddings.length} axes do not go with a tensor of rank ${x!.shape.length}`,
        );
      return [
        {
          shape: x!.shape.map((dim, axis) => dim + paddings[axis]![0]! + paddings[axis]![1]!),
          dtype: x!.dtype,
        },
      ];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const paddings = attrs['paddings'] as readonly (readonly number[])[];
      const pads = [...paddings.map((pair) => pair[0]!), ...paddings.map((pair) => pair[1]!)];
      const fill = builder.scalar(numberAttr(attrs, 'constantValue'), inputs[0]!.dtype);
      return [builder.op('Pad', [inputs[0]!, builder.int64s(pads), fill], outputs[0]!)];
    },
    cost: MOVE,
  },
  Tile: {
    inputNames: ['x'],
    infer: ([x], attrs) => {
      const reps = numbersAttr(attrs, 'reps');
      return [{ shape: x!.shape.map((dim, axis) => dim * reps[axis]!), dtype: x!.dtype }];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const reps = numbersAttr(attrs, 'reps');
      // Repeating only dimensions of 1 is a broadcast, which later passes can remove.
      if (reps.every((rep, axis) => rep === 1 || inputs[0]!.shape[axis] === 1)) {
        return [builder.expand(inputs[0]!, outputs[0]!.shape)];
      }
      return [builder.op('Tile', [inputs[0]!, builder.int64s(reps)], outputs[0]!)];
    },
    cost: MOVE,
  },
  Fill: filled([], (attrs) => numberAttr(attrs, 'value')),
  ZerosLike: filled(['x'], () => 0),
  OnesLike: filled(['x'], () => 1),
  OneHot: {
    inputNames: ['indices'],
    infer: ([indices], attrs) => [
      {
        shape: [...indices!.shape, numberAttr(attrs, 'depth')],
        dtype: dtypeAttr(attrs['dtype'] ?? 'float32'),
      },
    ],
    lower: ({ builder, inputs, attrs, outputs }) => {
      const { shape, dtype } = outputs[0]!;
      // ONNX Runtime has one-hot of int32 indices for float32 values only.
      const values = builder.constant(
        'float32',
        [2],
        typedArray('float32', [numberAttr(attrs, 'offValue'), numberAttr(attrs, 'onValue')]),
      );
      const depth = builder.scalar(numberAttr(attrs, 'depth'), 'int32');
      // To ONNX a negative index counts from the end; to tfjs, as one beyond the end, it is nowhere.
      const indices = inputs[0]!;
      const isNegative = builder.binary('Less', indices, builder.scalar(0, 'int32'), 'bool');
      const oneHot = builder.op(
        'OneHot',
        [builder.op('Where', [isNegative, depth, indices], indices), depth, values],
        { shape, dtype: 'float32' },
        { attrs: { axis: -1 } },
      );
      return [builder.cast(oneHot, dtype)];
    },
    cost: MOVE,
  },
  GatherV2: {
    inputNames: ['x', 'indices'],
    infer: ([x, indices], attrs) => {
      const axis = positiveAxis(numberAttr(attrs, 'axis'), x!.shape.length);
      const batchDims = numberAttr(attrs, 'batchDims');
      const batch = ({ shape }: TraceType): string => shape.slice(0, batchDims).join();
      if (batch(x!) !== batch(indices!))
        throw new Error(`the first ${batchDims} axes of both have to be equal`);
      return [
        {
          shape: [
            ...x!.shape.slice(0, axis),
            ...indices!.shape.slice(batchDims),
            ...x!.shape.slice(axis + 1),
          ],
          dtype: x!.dtype,
        },
      ];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const axis = positiveAxis(numberAttr(attrs, 'axis'), inputs[0]!.shape.length);
      const batchDims = numberAttr(attrs, 'batchDims');
      return [
        batchDims === 0
          ? builder.op('Gather', inputs, outputs[0]!, { attrs: { axis } })
          : gatherInBatch(builder, inputs as [OnnxValue, OnnxValue], axis, batchDims, outputs[0]!.shape),
      ];
    },
    cost: MOVE,
  },
  UnsortedSegmentSum: {
    inputNames: ['x', 'segmentIds'],
    infer: ([x, ids], attrs) => {
      const rank = ids!.shape.length;
      if (!sameShape(x!.shape.slice(0, rank), ids!.shape))
        throw new Error('x has to begin with the axes of the ids');
      return [{ shape: [numberAttr(attrs, 'numSegments'), ...x!.shape.slice(rank)], dtype: 'float32' }];
    },
    lower: ({ builder, inputs, outputs }) => {
      const ids = inputs[1]!;
      const x = builder.cast(inputs[0]!, 'float32');
      const rows = sizeOf(ids.shape);
      const columns = sizeOf(x.shape.slice(ids.shape.length));
      const segments = outputs[0]!.shape[0]!;
      // ScatterElements, because ScatterND(add) races on duplicate indices and gives wrong sums.
      const index = builder.expand(builder.reshape(ids, [rows, 1]), [rows, columns]);
      const sum = builder.op(
        'ScatterElements',
        [builder.filled(0, [segments, columns]), index, builder.reshape(x, [rows, columns])],
        { shape: [segments, columns], dtype: x.dtype },
        { attrs: { axis: 0, reduction: 'add' } },
      );
      return [builder.reshape(sum, outputs[0]!.shape)];
    },
    cost: REDUCTION,
  },
  Range: {
    inputNames: [],
    infer: (_, attrs) => {
      const length = Math.ceil(
        (numberAttr(attrs, 'stop') - numberAttr(attrs, 'start')) / numberAttr(attrs, 'step'),
      );
      return [{ shape: [Math.max(0, length)], dtype: dtypeAttr(attrs['dtype'] ?? 'float32') }];
    },
    lower: ({ builder, attrs, outputs }) => {
      const { shape, dtype } = outputs[0]!;
      const values = Array.from(
        { length: shape[0]! },
        (_, i) => numberAttr(attrs, 'start') + i * numberAttr(attrs, 'step'),
      );
      return [builder.constant(dtype, shape, typedArray(dtype, values))];
    },
    cost: MOVE,
  },
};
