/** docs/operations.md from the kernel tables and their test cases: what is listed there is what the engine has and tests. */
import { kernelsOf } from '../../src/engine/trace/backend.js';
import type { Cost } from '../../src/engine/trace/kernel.js';
import { KERNEL_CASES } from './kernelCases.js';

/** What FLOP rule 1 counts. */
function flopsText(cost: Cost): string {
  switch (cost.kind) {
    case 'matmul':
      return '2 a multiplication and addition';
    case 'elementwise':
      return '1 an output element';
    case 'reduction':
      return '1 an input element';
    case 'composite':
      return cost.name === undefined ? '5 an output element' : '1 an element and operation';
    case 'move':
      return '0';
    default:
      return cost satisfies never;
  }
}

/** How people call kernels whose name is not that of the function. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  Add: 'add',
  AddN: 'addN',
  BatchMatMul: 'matMul, dot, outerProduct',
  ClipByValue: 'clipByValue',
  Concat: 'concat',
  Conv2D: 'conv2d, conv1d',
  Conv2DBackpropFilter: 'gradient of conv2d',
  Conv2DBackpropInput: 'gradient of conv2d',
  DepthwiseConv2dNative: 'depthwiseConv2d, separableConv2d',
  DepthwiseConv2dNativeBackpropFilter: 'gradient of depthwiseConv2d',
  DepthwiseConv2dNativeBackpropInput: 'gradient of depthwiseConv2d',
  EluGrad: 'gradient of elu',
  GatherNd: 'gatherND',
  GatherV2: 'gather',
  Identity: 'clone',
  IsNan: 'isNaN',
  LinSpace: 'linspace',
  Multiply: 'mul',
  Pack: 'stack',
  PadV2: 'pad',
  RealDiv: 'div',
  Reshape: 'reshape, squeeze, x.flatten',
  ScatterNd: 'scatterND',
  Select: 'where',
  SplitV: 'split',
  Tile: 'tile, broadcastTo',
  TopK: 'topk',
  Unpack: 'unstack',
};

const functionsOf = (kernel: string): string =>
  FUNCTIONS[kernel] ?? `${kernel.charAt(0).toLowerCase()}${kernel.slice(1)}`;

function testedText(kernel: string): string {
  const cases = KERNEL_CASES.filter((candidate) => candidate.kernel === kernel);
  return cases.some(({ gradients }) => gradients.length > 0) ? 'value and gradient' : 'value';
}

/** The page as it should stand. */
export function operationsPage(): string {
  const rows = Object.entries(kernelsOf('naive'))
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(
      ([kernel, { cost }]) =>
        `| ${kernel} | ${functionsOf(kernel)} | ${testedText(kernel)} | ${flopsText(cost)} |`,
    );
  return `# Operations

What a variant may use of TensorFlow.js: the kernels that the engine can record, the functions that call them, whether their values or their gradients too are tested against TensorFlow.js on the CPU, and what FLOP rule 1 counts for them. This page is generated from the engine's tables (\`npx vitest run test/engine/operations -u\`).

Functions that TensorFlow.js makes of these work as well: einsum of one or two operands, logSumExp, logSoftmax, moments, norm, softmax, swish as \`x * sigmoid(x)\`, bandPart, oneHot, expandDims, mirrorPad, stridedSlice, batchNorm, diag, fused.matMul, fused.conv2d and the like. Anything else gives an error that names the kernel; ARCHITECTURE.md says how to add one.

Not to be had: reading values (\`dataSync()\`, \`print()\`, \`if\` on a value), and TensorFlow.js's random numbers, \`tf.dropout\` with them: they would become constants of the graph. \`ops.dropout\` and \`ops.random\` take their place ([variants.md](variants.md), "Random numbers").

TensorFlow.js has no gradient of einsum, topk (its values), gatherND, scatterND, mirrorPad, stridedSlice and most comparisons, and a wrong one of cumsum along an axis that is not the last; isoloss registers its own, on every backend. Whole numbers and truth values give what they give in TensorFlow.js, or an error that says which cast is missing where it would round fractions. Where a gradient exists but is not tested here, it may still be traced.

| kernel | functions | tested | FLOPs |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
