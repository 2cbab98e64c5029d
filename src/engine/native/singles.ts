/** Operations that are not loops over rows: rows picked by index and added up by index, running sums, largest elements. */
import { uniformValue, wholeNumbers, type OnnxNode, type OnnxValue } from '../onnx/graph.js';
import { EngineError } from '../engineError.js';
import { rowSums } from '../passes/oneThread.js';
import { sizeOf } from '../tensors.js';
import { ARRAY_TYPE, literal } from './expressions.js';
import type { Layout } from './layout.js';
import { byRows, distance, type View } from './views.js';
import {
  convolution,
  largestInWindows,
  meansOfWindows,
  transposedConvolution,
  type WindowPointers,
} from './windows.js';

export interface SingleContext {
  readonly node: OnnxNode;
  readonly layout: Layout;
  /** C for where a view begins. */
  readonly pointerTo: (view: View) => string;
}

type Writer = (context: SingleContext) => string[];

const first = ({ node, layout, pointerTo }: SingleContext, input: number): string =>
  pointerTo(layout(node.inputs[input]!));
const output = ({ node, layout, pointerTo }: SingleContext, index = 0): string =>
  pointerTo(layout(node.outputs[index]!));

/** Elements before an axis, along it and after it. */
function around({ shape }: OnnxValue, axis: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

const axisOf = (node: OnnxNode): number => {
  const axis = Number(node.attrs['axis'] ?? 0);
  return axis < 0 ? axis + node.inputs[0]!.shape.length : axis;
};

/** What stands where an index is outside: a number that spreads to the loss instead of somebody else's memory. */
const outside = (value: OnnxValue): string => (value.dtype === 'float32' ? 'NAN' : '0');

const gather: Writer = (context) => {
  const { node } = context;
  const [x, index] = node.inputs as [OnnxValue, OnnxValue];
  const [before, length, after] = around(x, axisOf(node));
  const picked = sizeOf(index.shape);
  const type = ARRAY_TYPE[x.dtype];
  return [
    `for (long o = FROM(${before * picked}); o < TO(${before * picked}); o++) {`,
    `long at = (long)(${first(context, 1)})[o % ${picked}];`,
    `at = at < 0 ? at + ${length} : at;`,
    `${type} *to = ${output(context)} + o * ${after}L;`,
    `const ${type} *from = ${first(context, 0)} + (o / ${picked} * ${length} + at) * ${after}L;`,
    `if (at >= 0 && at < ${length}) memcpy(to, from, ${after} * sizeof(${type}));`,
    `else for (long i = 0; i < ${after}; i++) to[i] = ${outside(x)};`,
    '}',
  ];
};

const gatherElements: Writer = (context) => {
  const { node } = context;
  const [x, index] = node.inputs as [OnnxValue, OnnxValue];
  const axis = axisOf(node);
  const places = elementPlaces(index, x, axis);
  return [
    `for (long e = FROM(${sizeOf(index.shape)}); e < TO(${sizeOf(index.shape)}); e++) {`,
    `const long at = (long)(${first(context, 1)})[e];`,
    `(${output(context)})[e] = at >= 0 && at < ${x.shape[axis]} ? (${first(context, 0)})[${places}] : ${outside(x)};`,
    '}',
  ];
};

/** C for the place in x of element e of an index over it, whose axis is replaced by `at`. */
function elementPlaces(index: OnnxValue, x: OnnxValue, axis: number): string {
  return index.shape
    .map((size, dim) => {
      const inner = sizeOf(index.shape.slice(dim + 1));
      const coordinate = dim === axis ? 'at' : `(e / ${inner} % ${size})`;
      return `${coordinate} * ${sizeOf(x.shape.slice(dim + 1))}L`;
    })
    .join(' + ');
}

const element = ({ node, layout, pointerTo }: SingleContext, input: number): string => {
  const uniform = uniformValue(node.inputs[input]!);
  const view = layout(node.inputs[input]!);
  return uniform === null
    ? `(${pointerTo(view)})[${distance(view.factors, 'e')}]`
    : literal(uniform, node.inputs[input]!.dtype);
};

/** Sums of rows by index: threads divide the columns, so that each row is added to by one thread, in the order of the rows. */
function scatterRows(context: SingleContext): string[] | null {
  const { node, layout, pointerTo } = context;
  const sums = rowSums({ node, inputs: node.inputs });
  if (sums === null) return null;
  const [rows, columns] = sums.rows.shape as [number, number];
  const index = byRows(layout(sums.index), rows, 1);
  const added = byRows(layout(sums.rows), rows, columns);
  if (index === null || added?.stride !== 1) return null;
  const length = sums.table.shape[0]!;
  const table = element(context, 0);
  return [
    '{',
    `const long from = FROM(${columns}), to = TO(${columns});`,
    `${ARRAY_TYPE[sums.table.dtype]} *y = ${output(context)};`,
    `for (long r = 0; r < ${length}; r++) for (long c = from; c < to; c++) { const long e = r * ${columns}L + c; (void)e; y[r * ${columns}L + c] = ${table}; }`,
    `for (long r = 0; r < ${rows}; r++) {`,
    `const long at = (long)(${pointerTo(index.view)})[${distance(index.rows, 'r')}];`,
    `const ${ARRAY_TYPE[sums.rows.dtype]} *row = ${pointerTo(added.view)} + ${distance(added.rows, 'r')};`,
    `if (at >= 0 && at < ${length}) for (long c = from; c < to; c++) y[at * ${columns}L + c] += row[c];`,
    '}',
    '}',
  ];
}

const scatterElements: Writer = (context) => {
  const { node } = context;
  const byRow = scatterRows(context);
  if (byRow !== null) return byRow;
  const [x, index] = node.inputs as [OnnxValue, OnnxValue];
  const axis = axisOf(node);
  const operator = node.attrs['reduction'] === 'add' ? '+=' : '=';
  return alone([
    `for (long e = 0; e < ${sizeOf(x.shape)}; e++) (${output(context)})[e] = ${element(context, 0)};`,
    `for (long e = 0; e < ${sizeOf(index.shape)}; e++) {`,
    `const long at = (long)${element(context, 1)};`,
    `if (at >= 0 && at < ${x.shape[axis]}) (${output(context)})[${elementPlaces(index, x, axis)}] ${operator} ${element(context, 2)};`,
    '}',
  ]);
};

/** One thread does it. */
const alone = (lines: string[]): string[] => ['if (thread == 0) {', ...lines, '}'];

const cumSum: Writer = (context) => {
  const { node } = context;
  const x = node.inputs[0]!;
  const axis = wholeNumbers(node.inputs[1]!)[0]!;
  const [before, length, after] = around(x, axis);
  const type = ARRAY_TYPE[x.dtype];
  const place = node.attrs['reverse'] === 1 ? `${length - 1} - i` : 'i';
  const [early, late] = node.attrs['exclusive'] === 1 ? ['y[at] = sum;', ''] : ['', 'y[at] = sum;'];
  return [
    `for (long o = FROM(${before * after}); o < TO(${before * after}); o++) {`,
    `${type} sum = 0;`,
    `for (long i = 0; i < ${length}; i++) {`,
    `const long at = (o / ${after} * ${length} + (${place})) * ${after}L + o % ${after};`,
    `${type} *y = ${output(context)};`,
    early,
    `sum += (${first(context, 0)})[at];`,
    late,
    '}',
    '}',
  ];
};

const argument =
  (comparison: '>' | '<'): Writer =>
  (context) => {
    const x = context.node.inputs[0]!;
    const [before, length, after] = around(x, axisOf(context.node));
    const at = (i: string): string =>
      `(${first(context, 0)})[(o / ${after} * ${length} + ${i}) * ${after}L + o % ${after}]`;
    return [
      `for (long o = FROM(${before * after}); o < TO(${before * after}); o++) {`,
      'long best = 0;',
      `for (long i = 1; i < ${length}; i++) if (${at('i')} ${comparison} ${at('best')}) best = i;`,
      `(${output(context)})[o] = best;`,
      '}',
    ];
  };

/** The k largest of each row, largest first; of equal ones the first. */
const topK: Writer = (context) => {
  const { node } = context;
  const x = node.inputs[0]!;
  const length = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / length;
  const k = node.outputs[0]!.shape.at(-1)!;
  return [
    `for (long r = FROM(${rows}); r < TO(${rows}); r++) {`,
    `const ${ARRAY_TYPE[x.dtype]} *row = ${first(context, 0)} + r * ${length}L;`,
    `int64_t *places = ${output(context, 1)} + r * ${k}L;`,
    `for (long i = 0; i < ${k}; i++) {`,
    'long best = -1;',
    `for (long c = 0; c < ${length}; c++) {`,
    'int taken = 0;',
    'for (long j = 0; j < i; j++) taken |= places[j] == c;',
    'if (!taken && (best < 0 || row[c] > row[best])) best = c;',
    '}',
    'places[i] = best;',
    `(${output(context)})[r * ${k}L + i] = row[best];`,
    '}',
    '}',
  ];
};

const tile: Writer = (context) => {
  const [x] = context.node.inputs as [OnnxValue];
  const { shape } = context.node.outputs[0]!;
  const place = shape
    .map(
      (_, dim) =>
        `(e / ${sizeOf(shape.slice(dim + 1))} % ${x.shape[dim]}) * ${sizeOf(x.shape.slice(dim + 1))}L`,
    )
    .join(' + ');
  return [
    `for (long e = FROM(${sizeOf(shape)}); e < TO(${sizeOf(shape)}); e++)`,
    `(${output(context)})[e] = (${first(context, 0)})[${place || '0'}];`,
  ];
};

const pad: Writer = (context) => {
  const [x, pads, filler] = context.node.inputs as [OnnxValue, OnnxValue, OnnxValue?];
  const { shape } = context.node.outputs[0]!;
  const before = wholeNumbers(pads);
  const coordinates = shape.map(
    (size, dim) => `const long i${dim} = e / ${sizeOf(shape.slice(dim + 1))} % ${size} - ${before[dim]}L;`,
  );
  const inside = x.shape.map((size, dim) => `i${dim} >= 0 && i${dim} < ${size}`).join(' && ') || '1';
  const place = x.shape.map((_, dim) => `i${dim} * ${sizeOf(x.shape.slice(dim + 1))}L`).join(' + ') || '0';
  const otherwise = filler === undefined ? '0' : `(${first(context, 2)})[0]`;
  return [
    `for (long e = FROM(${sizeOf(shape)}); e < TO(${sizeOf(shape)}); e++) {`,
    ...coordinates,
    `(${output(context)})[e] = ${inside} ? (${first(context, 0)})[${place}] : ${otherwise};`,
    '}',
  ];
};

const ofWindows =
  (write: (node: OnnxNode, pointers: WindowPointers) => string[]): Writer =>
  (context) =>
    write(context.node, {
      input: (index) => first(context, index),
      output: (index) => output(context, index),
    });

const WRITERS: Readonly<Record<string, Writer>> = {
  /** Its parts are written to their places by whatever makes them. */
  Concat: () => [],
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatterElements,
  CumSum: cumSum,
  ArgMax: argument('>'),
  ArgMin: argument('<'),
  TopK: topK,
  Tile: tile,
  Pad: pad,
  Conv: ofWindows(convolution),
  ConvTranspose: ofWindows(transposedConvolution),
  MaxPool: ofWindows(largestInWindows),
  AveragePool: ofWindows(meansOfWindows),
};

/** @throws EngineError naming an operation that the engine has not got */
export function writeSingle(context: SingleContext): string[] {
  const writer = WRITERS[context.node.op];
  if (writer === undefined) {
    throw new EngineError(
      `The engine native:cpu has no operation ${context.node.op}, which this model needs: choose --engine onnx:cpu.`,
    );
  }
  return writer(context);
}
