/** Places of all arrays: state, inputs and results of a step where the caller has them, the rest in one block that is used again. */
import type { StepProgram } from '../executable.js';
import { BYTES } from '../onnx/liveness.js';
import { NEXT } from '../onnx/encode.js';
import type { OnnxGraph, OnnxValue } from '../onnx/graph.js';
import { sizeOf, type TensorSpec } from '../tensors.js';
import type { Blocks } from './blocks.js';
import type { Unit } from './fuse.js';
import { sourceOf } from './operands.js';
import type { Layout } from './layout.js';

/** Every array begins at a multiple of a vector register. */
const ALIGNMENT = 64;

export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const bytesOf = ({ shape, dtype }: Pick<OnnxValue, 'shape' | 'dtype'>): number =>
  sizeOf(shape) * BYTES[dtype];

/** One after the other. */
export function laidOut(specs: readonly Pick<OnnxValue, 'shape' | 'dtype'>[]): {
  offsets: number[];
  bytes: number;
} {
  let bytes = 0;
  const offsets = specs.map((spec) => {
    const offset = bytes;
    bytes += aligned(bytesOf(spec));
    return offset;
  });
  return { offsets, bytes };
}

export type Area = 'state' | 'next' | 'arena' | 'constants' | 'perStep' | 'results';

/** `index` in the lists of inputs and results, bytes from the start elsewhere. */
export interface Place {
  readonly area: Area;
  readonly at: number;
  readonly bytes: number;
  /** Where threads have one part of the array each: bytes from one thread's to the next, and of a part without what aligns it. */
  readonly part?: { readonly threadBytes: number; readonly bytes: number };
}

export interface MemoryPlan {
  /** Undefined for values that are never in memory. */
  readonly placeOf: (root: OnnxValue) => Place | undefined;
  /** Room for partial sums of each unit that has them. */
  readonly partials: ReadonlyMap<Unit, Place>;
  readonly arenaBytes: number;
  readonly constants: Uint8Array;
}

/** What goes into a step and out of it: names of state tensors, of other inputs and of results. */
export interface StepLayout {
  readonly state: readonly TensorSpec[];
  readonly perStep: readonly string[];
  readonly results: readonly string[];
}

export const stepLayout = ({ state, perStep, metrics }: StepProgram): StepLayout => ({
  state,
  perStep: perStep.map(({ name }) => name),
  results: metrics,
});

interface Block {
  readonly bytes: number;
  first: number;
  last: number;
  at: number;
}

/** Offsets of blocks that are alive from one unit to another, the largest placed first, each as low as it fits. */
function packed(blocks: Block[]): number {
  const done: Block[] = [];
  let end = 0;
  for (const block of [...blocks].sort((a, b) => b.bytes - a.bytes)) {
    const beside = done
      .filter((other) => other.first <= block.last && block.first <= other.last)
      .sort((a, b) => a.at - b.at);
    let at = 0;
    for (const other of beside) {
      if (at + block.bytes <= other.at) break;
      at = Math.max(at, other.at + other.bytes);
    }
    block.at = at;
    end = Math.max(end, at + block.bytes);
    done.push(block);
  }
  return end;
}

/** Arrays that a unit writes, and those that it reads. */
export function arraysOf(unit: Unit, layout: Layout): { written: OnnxValue[]; read: OnnxValue[] } {
  const own = new Set(unit.nodes.flatMap(({ outputs }) => outputs));
  const written = [...own].map((value) => layout(value).root);
  const read = unit.nodes
    .flatMap(({ inputs }) => inputs)
    .filter((value) => !own.has(sourceOf(value)))
    .map((value) => layout(value).root);
  return { written, read };
}

/**
 * Lifetimes are counted in blocks, since a block's units run by turns.
 * @param partialBytes room that a unit needs while it runs
 */
export function planMemory(
  graph: OnnxGraph,
  { blocks: sequence, parts }: Blocks,
  threads: number,
  layout: Layout,
  step: StepLayout,
  isStored: (value: OnnxValue) => boolean,
  partialBytes: (unit: Unit) => number,
): MemoryPlan {
  const places = new Map<OnnxValue, Place>();
  const { offsets } = laidOut(step.state);
  const stateAt = new Map(step.state.map(({ name }, i) => [name, offsets[i]!]));
  for (const input of graph.inputs) {
    const at = stateAt.get(input.inputName!);
    const index = step.perStep.indexOf(input.inputName!);
    const bytes = bytesOf(input);
    places.set(
      input,
      at === undefined ? { area: 'perStep', at: index, bytes } : { area: 'state', at, bytes },
    );
  }
  for (const { name, value } of graph.outputs) {
    const at = name.startsWith(NEXT) ? stateAt.get(name.slice(NEXT.length)) : undefined;
    const bytes = bytesOf(value);
    places.set(
      value,
      at === undefined
        ? { area: 'results', at: step.results.indexOf(name), bytes }
        : { area: 'next', at, bytes },
    );
  }

  const constants: OnnxValue[] = [];
  const blocks = new Map<OnnxValue, Block>();
  const partialBlocks = new Map<Unit, Block>();
  const touch = (root: OnnxValue, index: number): void => {
    if (places.has(root)) return;
    if (root.constant !== null) {
      if (!constants.includes(root)) constants.push(root);
      return;
    }
    const batch = parts.get(root);
    const bytes = batch === undefined ? aligned(bytesOf(root)) : threads * aligned(bytesOf(root) / batch);
    const block = blocks.get(root) ?? { bytes, first: index, last: index, at: 0 };
    block.first = Math.min(block.first, index);
    block.last = Math.max(block.last, index);
    blocks.set(root, block);
  };
  for (const [index, { units }] of sequence.entries()) {
    for (const unit of units) {
      for (const { outputs } of unit.nodes)
        for (const value of outputs) if (isStored(value)) touch(layout(value).root, index);
      for (const root of arraysOf(unit, layout).read) touch(root, index);
      const bytes = aligned(partialBytes(unit));
      if (bytes > 0) partialBlocks.set(unit, { bytes, first: index, last: index, at: 0 });
    }
  }
  const arenaBytes = packed([...blocks.values(), ...partialBlocks.values()]);
  const inArena = ({ at, bytes }: Block): Place => ({ area: 'arena', at, bytes });
  for (const [root, block] of blocks) {
    const batch = parts.get(root);
    const part =
      batch === undefined
        ? {}
        : { part: { threadBytes: block.bytes / threads, bytes: bytesOf(root) / batch } };
    places.set(root, { ...inArena(block), ...part });
  }

  const { offsets: constantsAt, bytes: constantBytes } = laidOut(constants);
  const data = new Uint8Array(constantBytes);
  constants.forEach((value, i) => {
    const { buffer, byteOffset, byteLength } = value.constant!;
    data.set(new Uint8Array(buffer, byteOffset, byteLength), constantsAt[i]);
    places.set(value, { area: 'constants', at: constantsAt[i]!, bytes: byteLength });
  });
  return {
    placeOf: (root) => places.get(root),
    partials: new Map([...partialBlocks].map(([unit, block]) => [unit, inArena(block)])),
    arenaBytes,
    constants: data,
  };
}
