/** Convolutions and pooling, [batch, channels, height, width], as plain loops over the output: right, not fast. */
import type { OnnxNode, OnnxValue } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';

/** C for where an input and an output begin. */
export interface WindowPointers {
  readonly input: (index: number) => string;
  readonly output: (index: number) => string;
}

type Four = readonly [number, number, number, number];
type Pair = readonly [number, number];

/** How a window of a node moves: over height and width. */
interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Rows above, columns on the left. */
  readonly pads: Pair;
}

const pair = (node: OnnxNode, name: string, otherwise: Pair): Pair =>
  (node.attrs[name] as Pair | undefined) ?? otherwise;

const windowOf = (node: OnnxNode): Window => ({
  kernel: pair(node, 'kernel_shape', (node.inputs[1]?.shape.slice(2) ?? []) as unknown as Pair),
  strides: pair(node, 'strides', [1, 1]),
  dilations: pair(node, 'dilations', [1, 1]),
  pads: pair(node, 'pads', [0, 0]).slice(0, 2) as unknown as Pair,
});

const four = ({ shape }: { readonly shape: Shape }): Four => shape as unknown as Four;

/** A loop over the elements of an output: `n`, `m`, `h` and `w` are the place of element `o`. */
function overOutput({ shape }: OnnxValue, lines: readonly string[]): string[] {
  const [, channels, height, width] = four({ shape });
  return [
    `for (long o = FROM(${sizeOf(shape)}); o < TO(${sizeOf(shape)}); o++) {`,
    `const long w = o % ${width}, h = o / ${width} % ${height}, m = o / ${height * width} % ${channels}, n = o / ${channels * height * width};`,
    ...lines,
    '}',
  ];
}

/** Loops over the elements of the window of an output that lie within the input: `row` and `column` are their places. */
const overWindow = (
  { kernel, strides, dilations, pads }: Window,
  [, , height, width]: Four,
  lines: readonly string[],
) => [
  `for (long i = 0; i < ${kernel[0]}; i++) for (long j = 0; j < ${kernel[1]}; j++) {`,
  `const long row = h * ${strides[0]} - ${pads[0]} + i * ${dilations[0]}, column = w * ${strides[1]} - ${pads[1]} + j * ${dilations[1]};`,
  `if (row < 0 || row >= ${height} || column < 0 || column >= ${width}) continue;`,
  ...lines,
  '}',
];

/** C for the place of an element of the input. */
const placeIn = ([, channels, height, width]: Four, channel: string): string =>
  `((n * ${channels} + ${channel}) * ${height} + row) * ${width}L + column`;

export function convolution(node: OnnxNode, { input, output }: WindowPointers): string[] {
  const [image, filter] = node.inputs.map(four) as [Four, Four];
  const group = Number(node.attrs['group'] ?? 1);
  const window = windowOf(node);
  const [outChannels, channels] = filter;
  return overOutput(node.outputs[0]!, [
    'float sum = 0;',
    ...overWindow(window, image, [
      `for (long c = 0; c < ${channels}; c++)`,
      `sum += (${input(0)})[${placeIn(image, `m / ${outChannels / group} * ${channels} + c`)}] * ` +
        `(${input(1)})[((m * ${channels} + c) * ${window.kernel[0]} + i) * ${window.kernel[1]}L + j];`,
    ]),
    `(${output(0)})[o] = sum;`,
  ]);
}

/** Each output sums what the inputs gave it whose windows it lay in. */
export function transposedConvolution(node: OnnxNode, { input, output }: WindowPointers): string[] {
  const [image, filter] = node.inputs.map(four) as [Four, Four];
  const group = Number(node.attrs['group'] ?? 1);
  const { kernel, strides, dilations, pads } = windowOf(node);
  const [inChannels, outChannels] = filter;
  const [, , height, width] = image;
  return overOutput(node.outputs[0]!, [
    'float sum = 0;',
    `for (long i = 0; i < ${kernel[0]}; i++) for (long j = 0; j < ${kernel[1]}; j++) {`,
    `const long up = h + ${pads[0]} - i * ${dilations[0]}, left = w + ${pads[1]} - j * ${dilations[1]};`,
    `if (up < 0 || left < 0 || up % ${strides[0]} != 0 || left % ${strides[1]} != 0) continue;`,
    `const long row = up / ${strides[0]}, column = left / ${strides[1]};`,
    `if (row >= ${height} || column >= ${width}) continue;`,
    `for (long c = m / ${outChannels} * ${inChannels / group}; c < (m / ${outChannels} + 1) * ${inChannels / group}; c++)`,
    `sum += (${input(0)})[${placeIn(image, 'c')}] * ` +
      `(${input(1)})[((c * ${outChannels} + m % ${outChannels}) * ${kernel[0]} + i) * ${kernel[1]}L + j];`,
    '}',
    `(${output(0)})[o] = sum;`,
  ]);
}

/** The largest of each window, and where in the whole input it stands: of equal ones the first. */
export function largestInWindows(node: OnnxNode, { input, output }: WindowPointers): string[] {
  const image = four(node.inputs[0]!);
  return overOutput(node.outputs[0]!, [
    'float best = -INFINITY;',
    'long at = -1;',
    ...overWindow(windowOf(node), image, [
      `const long place = ${placeIn(image, 'm')};`,
      `const float value = (${input(0)})[place];`,
      'if (at < 0 || value > best) { best = value; at = place; }',
    ]),
    `(${output(0)})[o] = best;`,
    ...(node.outputs.length > 1 ? [`(${output(1)})[o] = at;`] : []),
  ]);
}

/** Means of each window, of what of it lies within the input. */
export function meansOfWindows(node: OnnxNode, { input, output }: WindowPointers): string[] {
  const image = four(node.inputs[0]!);
  return overOutput(node.outputs[0]!, [
    'float sum = 0;',
    'int count = 0;',
    ...overWindow(windowOf(node), image, [`sum += (${input(0)})[${placeIn(image, 'm')}];`, 'count++;']),
    `(${output(0)})[o] = sum / count;`,
  ]);
}
