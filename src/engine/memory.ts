/** Memory of a compiled step, from the liveness of its optimised graph: what `isoloss plan` predicts before anything is run. */
import type { FunctionProgram, StepProgram } from './executable.js';
import type { OnnxGraph } from './onnx/graph.js';
import { BYTES, livePeakBytes } from './onnx/liveness.js';
import { stepLayout } from './native/memory.js';
import { stepSource } from './native/source.js';
import { lower } from './onnx/lower.js';
import { executionOrder, inFrugalOrder } from './onnx/order.js';
import { isDivided } from './partThreads.js';
import { optimise } from './passes/index.js';
import { traceStep } from './stepGraph.js';
import { sizeOf, type TensorSpec } from './tensors.js';
import type { TraceGraph } from './trace/graph.js';
import { trace } from './trace/trace.js';

/** What product.h packs matrices into, a thread. */
const PRODUCT_BYTES = 268 * 1024;

/** Bytes of one training step by what they hold. */
export interface StepMemory {
  /** Threads that each compute a part of the batch, with arrays of their own; 1 where the step is run as a whole. */
  readonly parts: number;
  /** Parameters and optimizer state, once. */
  readonly stateBytes: number;
  /**
   * Most bytes of intermediate values (activations and gradients) alive at one time, in the order in which they are run;
   * those of all parts together.
   */
  readonly peakBytes: number;
  /** Masks, position tables and other constants. */
  readonly constantBytes: number;
  /** Operations a step launches. */
  readonly operations: number;
}

/** Traces and optimises a step as the engine does on so many threads, without compiling it, and follows what is alive. */
export function stepMemory(program: StepProgram, threads: number): StepMemory {
  const parts = isDivided(program, { threads }) ? threads : 1;
  const traced = parts === 1 ? traceStep(program, 'fused') : traceFunction(program.parts!.gradients(parts));
  const graph = inFrugalOrder(optimise(lower(traced)));
  return {
    parts,
    stateBytes: stateBytesOf(program),
    peakBytes: parts * livePeakBytes({ ...graph, nodes: executionOrder(graph.nodes) }),
    constantBytes: parts * constantBytes(graph),
    operations: graph.nodes.length,
  };
}

/**
 * What the engine native:cpu holds for a step on so many threads: two states, its working memory, room for products.
 * @returns bytes of one state, and of all
 */
export function nativeStepMemory(
  program: StepProgram,
  threads: number,
): { readonly stateBytes: number; readonly engineBytes: number } {
  const { arenaBytes, constants } = stepSource(traceStep(program, 'fused'), stepLayout(program), threads);
  const stateBytes = stateBytesOf(program);
  return {
    stateBytes,
    engineBytes: 2 * stateBytes + arenaBytes + constants.length + threads * PRODUCT_BYTES,
  };
}

const traceFunction = ({ fn, inputs }: FunctionProgram): TraceGraph => trace(fn, inputs, 'fused');

function constantBytes(graph: OnnxGraph): number {
  const constants = new Set(
    graph.nodes.flatMap(({ inputs }) => inputs.filter(({ constant }) => constant !== null)),
  );
  return [...constants].reduce((sum, { constant }) => sum + constant!.byteLength, 0);
}

const specBytes = ({ shape, dtype }: TensorSpec): number => sizeOf(shape) * BYTES[dtype];

const stateBytesOf = ({ state }: StepProgram): number =>
  state.reduce((sum, spec) => sum + specBytes(spec), 0);
