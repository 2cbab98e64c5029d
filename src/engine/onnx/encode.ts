/** Writes ONNX files: a subset of onnx.proto (opset 21, IR version 10) encoded with protobufjs. */
import protobuf from 'protobufjs';
import type { TensorSpec } from '../tensors.js';
import {
  ONNX_DTYPE,
  type OnnxAttr,
  type OnnxData,
  type OnnxDType,
  type OnnxGraph,
  type OnnxValue,
} from './graph.js';

const PROTO = `
syntax = "proto3";
package onnx;
message ModelProto { int64 ir_version = 1; string producer_name = 2; string producer_version = 3; string doc_string = 6; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; repeated StringStringEntryProto metadata_props = 14; }
message StringStringEntryProto { string key = 1; string value = 2; }
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message GraphProto { repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated AttributeProto attribute = 5; string domain = 7; }
message AttributeProto { string name = 1; float f = 2; int64 i = 3; bytes s = 4; GraphProto g = 6; repeated int64 ints = 8 [packed = false]; int32 type = 20; }
message TensorProto { repeated int64 dims = 1 [packed = false]; int32 data_type = 2; string name = 8; bytes raw_data = 9; repeated StringStringEntryProto external_data = 13; int32 data_location = 14; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message TypeProto { TensorTypeProto tensor_type = 1; }
message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TensorShapeProto { repeated DimensionProto dim = 1; }
message DimensionProto { int64 dim_value = 1; string dim_param = 2; }
`;

const ModelProto = protobuf.parse(PROTO, { keepCase: true }).root.lookupType('onnx.ModelProto');

/** AttributeProto.AttributeType of onnx.proto. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

export type Json = Readonly<Record<string, unknown>>;
/** A dimension known only when the graph is run has a name instead of a size. */
export type Dimension = number | string;

export const tensorProto = (
  name: string,
  dtype: OnnxDType,
  dims: readonly number[],
  data: OnnxData,
): Json => ({
  name,
  data_type: ONNX_DTYPE[dtype],
  dims,
  raw_data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

export const valueInfo = (name: string, dtype: OnnxDType, shape: readonly Dimension[]): Json => ({
  name,
  type: {
    tensor_type: {
      elem_type: ONNX_DTYPE[dtype],
      shape: { dim: shape.map((dim) => (typeof dim === 'string' ? { dim_param: dim } : { dim_value: dim })) },
    },
  },
});

function attributeProto(name: string, value: OnnxAttr): Json {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE_TYPE.int };
  if (typeof value === 'string')
    return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPE.string };
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPE.float };
  return { name, ints: value, type: ATTRIBUTE_TYPE.ints };
}

const plainNode = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attribute: readonly Json[] = [],
): Json => ({
  op_type: op,
  input: inputs,
  output: outputs,
  name: `${op}:${outputs[0] ?? ''}`,
  attribute,
});

export interface EncodedGraph {
  readonly node: readonly Json[];
  readonly initializer: readonly Json[];
}

/** Nodes and constants of a graph, its inputs and outputs under their own names. */
export function encodeGraph(graph: OnnxGraph): EncodedGraph {
  const names = new Map<OnnxValue, string>();
  const initializer: Json[] = [];
  const extra: Json[] = [];
  graph.inputs.forEach((input) => names.set(input, input.inputName!));
  for (const { name, value } of graph.outputs) {
    // An output that is also an input, a constant or another output needs a node of its own.
    if (value.producer === null || names.has(value))
      extra.push(plainNode('Identity', [nameOf(value)], [name]));
    else names.set(value, name);
  }
  function nameOf(value: OnnxValue): string {
    const known = names.get(value);
    if (known !== undefined) return known;
    const name = `v${value.id}`;
    names.set(value, name);
    if (value.constant !== null)
      initializer.push(tensorProto(name, value.dtype, value.shape, value.constant));
    return name;
  }
  const node = graph.nodes.map((node) => ({
    ...plainNode(
      node.op,
      node.inputs.map(nameOf),
      node.outputs.map(nameOf),
      Object.entries(node.attrs).map(([name, value]) => attributeProto(name, value)),
    ),
    domain: node.domain,
  }));
  return { node: [...node, ...extra], initializer };
}

