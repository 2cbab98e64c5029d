/** ONNX-level graph: what passes rewrite and the encoder writes. Values know their producer, so rules can look backwards. */
import { broadcastShape, sameShape, type Shape } from '../tensors.js';

/** `float16` and `bfloat16` are the types of operands of products only: there are no constants of them. */
export type OnnxDType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'int64' | 'bool';
export type OnnxData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** ONNX attributes: `float` marks the ones whose type is FLOAT even when the value is whole. */
export type OnnxAttr = number | string | readonly number[] | { readonly float: number };
export type OnnxAttrs = Readonly<Record<string, OnnxAttr>>;
export type OnnxDomain = '' | 'com.microsoft' | 'com.microsoft.nchwc';

export interface OnnxValue {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: OnnxDType;
  /** Set on graph inputs only. */
  readonly inputName: string | null;
  readonly constant: OnnxData | null;
  readonly producer: OnnxNode | null;
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: OnnxDomain;
  readonly inputs: readonly OnnxValue[];
  readonly attrs: OnnxAttrs;
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly { readonly name: string; readonly value: OnnxValue }[];
  readonly nodes: readonly OnnxNode[];
}

export interface ValueType {
  readonly shape: Shape;
  readonly dtype: OnnxDType;
}

/** Options of one node; `domain` defaults to ONNX's own. */
export interface NodeOptions {
  readonly attrs?: OnnxAttrs;
  readonly domain?: OnnxDomain;
}

/** Builds a graph in topological order and never builds the same node or small constant twice (common subexpressions). */
export class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  private nextId = 0;
  private readonly known = new Map<string, readonly OnnxValue[]>();
  private readonly constants = new Map<string, OnnxValue>();
  private readonly shareCommon: boolean;

  constructor(shareCommon: boolean) {
    this.shareCommon = shareCommon;
  }

  input(name: string, type: ValueType): OnnxValue {
    return { id: this.nextId++, ...type, inputName: name, constant: null, producer: null };
  }

  constant(dtype: OnnxDType, shape: Shape, data: OnnxData): OnnxValue {
    // Large constants (masks, position tables) are shared by identity of their array, small ones by content.
    const key = data.length <= 64 ? `${dtype}|${shape.join()}|${Array.from(data, String).join()}` : null;
    const found = key === null ? undefined : this.constants.get(key);
    if (found !== undefined) return found;
    const value = { id: this.nextId++, shape, dtype, inputName: null, constant: data, producer: null };
    if (key !== null) this.constants.set(key, value);
    return value;
  }

  scalar(value: number, dtype: OnnxDType = 'float32'): OnnxValue {
    return this.constant(dtype, [], typedArray(dtype, [value]));
  }

  int64s(values: readonly number[]): OnnxValue {
    return this.constant('int64', [values.length], typedArray('int64', values));
  }

  node(
    op: string,
    inputs: readonly OnnxValue[],
    outputs: readonly ValueType[],
    options: NodeOptions = {},
  ): readonly OnnxValue[] {
    const attrs = options.attrs ?? {};
    const domain = options.domain ?? '';
    const key = `${op}|${domain}|${inputs.map((v) => v.id).join()}|${JSON.stringify(attrs)}|${outputs.length}`;
    const found = this.shareCommon ? this.known.get(key) : undefined;
    if (found !== undefined) return found;
    const values: OnnxValue[] = [];
    const node: OnnxNode = { op, domain, inputs, attrs, outputs: values };
    for (const { shape, dtype } of outputs) {
      values.push({ id: this.nextId++, shape, dtype, inputName: null, constant: null, producer: node });
    }
    this.nodes.push(node);
    this.known.set(key, values);
    return values;
  }

  /** A node with one output. */
  op(op: string, inputs: readonly OnnxValue[], output: ValueType, options: NodeOptions = {}): OnnxValue {
    return this.node(op, inputs, [output], options)[0]!;
  }

  unary(op: string, x: OnnxValue): OnnxValue {
    return this.op(op, [x], x);
  }

  binary(op: string, a: OnnxValue, b: OnnxValue, dtype: OnnxDType = a.dtype): OnnxValue {
    return this.op(op, [a, b], { shape: broadcastShape(a.shape, b.shape), dtype });
  }

  reshape(x: OnnxValue, shape: Shape): OnnxValue {
    return sameShape(x.shape, shape)
      ? x
      : this.op('Reshape', [x, this.int64s(shape)], { shape, dtype: x.dtype });
  }

  expand(x: OnnxValue, shape: Shape): OnnxValue {
    return sameShape(x.shape, shape)
      ? x
      : this.op('Expand', [x, this.int64s(shape)], { shape, dtype: x.dtype });
  }

  transpose(x: OnnxValue, perm: readonly number[]): OnnxValue {
    return this.op(
      'Transpose',
      [x],
      { shape: perm.map((axis) => x.shape[axis]!), dtype: x.dtype },
      { attrs: { perm } },
    );
  }

  /** Reduction over `axes` (non-negative), as in `ReduceSum(x, axes)`. */
  reduce(op: string, x: OnnxValue, axes: readonly number[], keepDims: boolean): OnnxValue {
    // To ONNX an empty list means every axis, to tfjs none.
    if (axes.length === 0) return x;
    const shape = keepDims
      ? x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
      : x.shape.filter((_, axis) => !axes.includes(axis));
    return this.op(
      op,
      [x, this.int64s(axes)],
      { shape, dtype: x.dtype },
      { attrs: { keepdims: keepDims ? 1 : 0 } },
    );
  }

  cast(x: OnnxValue, dtype: OnnxDType): OnnxValue {
    return x.dtype === dtype
      ? x
      : this.op('Cast', [x], { shape: x.shape, dtype }, { attrs: { to: ONNX_DTYPE[dtype] } });
  }

  slice(x: OnnxValue, begin: readonly number[], size: readonly number[]): OnnxValue {
    const axes = x.shape.map((_, axis) => axis).filter((axis) => size[axis] !== x.shape[axis]);
    if (axes.length === 0) return x;
    const starts = axes.map((axis) => begin[axis]!);
    const ends = axes.map((axis) => begin[axis]! + size[axis]!);
    return this.op('Slice', [x, this.int64s(starts), this.int64s(ends), this.int64s(axes)], {
      shape: size,
      dtype: x.dtype,
    });
  }

  /** Zeros (or another value) of a shape, made where they are used instead of being stored in the file. */
  filled(value: number, shape: Shape, dtype: OnnxDType = 'float32'): OnnxValue {
    return this.expand(this.scalar(value, dtype), shape);
  }
}

