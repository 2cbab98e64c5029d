/** How many bytes of a graph's values are alive at a time, for a given order of its nodes. */
import { sizeOf } from '../tensors.js';
import type { OnnxDType, OnnxGraph, OnnxValue } from './graph.js';

export const BYTES: Readonly<Record<OnnxDType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** Operations whose output is their input under another shape. */
const ALIASES = ['Reshape', 'Squeeze', 'Unsqueeze', 'Identity', 'Flatten'];

/**
 * Most bytes of node outputs alive at once. A value lives from its node to its last use; graph outputs live to the end;
 * a reshaped value shares the memory of what it was made from. Constants and graph inputs are not in it.
 */
export function livePeakBytes(graph: OnnxGraph): number {
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

const valueBytes = ({ shape, dtype }: OnnxValue): number => sizeOf(shape) * BYTES[dtype];
