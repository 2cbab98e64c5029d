/** docs/operations.md from the kernel tables and their test cases: what is listed there is what the engine has and tests. */
import { kernelsOf } from '../../src/engine/trace/backend.js';
import { composites } from '../../src/engine/trace/composites.js';
import { INSTEAD } from '../../src/engine/trace/errors.js';
import type { Cost } from '../../src/engine/trace/kernel.js';
import { tf } from '../../src/ops/tf.js';
import { KERNEL_CASES } from './kernelCases.js';

/** What FLOP rule 1 counts, where the kind of cost does not say it all. */
const FLOPS: Readonly<Record<string, string>> = {
  AddN: '1 an output element and addition',
  AvgPool: '1 an element of each window',
  AvgPoolGrad: '1 an element of each window',
  MaxPool: '1 an element of each window',
  MaxPoolGrad: '1 an element of the result',
  Softmax: '5 an output element',
};

/** What FLOP rule 1 counts. */
function flopsText(kernel: string, cost: Cost): string {
  switch (cost.kind) {
    case 'matmul':
      return '2 a multiplication and addition';
    case 'elementwise':
      return '1 an output element';
    case 'reduction':
      return '1 an input element';
    case 'composite':
      return FLOPS[kernel]!;
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
  AvgPool: 'avgPool, pool',
  AvgPoolGrad: 'gradient of avgPool',
  ClipByValue: 'clipByValue',
  Concat: 'concat',
  Conv2D: 'conv2d, conv1d',
  Conv2DBackpropFilter: 'gradient of conv2d',
  Conv2DBackpropInput: 'conv2dTranspose, gradient of conv2d',
  DepthwiseConv2dNative: 'depthwiseConv2d, separableConv2d',
  DepthwiseConv2dNativeBackpropFilter: 'gradient of depthwiseConv2d',
  DepthwiseConv2dNativeBackpropInput: 'gradient of depthwiseConv2d',
  EluGrad: 'gradient of elu',
  GatherNd: 'gatherND',
  GatherV2: 'gather',
  Identity: 'clone',
  IsNan: 'isNaN',
  LinSpace: 'linspace',
  MaxPool: 'maxPool, pool',
  MaxPoolGrad: 'gradient of maxPool',
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

/** Kernels of the reference backend that the engine has not got. */
export const missingKernels = (): string[] =>
  tf
    .getKernelsForBackend('cpu')
    .map(({ kernelName }) => kernelName)
    .filter((name) => !(name in kernelsOf('naive')) && !(name in composites))
    .toSorted((a, b) => a.localeCompare(b));

/** The page as it should stand. */
export function operationsPage(): string {
  const rows = Object.entries(kernelsOf('naive'))
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(
      ([kernel, { cost }]) =>
        `| ${kernel} | ${functionsOf(kernel)} | ${testedText(kernel)} | ${flopsText(kernel, cost)} |`,
    );
  const missing = missingKernels();
  const advised = missing.filter((kernel) => kernel in INSTEAD && INSTEAD[kernel] !== INSTEAD['Complex']);
  const advice = [...new Set(advised.map((kernel) => INSTEAD[kernel]!))].map(
    (text) =>
      `| ${advised.filter((kernel) => INSTEAD[kernel] === text).join(', ')} | ${text.replaceAll('|', '\\|')} |`,
  );
  const others = missing.filter((kernel) => !(kernel in INSTEAD) && !kernel.endsWith('Grad'));
  return `# Operations

What a variant may use of TensorFlow.js: the kernels that the engine can record, the functions that call them, whether their values or their gradients too are tested against TensorFlow.js on the CPU, and what FLOP rule 1 counts for them. Every gradient is tested against finite differences as well. This page is generated from the engine's tables (\`npx vitest run test/engine/operations -u\`).

Functions that TensorFlow.js makes of these work as well, among them einsum of one or two operands, linalg.bandPart, logSumExp, logSoftmax, logSigmoid, logicalXor, moments, norm, movingAverage, meshgrid, eye, separableConv2d, pool, mirrorPad, stridedSlice, spaceToBatchND, batchToSpaceND, batchNorm with scale and offset, diag, basicLSTMCell, the losses of tf.losses, fused.matMul, fused.conv2d; masks are written with comparisons of ranges, or bandPart.

Not to be had: reading values (\`dataSync()\`, \`print()\`, \`if\` on a value), random numbers (\`tf.randomNormal\`, \`tf.dropout\`, \`Math.random()\`), and variables (\`tf.variable\`, the layers of \`tf.layers\`): all of these would become constants of the graph. Each is an error that names the call and the line of your file. \`ops.dropout\` and \`ops.random\` draw random numbers ([variants.md](variants.md), "Random numbers"); what is to be trained is listed in \`params()\`.

**Gradients.** TensorFlow.js has no gradient of einsum, topk (its values), gatherND, scatterND, tensorScatterUpdate, cumprod, mirrorPad, stridedSlice, diag, dilated convolutions and most comparisons, and wrong ones of cumsum along an axis that is not the last, of avgPool at padded edges and of unstack into one part; isoloss registers its own, on every backend. \`tf.cast\` hands gradients on unchanged, to and from whole numbers too, as in TensorFlow.js: write \`ops.stopGradient\` where none should pass. Whole numbers and truth values give what they give in TensorFlow.js, or an error that says which cast is missing where it would round fractions. Where a gradient exists but is not tested here, it may still be traced.

| kernel | functions | tested | FLOPs |
| --- | --- | --- | --- |
${rows.join('\n')}

## Instead of

Every other operation of TensorFlow.js gives an error that names it. What to write instead:

| no kernel | instead |
| --- | --- |
${advice.join('\n')}
| whereAsync, booleanMaskAsync, setdiff1dAsync | They read values, and the shapes of their results depend on these. Keep all rows, and weight them by 0 and 1. |

The rest has neither: ${others.join(', ')}.

**Fourier transforms** (FFT, IFFT, rfft, irfft, stft) are of complex numbers, which there are none of here, and TensorFlow.js has no gradient of them. A transform of a fixed length n is a product with constant matrices; note that it mixes all positions, so one over time is not causal:

\`\`\`ts
const table = (f: (x: number) => number): ops.Tensor =>
  tf.tensor2d(Float32Array.from({ length: n * n }, (_, i) => f((2 * Math.PI * Math.floor(i / n) * (i % n)) / n)), [n, n]);
const real = tf.matMul(table(Math.cos), x); // x is [n, d]
const imaginary = tf.neg(tf.matMul(table(Math.sin), x));
\`\`\`

A long causal convolution, for which others take such transforms, with a kernel h of [contextLength, d], x being [contextLength, batchSize, d]:

\`\`\`ts
const T = contextLength;
const lags = Int32Array.from({ length: T * T }, (_, i) => Math.max(0, Math.floor(i / T) - (i % T)));
const past = tf.linalg.bandPart(tf.ones([T, T]), -1, 0);
const kernels = tf.mul(tf.reshape(tf.gather(h, tf.tensor1d(lags, 'int32')), [T, T, d]), tf.expandDims(past, 2));
const y = tf.einsum('tsd,sbd->tbd', kernels, x);
\`\`\`

## Add a kernel

In a clone of isoloss (\`npm ci\`), by the name that the error gives:

1. An entry in one of the tables of \`src/engine/trace/\`: \`infer\` gives the shape of the result, \`lower\` the ONNX nodes that it becomes, \`cost\` its FLOPs by rule 1. Where the operation is other operations put together, a function in \`composites.ts\` is all it takes. For instance, in \`elementwise.ts\`: \`Softplus: ofFloats('Softplus')\`.
2. Its gradient, where TensorFlow.js has none: \`tf.registerGradient\` in \`src/ops/gradients.ts\`.
3. A case in \`test/engine/practiceCases.ts\`: inputs, and a function that makes TensorFlow.js call the kernel. \`npx vitest run test/engine\` compares values and gradients with TensorFlow.js on the CPU, and gradients with finite differences, and fails for a kernel without a case.
4. \`npx vitest run test/engine/operations -u\` renews this page, \`npm run build\` the program.
`;
}