/** TensorProto.DataType of onnx.proto. */
export const ONNX_DTYPE: Readonly<Record<OnnxDType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
};

export function typedArray(dtype: OnnxDType, values: readonly number[]): OnnxData {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'int64':
      return BigInt64Array.from(values, (value) => BigInt(value));
    case 'bool':
      return Uint8Array.from(values);
    case 'float16':
    case 'bfloat16':
      throw new Error(`constants of type ${dtype} are made by casting`);
    default:
      return dtype satisfies never;
  }
}

/** The nodes that the outputs need, in order, and how often each value is used. */
export function liveGraph(graph: OnnxGraph): { graph: OnnxGraph; uses: Map<OnnxValue, number> } {
  const uses = new Map<OnnxValue, number>();
  const use = (value: OnnxValue): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  graph.outputs.forEach(({ value }) => use(value));
  const nodes: OnnxNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((output) => uses.has(output))) continue;
    node.inputs.forEach(use);
    nodes.push(node);
  }
  return { graph: { ...graph, nodes: nodes.reverse() }, uses };
}

/** The axes, sizes or places that a constant input of a node lists. */
export const wholeNumbers = ({ constant }: OnnxValue): number[] =>
  Array.from(constant as BigInt64Array, Number);

/** What `uniformValue` has found of constants, since rules ask for the same ones again and again. */
const uniformConstants = new WeakMap<OnnxData, number | null>();

function uniformConstant(data: OnnxData): number | null {
  const known = uniformConstants.get(data);
  if (known !== undefined) return known;
  const first = data[0];
  const isUniform = first !== undefined && data.every((x: number | bigint) => x === first);
  const found = isUniform ? Number(first) : null;
  uniformConstants.set(data, found);
  return found;
}

/** The one number that a value holds everywhere, where that is known from the graph. */
export function uniformValue(value: OnnxValue): number | null {
  if (value.constant !== null) return uniformConstant(value.constant);
  const { producer } = value;
  if (producer !== null && (producer.op === 'Expand' || producer.op === 'Reshape'))
    return uniformValue(producer.inputs[0]!);
  return null;
}
