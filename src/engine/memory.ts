/** Memory of a compiled step, from the liveness of its optimised graph: what `isoloss plan` predicts before anything is run. */
import type { StepProgram } from './executable.js';
import { type OnnxDType, liveGraph, type OnnxGraph, type OnnxValue } from './onnx/graph.js';
import { lower } from './onnx/lower.js';
import { optimise } from './passes/index.js';
import { traceStep } from './stepGraph.js';
import { sizeOf, type TensorSpec } from './tensors.js';

const BYTES: Readonly<Record<OnnxDType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** Operations whose output is their input under another shape. */
const ALIASES = ['Reshape', 'Squeeze', 'Unsqueeze', 'Identity', 'Flatten'];

/** Bytes of one training step by what they hold. */
export interface StepMemory {
  /** Parameters and optimizer state, once. */
  readonly stateBytes: number;
  /** Most bytes of intermediate values (activations and gradients) alive at one time, the nodes run in recorded order. */
  readonly peakBytes: number;
  /** Masks, position tables and other constants. */
  readonly constantBytes: number;
  /** Operations a step launches. */
  readonly operations: number;
}

/** Traces and optimises a step as the engine does, without compiling it, and follows what is alive. */
export function stepMemory(program: StepProgram): StepMemory {
  const { graph } = liveGraph(optimise(lower(traceStep(program, 'fused'))));
  return {
    stateBytes: program.state.reduce((sum, spec) => sum + specBytes(spec), 0),
    peakBytes: peakBytes(graph),
    constantBytes: constantBytes(graph),
    operations: graph.nodes.length,
  };
}

/**
 * Most bytes of node outputs alive at once. A value lives from its node to its last use; graph outputs live to the end;
 * a reshaped value shares the memory of what it was made from. Constants and graph inputs are not in it.
 */
export function peakBytes(graph: OnnxGraph): number {
  const owner = new Map<OnnxValue, OnnxValue>();
  const ownerOf = (value: OnnxValue): OnnxValue => owner.get(value) ?? value;
  for (const { op, inputs, outputs } of graph.nodes) {
    if (ALIASES.includes(op)) owner.set(outputs[0]!, ownerOf(inputs[0]!));
  }
  const lastUse = new Map<OnnxValue, number>();
  for (const [index, { inputs }] of graph.nodes.entries()) {
    for (const value of inputs) lastUse.set(ownerOf(value), index);
  }
  for (const { value } of graph.outputs) lastUse.set(ownerOf(value), Infinity);

  const endingAt = new Map<number, OnnxValue[]>();
  for (const [value, index] of lastUse) endingAt.set(index, [...(endingAt.get(index) ?? []), value]);
  let alive = 0;
  let peak = 0;
  for (const [index, { outputs }] of graph.nodes.entries()) {
    for (const value of outputs)
      if (ownerOf(value) === value && lastUse.has(value)) alive += valueBytes(value);
    peak = Math.max(peak, alive);
    for (const value of endingAt.get(index) ?? []) if (value.producer !== null) alive -= valueBytes(value);
  }
  return peak;
}

function constantBytes(graph: OnnxGraph): number {
  const constants = new Set(
    graph.nodes.flatMap(({ inputs }) => inputs.filter(({ constant }) => constant !== null)),
  );
  return [...constants].reduce((sum, { constant }) => sum + constant!.byteLength, 0);
}

const valueBytes = ({ shape, dtype }: OnnxValue): number => sizeOf(shape) * BYTES[dtype];
const specBytes = ({ shape, dtype }: TensorSpec): number => sizeOf(shape) * BYTES[dtype];
