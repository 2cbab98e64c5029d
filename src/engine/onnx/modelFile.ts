/** An ONNX file with its weights in it, or beside it as external data, for any program that runs ONNX. */
import { encodeGraph, encodeModel, tensorProto, valueInfo, type Dimension, type Json } from './encode.js';
import { ONNX_DTYPE, type OnnxDType, type OnnxGraph } from './graph.js';

/** Values of some of the graph's inputs, which become initializers of the same names. */
export type Weights = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }
>;

export interface ModelFile {
  readonly graph: OnnxGraph;
  readonly weights: Weights;
  /** Dimensions of the other inputs and of the outputs, by name. */
  readonly dimensions: ReadonlyMap<string, readonly Dimension[]>;
  readonly description: string;
  readonly version: string;
  /** Facts about the model for programs, strings by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Begin of a tensor in the file of external data: whole pages, so that a runtime can map it into memory. */
const ALIGNMENT = 4096;

/** Most bytes of weights inside the file: a protobuf message has less than 2 GiB, and graph and masks need some. */
export const MAX_EMBEDDED_BYTES = 2 ** 31 - 2 ** 27;

/** A tensor's place in the file of external data. */
export interface Placement {
  readonly data: Float32Array | Int32Array;
  readonly offset: number;
}

export const weightBytes = (weights: Weights): number =>
  [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);

/**
 * Encodes a model.
 * @param externalName name of the file beside it that will hold the weights; null to put them into the model's own file
 * @returns the model's bytes, and what has to be written where into the other file, in order
 */
export function encodeModelFile(
  model: ModelFile,
  externalName: string | null,
): { readonly bytes: Uint8Array; readonly placements: readonly Placement[] } {
  const { graph, weights, dimensions } = model;
  const { node, initializer } = encodeGraph(graph);
  const placements: Placement[] = [];
  let end = 0;
  const external = (name: string, dims: readonly number[], data: Float32Array | Int32Array): Json => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    placements.push({ data, offset });
    end = offset + data.byteLength;
    const entries = { location: externalName, offset: String(offset), length: String(data.byteLength) };
    return {
      name,
      data_type: ONNX_DTYPE[dtypeOf(data)],
      dims,
      external_data: Object.entries(entries).map(([key, value]) => ({ key, value })),
      data_location: 1,
    };
  };
  const stored = [...weights].map(([name, { shape, data }]) =>
    externalName === null ? tensorProto(name, dtypeOf(data), shape, data) : external(name, shape, data),
  );
  const domains = [...new Set(graph.nodes.map(({ domain }) => domain))].filter((domain) => domain !== '');
  const bytes = encodeModel(
    {
      name: 'forward',
      node,
      initializer: [...stored, ...initializer],
      input: graph.inputs
        .filter(({ inputName }) => !weights.has(inputName!))
        .map(({ inputName, dtype }) => valueInfo(inputName!, dtype, dimensions.get(inputName!)!)),
      output: graph.outputs.map(({ name, value }) => valueInfo(name, value.dtype, dimensions.get(name)!)),
    },
    {
      producer_version: model.version,
      doc_string: model.description,
      metadata_props: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
    },
    domains,
  );
  return { bytes, placements };
}

const dtypeOf = (data: Float32Array | Int32Array): OnnxDType =>
  data instanceof Float32Array ? 'float32' : 'int32';
