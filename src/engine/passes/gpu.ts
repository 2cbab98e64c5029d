/** What ONNX Runtime's providers of GPUs can't run as it stands, or would run to other bits each time; not optimisations. */
import { typedArray, uniformValue, type OnnxGraph, type OnnxValue } from '../onnx/graph.js';
import { rowSums } from './oneThread.js';
import { rewrite, type Rule, type RuleSet } from './rewrite.js';

/** WebGPU promises eight buffers a shader; a split takes one for its input and one for each part. */
const PARTS_AT_MOST = 7;

/** A split into many parts as one slice a part. */
const splitBySlices: Rule = ({ builder, node, inputs }) => {
  if (node.outputs.length <= PARTS_AT_MOST) return null;
  const x = inputs[0]!;
  const axis = node.attrs['axis'] as number;
  let start = 0;
  return node.outputs.map(({ shape }): OnnxValue => {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0));
    start += shape[axis]!;
    return builder.slice(x, begin, shape);
  });
};

/** The provider leaves the inverse deviation, which the gradient needs, unwritten: the norm from its parts instead. */
const normFromParts: Rule = ({ builder, node, inputs }) => {
  const [x, gamma] = inputs as [OnnxValue, OnnxValue];
  if (node.outputs.length < 2) return null;
  const { float: epsilon } = node.attrs['epsilon'] as { readonly float: number };
  const lastAxis = x.shape.length - 1;
  const meanSquare = builder.reduce('ReduceMean', builder.binary('Mul', x, x), [lastAxis], true);
  const deviation = builder.unary('Sqrt', builder.binary('Add', meanSquare, builder.scalar(epsilon)));
  const inverse = builder.unary('Reciprocal', deviation);
  return [builder.binary('Mul', builder.binary('Mul', x, inverse), gamma), inverse];
};

/**
 * Rows added up by index as a product with a matrix of ones and zeros: atomic additions come in another order each time, and a
 * run that goes on from a checkpoint has to repeat its bits.
 */
const rowsByProduct: Rule = ({ builder, node, inputs }) => {
  const sums = rowSums({ node, inputs });
  if (sums?.rows.dtype !== 'float32') return null;
  const { table, index, rows } = sums;
  const places = table.shape[0]!;
  const all = Array.from({ length: places }, (_, place) => place);
  const hits = builder.binary(
    'Equal',
    builder.cast(index, 'int32'),
    builder.constant('int32', [1, places], typedArray('int32', all)),
    'bool',
  );
  const product = builder.op('Gemm', [builder.cast(hits, 'float32'), rows], node.outputs[0]!, {
    attrs: { transA: 1, transB: 0, alpha: { float: 1 } },
  });
  return [uniformValue(table) === 0 ? product : builder.binary('Add', table, product)];
};

const CUDA: RuleSet = { ScatterElements: [rowsByProduct] };
const WEBGPU: RuleSet = { ...CUDA, Split: [splitBySlices], SimplifiedLayerNormalization: [normFromParts] };

/** The graph as a provider of GPUs needs it. */
export const forGpu = (graph: OnnxGraph, provider: 'cuda' | 'webgpu'): OnnxGraph =>
  rewrite(graph, provider === 'cuda' ? CUDA : WEBGPU);
