/** What the engines on ONNX Runtime share: from a recorded graph to a session, tensors, and a function that is run once a call. */
import { createRequire } from 'node:module';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EngineName } from './engineNames.js';
import { hasBlockedConvolutions } from './blockedConvolutions.js';
import type { EngineOptions, ExecutableFunction, FunctionProgram } from './executable.js';
import { modelKey } from './modelKey.js';
import { encodeFunction } from './onnx/encode.js';
import type { OnnxGraph } from './onnx/graph.js';
import { inFrugalOrder } from './onnx/order.js';
import { lower } from './onnx/lower.js';
import { sessionOptions, type Provider } from './ortOptions.js';
import { optimise, passesFor } from './passes/index.js';
import { forGpu } from './passes/gpu.js';
import { withPrecision } from './passes/precision.js';
import { checkLength, sizeOf, type HostArray, type HostTensors, type TensorSpec } from './tensors.js';
import { trace } from './trace/trace.js';
import type { TraceGraph } from './trace/graph.js';

const require = createRequire(import.meta.url);
const { version } = require('onnxruntime-node/package.json') as { version: string };

export const ORT_VERSION = version;

/** The provider of an engine's matrix products; the CPU for those that are not ONNX Runtime's. */
export function providerOf(engine: EngineName): Provider {
  switch (engine) {
    case 'onnx:cuda':
      return 'cuda';
    case 'onnx:webgpu':
      return 'webgpu';
    case 'onnx:cpu':
    case 'native:cpu':
    case 'tfjs:cpu':
    case 'tfjs:wasm':
    case 'tfjs:webgpu':
    case 'tfjs:tensorflow':
      return 'cpu';
    default:
      return engine satisfies never;
  }
}

export const isOptimised = ({ optimise: optimised = true }: EngineOptions): boolean => optimised;

/** From the recorded graph to the graph that is run. */
export async function prepare(
  graph: TraceGraph,
  provider: Provider,
  options: EngineOptions,
): Promise<OnnxGraph> {
  const onCpu = provider === 'cpu' && isOptimised(options);
  const lowered = lower(graph, { blockedConvolutions: onCpu && (await hasBlockedConvolutions()) });
  // What is right on one thread alone is for the CPU.
  const passes = passesFor(provider === 'cpu' ? options.threads : Infinity);
  const rewritten = isOptimised(options) ? optimise(lowered, passes) : lowered;
  // The CPU has no products of its own in these precisions; rounding what goes into them gives the same arithmetic.
  const mode = provider === 'cpu' ? 'rounded' : 'native';
  const precise = withPrecision(rewritten, options.precision ?? 'f32', mode);
  return inFrugalOrder(provider === 'cpu' ? precise : forGpu(precise, provider));
}

export async function createSession(
  model: Uint8Array,
  provider: Provider,
  options: EngineOptions,
  more: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    ...sessionOptions(provider, options.threads, isOptimised(options)),
    ...more,
  });
}

/**
 * The encoded model of a traced graph. Passes and encoding are left out where the cache has what they would give.
 *
 * @param form names how `encode` writes the graph
 */
export async function modelOf(
  graph: TraceGraph,
  form: string,
  encode: (graph: OnnxGraph) => Uint8Array,
  provider: Provider,
  options: EngineOptions,
): Promise<Uint8Array> {
  const cache = isOptimised(options) ? options.cache : undefined;
  const place = `${provider}, ${(await hasBlockedConvolutions()) ? 'blocked' : 'plain'} convolutions`;
  const key = cache === undefined ? null : modelKey(graph, `${form} ${place}`, options);
  const kept = key === null ? null : cache!.load(key);
  if (kept !== null) return kept;
  const model = encode(await prepare(graph, provider, options));
  if (key !== null) cache!.save(key, model);
  return model;
}

/** The session of a traced graph. @param form as `modelOf` takes it */
export async function sessionOf(
  graph: TraceGraph,
  form: string,
  encode: (graph: OnnxGraph) => Uint8Array,
  provider: Provider,
  options: EngineOptions,
): Promise<InferenceSession> {
  return createSession(await modelOf(graph, form, encode, provider, options), provider, options);
}

/** A tensor over host memory, which is not copied. */
export const hostTensor = ({ dtype, shape }: Omit<TensorSpec, 'name'>, data: HostArray): Tensor =>
  dtype === 'float32'
    ? new Tensor('float32', data as Float32Array, shape)
    : new Tensor('int32', data as Int32Array, shape);

/** The inputs of one call. @throws Error naming one that is missing or of the wrong length */
export const feedsOf = (specs: readonly TensorSpec[], inputs: HostTensors): Record<string, Tensor> =>
  Object.fromEntries(
    specs.map((spec) => [
      spec.name,
      hostTensor(spec, checkLength(spec, inputs[spec.name], sizeOf(spec.shape))),
    ]),
  );

/** A function on ONNX Runtime, its inputs and results on the host. */
export async function compileOrtFunction(
  program: FunctionProgram,
  provider: Provider,
  options: EngineOptions,
): Promise<ExecutableFunction> {
  const graph = trace(program.fn, program.inputs, isOptimised(options) ? 'fused' : 'naive');
  return compileOrtGraph(graph, program.inputs, provider, options);
}

/** A recorded graph, which may have been given other outputs since, as a function. */
export async function compileOrtGraph(
  graph: TraceGraph,
  inputs: readonly TensorSpec[],
  provider: Provider,
  options: EngineOptions,
): Promise<ExecutableFunction> {
  const session = await sessionOf(graph, 'function', encodeFunction, provider, options);
  return {
    async run(values) {
      const results = await session.run(feedsOf(inputs, values));
      return Object.fromEntries(
        Object.entries(results).map(([name, value]) => [name, value.data as Float32Array]),
      );
    },
    async dispose() {
      await session.release();
    },
  };
}
