/** Memory of a compiled step, from the liveness of its optimised graph: what `isoloss plan` predicts before anything is run. */
import type { StepProgram } from './executable.js';
import type { OnnxGraph } from './onnx/graph.js';
import { BYTES, livePeakBytes } from './onnx/liveness.js';
import { lower } from './onnx/lower.js';
import { executionOrder, inFrugalOrder } from './onnx/order.js';
import { optimise } from './passes/index.js';
import { traceStep } from './stepGraph.js';
import { sizeOf, type TensorSpec } from './tensors.js';

/** Bytes of one training step by what they hold. */
export interface StepMemory {
  /** Parameters and optimizer state, once. */
  readonly stateBytes: number;
  /** Most bytes of intermediate values (activations and gradients) alive at one time, in the order in which they are run. */
  readonly peakBytes: number;
  /** Masks, position tables and other constants. */
  readonly constantBytes: number;
  /** Operations a step launches. */
  readonly operations: number;
}

/** Traces and optimises a step as the engine does, without compiling it, and follows what is alive. */
export function stepMemory(program: StepProgram): StepMemory {
  const graph = inFrugalOrder(optimise(lower(traceStep(program, 'fused'))));
  return {
    stateBytes: program.state.reduce((sum, spec) => sum + specBytes(spec), 0),
    peakBytes: livePeakBytes({ ...graph, nodes: executionOrder(graph.nodes) }),
    constantBytes: constantBytes(graph),
    operations: graph.nodes.length,
  };
}

function constantBytes(graph: OnnxGraph): number {
  const constants = new Set(
    graph.nodes.flatMap(({ inputs }) => inputs.filter(({ constant }) => constant !== null)),
  );
  return [...constants].reduce((sum, { constant }) => sum + constant!.byteLength, 0);
}

const specBytes = ({ shape, dtype }: TensorSpec): number => sizeOf(shape) * BYTES[dtype];
