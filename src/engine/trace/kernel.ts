/** What the engine knows of one tfjs kernel: the shape it gives, the ONNX nodes it becomes, and its FLOPs by rule 1. */
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import { sizeOf, type Shape } from '../tensors.js';
import type { Attrs, TraceDType, TraceNode } from './graph.js';

export interface TraceType {
  readonly shape: Shape;
  readonly dtype: TraceDType;
}

/**
 * FLOPs of one node. `move` covers everything that only copies, selects or reinterprets data.
 * FLOP rule 1: 2mnk a matrix product, 1 an output element for elementwise and transcendental operations,
 * 1 an input element for reductions, moving data 0.
 */
export type Cost =
  | { readonly kind: 'matmul'; readonly flops: (node: TraceNode) => number }
  | { readonly kind: 'elementwise' }
  | { readonly kind: 'reduction' }
  /** Several operations in one kernel; `name` is what FLOPs by kind call it, "softmax" where there is none. */
  | {
      readonly kind: 'composite';
      readonly name?: 'elementwise' | 'reduction';
      readonly flops: (node: TraceNode) => number;
    }
  | { readonly kind: 'move' };

export interface LowerContext {
  readonly builder: GraphBuilder;
  readonly inputs: readonly OnnxValue[];
  readonly attrs: Attrs;
  /** Types of the outputs, as `infer` gave them. */
  readonly outputs: readonly TraceType[];
  /** Depthwise convolutions may be ONNX Runtime's own, over channels in blocks, which its CPU provider alone has. */
  readonly blockedConvolutions: boolean;
}

export interface Kernel {
  /** tfjs's names of the inputs in order, or `list` for kernels that take any number (Concat, Pack). */
  readonly inputNames: readonly string[] | 'list';
  readonly infer: (inputs: readonly TraceType[], attrs: Attrs) => TraceType[];
  readonly lower: (context: LowerContext) => readonly OnnxValue[];
  readonly cost: Cost;
  /** Types of data that the inputs may have, where not all will do. */
  readonly accepts?: readonly TraceDType[];
  /** tfjs takes the outputs as a list also where there is one. */
  readonly givesList?: boolean;
}

export type KernelTable = Readonly<Record<string, Kernel>>;

/** For kernels whose results are fractions: tfjs would round those of whole numbers. */
export const FLOATS: readonly TraceDType[] = ['float32'];
export const NUMBERS: readonly TraceDType[] = ['float32', 'int32'];

export const ELEMENTWISE: Cost = { kind: 'elementwise' };
export const REDUCTION: Cost = { kind: 'reduction' };
export const MOVE: Cost = { kind: 'move' };

/** Product of the last two dimensions' work: see `Cost`. */
export const elementsOf = (type: TraceType): number => sizeOf(type.shape);

export const numberAttr = (attrs: Attrs, name: string): number => {
  const value = attrs[name];
  if (typeof value !== 'number') throw new Error(`kernel attribute ${name} is not a number`);
  return value;
};

export const numbersAttr = (attrs: Attrs, name: string): readonly number[] => {
  const value = attrs[name];
  if (typeof value === 'number') return [value];
  if (!Array.isArray(value)) throw new Error(`kernel attribute ${name} is not a list of numbers`);
  return value as readonly number[];
};

export const flagAttr = (attrs: Attrs, name: string): boolean => attrs[name] === true;

/** A possibly negative axis as a non-negative one. @throws Error where there is no such axis */
export function positiveAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= rank)
    throw new Error(`there is no axis ${axis} in a tensor of rank ${rank}`);
  return positive;
}
