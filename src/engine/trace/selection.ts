/** tfjs kernels that pick elements or combine them by name: largest elements, gather and scatter by index, reversal, einsum. */
import { parseEinsum } from '../../ops/einsumEquation.js';
import { typedArray, type GraphBuilder, type OnnxValue } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';
import type { Attrs, TraceNode } from './graph.js';
import {
  MOVE,
  NUMBERS,
  REDUCTION,
  flagAttr,
  numberAttr,
  numbersAttr,
  positiveAxis,
  type KernelTable,
} from './kernel.js';

/** The size behind every letter of an equation. */
function letterSizes(equation: string, shapes: readonly Shape[]): Map<string, number> {
  const sizes = new Map<string, number>();
  const { operands } = parseEinsum(equation);
  if (operands.length !== shapes.length)
    throw new Error(`"${equation}" is of ${operands.length} operands, and was given ${shapes.length}`);
  operands.forEach((letters, operand) => {
    const shape = shapes[operand] ?? [];
    if (letters.length !== shape.length)
      throw new Error(`"${letters.join('')}" of "${equation}" does not name the axes of [${shape.join()}]`);
    letters.forEach((letter, axis) => {
      const known = sizes.get(letter) ?? shape[axis]!;
      if (known !== shape[axis])
        throw new Error(`${letter} of "${equation}" is ${known} here and ${shape[axis]} there`);
      sizes.set(letter, known);
    });
  });
  return sizes;
}

const equationOf = (attrs: Attrs): string => String(attrs['equation']).replace(/\s/g, '');

/** 2 for each combination of letters of two operands with one summed over, as of a matrix product; else 1, or 0 for one operand. */
function einsumFlops({ inputs, attrs, outputs }: TraceNode): number {
  const sizes = letterSizes(
    equationOf(attrs),
    inputs.map(({ shape }) => shape),
  );
  const combinations = [...sizes.values()].reduce((product, size) => product * size, 1);
  const sums = combinations > sizeOf(outputs[0]!.shape);
  if (inputs.length === 1) return sums ? combinations : 0;
  return (sums ? 2 : 1) * combinations;
}

/** Row-major place of each index [..., depth] among the leading dimensions that it names. */
function linearIndex(builder: GraphBuilder, indices: OnnxValue, dims: Shape): OnnxValue {
  const strides = dims.map((_, axis) => sizeOf(dims.slice(axis + 1)));
  const factors = builder.constant('int32', [dims.length], typedArray('int32', strides));
  const axis = indices.shape.length - 1;
  return builder.reduce('ReduceSum', builder.binary('Mul', indices, factors), [axis], false);
}

const depthOf = ({ shape }: { shape: Shape }): number => shape.at(-1)!;

