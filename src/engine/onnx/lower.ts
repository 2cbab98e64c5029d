/** From the recorded tfjs kernels to ONNX nodes, one kernel at a time; nothing is optimised here. */
import { kernelNamed } from '../trace/backend.js';
import type { TraceGraph, TraceValue } from '../trace/graph.js';
import { GraphBuilder, type OnnxGraph, type OnnxValue } from './graph.js';

/**
 * The plain ONNX form of a recorded graph: the oracle that passes are tested against.
 * @param options `blockedConvolutions`: for ONNX Runtime's CPU provider alone
 */
export function lower(graph: TraceGraph, { blockedConvolutions = false } = {}): OnnxGraph {
  const builder = new GraphBuilder(false);
  const lowered = new Map<TraceValue, OnnxValue>();
  const inputs = graph.inputs.map(({ name, value }) => {
    const input = builder.input(name, value);
    lowered.set(value, input);
    return input;
  });
  const valueOf = (value: TraceValue): OnnxValue => {
    const known = lowered.get(value);
    if (known !== undefined) return known;
    const constant = constantOf(builder, value);
    lowered.set(value, constant);
    return constant;
  };
  for (const node of graph.nodes) {
    const outputs = kernelNamed(node.kernel).lower({
      builder,
      inputs: node.inputs.map(valueOf),
      attrs: node.attrs,
      outputs: node.outputs,
      blockedConvolutions,
    });
    node.outputs.forEach((output, i) => lowered.set(output, outputs[i]!));
  }
  return {
    inputs,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: valueOf(value) })),
    nodes: builder.nodes,
  };
}

function constantOf(builder: GraphBuilder, { origin, dtype, shape }: TraceValue): OnnxValue {
  if (origin.kind === 'uniform') return builder.filled(origin.value, shape, dtype);
  if (origin.kind === 'constant') return builder.constant(dtype, shape, origin.data);
  throw new Error('a node was recorded before its input');
}
