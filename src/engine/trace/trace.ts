/** Runs a tfjs function once on the tracing backend and returns the graph that it recorded. */
import { tf, type Tensor, type TensorInfo } from '../../ops/tf.js';
import type { TensorSpec } from '../tensors.js';
import { backendName, traceBackend, type TraceMode } from './backend.js';
import { liveNodes, type TraceGraph } from './graph.js';

export type Tensors = Readonly<Record<string, Tensor>>;

/** A plain TensorFlow.js function from named tensors to named tensors. */
export type TensorFunction = (inputs: Tensors) => Tensors;

/**
 * Records `fn` applied to inputs of the given shapes. The graph's outputs keep the order of the returned object's keys.
 * @throws TracedValueError, TracedRandomError, UnsupportedOperationError where the function cannot be traced
 */
export function trace(fn: TensorFunction, specs: readonly TensorSpec[], mode: TraceMode): TraceGraph {
  const backend = traceBackend(mode);
  const engine = tf.engine();
  // tfjs's types leave out that there is no backend before the first is chosen.
  const previous = tf.getBackend() as string | undefined;
  void tf.setBackend(backendName(mode));
  backend.begin();
  engine.startScope('trace');
  try {
    const infos = specs.map((spec) => [spec.name, backend.input(spec.name, spec.shape, spec.dtype)] as const);
    const inputs = infos.map(([name, info]) => [name, tensorOf(info)] as const);
    const results = Object.entries(fn(Object.fromEntries(inputs)));
    const outputs = results.map(([name, tensor]) => ({ name, value: backend.traced(tensor) }));
    return {
      inputs: infos.map(([name, info]) => ({ name, value: backend.traced(info) })),
      outputs,
      nodes: liveNodes(
        backend.nodes,
        outputs.map(({ value }) => value),
      ),
    };
  } finally {
    engine.endScope();
    backend.begin();
    // Without an earlier choice tfjs has none to return to, and picks its best one at the next use.
    void tf.setBackend(previous === undefined || previous === backendName(mode) ? 'cpu' : previous);
  }
}

const tensorOf = (info: TensorInfo): Tensor => tf.engine().makeTensorFromTensorInfo(info);