export const selectionKernels: KernelTable = {
  Einsum: {
    inputNames: 'list',
    accepts: NUMBERS,
    infer: (inputs, attrs) => {
      const equation = equationOf(attrs);
      const sizes = letterSizes(
        equation,
        inputs.map(({ shape }) => shape),
      );
      return [
        {
          shape: parseEinsum(equation).output.map((letter) => sizes.get(letter)!),
          dtype: inputs[0]!.dtype,
        },
      ];
    },
    lower: ({ builder, inputs, attrs, outputs }) => [
      builder.op('Einsum', inputs, outputs[0]!, { attrs: { equation: equationOf(attrs) } }),
    ],
    cost: { kind: 'matmul', flops: einsumFlops },
  },
  /** Values, largest first, and where they were; of equal ones the first comes first. */
  TopK: {
    inputNames: ['x'],
    accepts: NUMBERS,
    infer: ([x], attrs) => {
      const shape = x!.shape.with(-1, numberAttr(attrs, 'k'));
      return [
        { shape, dtype: x!.dtype },
        { shape, dtype: 'int32' },
      ];
    },
    lower: ({ builder, inputs, attrs, outputs }) => {
      const [values, indices] = outputs;
      const sorted = Number(flagAttr(attrs, 'sorted'));
      const [top, places] = builder.node(
        'TopK',
        [inputs[0]!, builder.int64s([numberAttr(attrs, 'k')])],
        [values!, { shape: indices!.shape, dtype: 'int64' }],
        { attrs: { axis: -1, largest: 1, sorted } },
      );
      return [top!, builder.cast(places!, 'int32')];
    },
    cost: REDUCTION,
  },
  GatherNd: {
    inputNames: ['params', 'indices'],
    infer: ([params, indices]) => [
      {
        shape: [...indices!.shape.slice(0, -1), ...params!.shape.slice(depthOf(indices!))],
        dtype: params!.dtype,
      },
    ],
    lower: ({ builder, inputs, outputs }) => {
      const [params, indices] = inputs as [OnnxValue, OnnxValue];
      const named = params.shape.slice(0, depthOf(indices));
      const inner = params.shape.slice(named.length);
      const index = linearIndex(builder, indices, named);
      return [
        builder.op('Gather', [builder.reshape(params, [sizeOf(named), ...inner]), index], outputs[0]!, {
          attrs: { axis: 0 },
        }),
      ];
    },
    cost: MOVE,
  },
  /** Sums what falls on the same place. */
  ScatterNd: {
    inputNames: ['indices', 'updates'],
    infer: ([, updates], attrs) => [{ shape: numbersAttr(attrs, 'shape'), dtype: updates!.dtype }],
    lower: ({ builder, inputs, outputs }) => {
      const [indices, updates] = inputs as [OnnxValue, OnnxValue];
      const { shape } = outputs[0]!;
      const depth = depthOf(indices);
      const [places, width] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
      const rows = sizeOf(indices.shape.slice(0, -1));
      // ScatterElements, because ScatterND(add) races on duplicate indices and gives wrong sums.
      const index = builder.reshape(linearIndex(builder, indices, shape.slice(0, depth)), [rows, 1]);
      const sums = builder.op(
        'ScatterElements',
        [
          builder.filled(0, [places, width], updates.dtype),
          builder.expand(index, [rows, width]),
          builder.reshape(updates, [rows, width]),
        ],
        { shape: [places, width], dtype: updates.dtype },
        { attrs: { axis: 0, reduction: 'add' } },
      );
      return [builder.reshape(sums, shape)];
    },
    cost: REDUCTION,
  },
  /** Rows of the tensor written over; of updates of one place the last one stands. */
  TensorScatterUpdate: {
    inputNames: ['tensor', 'indices', 'updates'],
    infer: ([tensor]) => [tensor!],
    lower: ({ builder, inputs, outputs }) => {
      const [tensor, indices, updates] = inputs as [OnnxValue, OnnxValue, OnnxValue];
      const { shape, dtype } = outputs[0]!;
      const depth = depthOf(indices);
      const [places, width] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
      const rows = sizeOf(indices.shape.slice(0, -1));
      const index = builder.reshape(linearIndex(builder, indices, shape.slice(0, depth)), [rows, 1]);
      const written = builder.op(
        'ScatterElements',
        [
          builder.reshape(tensor, [places, width]),
          builder.expand(index, [rows, width]),
          builder.reshape(updates, [rows, width]),
        ],
        { shape: [places, width], dtype },
        { attrs: { axis: 0 } },
      );
      return [builder.reshape(written, shape)];
    },
    cost: MOVE,
  },
  Reverse: {
    inputNames: ['x'],
    infer: ([x]) => [x!],
    lower: ({ builder, inputs, attrs }) => {
      const x = inputs[0]!;
      const rank = x.shape.length;
      const dims =
        attrs['dims'] === null || attrs['dims'] === undefined
          ? x.shape.map((_, axis) => axis)
          : numbersAttr(attrs, 'dims');
      return [
        dims.reduce((y, dim) => {
          const axis = positiveAxis(dim, rank);
          const length = x.shape[axis]!;
          const backwards = Array.from({ length }, (_, i) => length - 1 - i);
          const index = builder.constant('int32', [length], typedArray('int32', backwards));
          return builder.op('Gather', [y, index], y, { attrs: { axis } });
        }, x),
      ];
    },
    cost: MOVE,
  },
  LinSpace: {
    inputNames: [],
    infer: (_, attrs) => [{ shape: [numberAttr(attrs, 'num')], dtype: 'float32' }],
    lower: ({ builder, attrs, outputs }) => {
      const [start, stop, num] = [
        numberAttr(attrs, 'start'),
        numberAttr(attrs, 'stop'),
        numberAttr(attrs, 'num'),
      ];
      const step = num > 1 ? (stop - start) / (num - 1) : 0;
      const values = Array.from({ length: num }, (_, i) => start + i * step);
      return [builder.constant('float32', outputs[0]!.shape, typedArray('float32', values))];
    },
    cost: MOVE,
  },
};