/**
 * @param about further fields of ModelProto
 * @param domains of the operations besides ONNX's own
 */
export function encodeModel(
  graph: Json,
  about: Json = {},
  domains: readonly string[] = ['com.microsoft'],
): Uint8Array {
  const message = {
    ir_version: 10,
    producer_name: 'isoloss',
    graph,
    opset_import: [{ domain: '', version: 21 }, ...domains.map((domain) => ({ domain, version: 1 }))],
    ...about,
  };
  return ModelProto.encode(ModelProto.create(message)).finish();
}

/** Domains of the operations of a graph besides ONNX's own; com.microsoft always, so that what has been encoded stays the same. */
const domainsOf = ({ nodes }: OnnxGraph): string[] => [
  ...new Set(['com.microsoft', ...nodes.map(({ domain }) => domain).filter((domain) => domain !== '')]),
];

/** A graph that is run once a call. */
export function encodeFunction(graph: OnnxGraph): Uint8Array {
  const encoded = {
    name: 'function',
    ...encodeGraph(graph),
    input: graph.inputs.map((input) => valueInfo(input.inputName!, input.dtype, input.shape)),
    output: graph.outputs.map(({ name, value }) => valueInfo(name, value.dtype, value.shape)),
  };
  return encodeModel(encoded, {}, domainsOf(graph));
}

export interface LoopLayout {
  /** Carried from step to step; the step graph returns each under its name with `NEXT` before it. */
  readonly state: readonly TensorSpec[];
  /** Differ from step to step; fed as [steps, ...shape]. */
  readonly perStep: readonly TensorSpec[];
  /** Scalars that every step returns. */
  readonly metrics: readonly string[];
}

/** Prefixes of the names under which state leaves the step, and enters and leaves the loop. */
export const NEXT = 'next/';
export const INITIAL = 'initial/';
export const FINAL = 'final/';
/** Input that says how many steps a call makes. */
export const STEP_COUNT = 'stepCount';

/**
 * A step graph wrapped into one ONNX `Loop`, whose trip count is an input: any number of steps a call, the same bits.
 * Inputs: stepCount, `initial/<state>`, each per-step input with a leading dimension; outputs: `final/<state>`, metrics [steps].
 */
export function encodeLoop(step: OnnxGraph, { state, perStep, metrics }: LoopLayout): Uint8Array {
  const encoded = encodeGraph(step);
  const pick = perStep.map(({ name }) =>
    plainNode('Gather', [`all/${name}`, 'iteration'], [name], [attributeProto('axis', 0)]),
  );
  const body = {
    name: 'step',
    node: [...pick, ...encoded.node, plainNode('Identity', ['condition'], ['conditionOut'])],
    initializer: encoded.initializer,
    input: [
      valueInfo('iteration', 'int64', []),
      valueInfo('condition', 'bool', []),
      ...state.map(({ name, dtype, shape }) => valueInfo(name, dtype, shape)),
    ],
    output: [
      valueInfo('conditionOut', 'bool', []),
      ...state.map(({ name, dtype, shape }) => valueInfo(NEXT + name, dtype, shape)),
      ...metrics.map((name) => valueInfo(name, 'float32', [])),
    ],
  };
  const loop = plainNode(
    'Loop',
    [STEP_COUNT, 'true', ...state.map(({ name }) => INITIAL + name)],
    [...state.map(({ name }) => FINAL + name), ...metrics.map((name) => `all/${name}`)],
    [{ name: 'body', g: body, type: ATTRIBUTE_TYPE.graph }],
  );
  const encodedLoop = {
    name: 'loop',
    node: [loop],
    initializer: [tensorProto('true', 'bool', [], Uint8Array.of(1))],
    input: [
      valueInfo(STEP_COUNT, 'int64', []),
      ...state.map(({ name, dtype, shape }) => valueInfo(INITIAL + name, dtype, shape)),
      ...perStep.map(({ name, dtype, shape }) => valueInfo(`all/${name}`, dtype, ['steps', ...shape])),
    ],
    output: [
      ...state.map(({ name, dtype, shape }) => valueInfo(FINAL + name, dtype, shape)),
      ...metrics.map((name) => valueInfo(`all/${name}`, 'float32', ['steps'])),
    ],
  };
  return encodeModel(encodedLoop, {}, domainsOf(step));
}
