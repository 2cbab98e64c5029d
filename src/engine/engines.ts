/** Opens an engine by its name; what an engine needs beyond isoloss itself is loaded here and only when it is asked for. */
import { eagerEngine } from './eager.js';
import { EngineError } from './engineError.js';
import { ENGINES, type EngineName } from './engineNames.js';
import type { Engine } from './executable.js';
import { visibleCudaDevices } from './cudaDevices.js';
import { gpuName } from './gpu.js';
import { encodeFunction } from './onnx/encode.js';
import { GraphBuilder } from './onnx/graph.js';
import { loopEngine, ortEngine } from './ort.js';
import { webgpuEngine } from './ortDevice.js';
import type { Provider } from './ortOptions.js';
import { createSession, feedsOf, ORT_VERSION } from './ortSession.js';

const opened = new Map<EngineName, Promise<Engine>>();

/**
 * The engine of a name, ready to compile. It is opened once a process.
 * @param threads of a library that takes their number when it is loaded
 * @throws EngineError where it can't be used here, with what to do about it
 */
export async function openEngine(name: EngineName, { threads }: { threads?: number } = {}): Promise<Engine> {
  const known = opened.get(name) ?? open(name, threads);
  opened.set(name, known);
  return known;
}

async function open(name: EngineName, threads: number | undefined): Promise<Engine> {
  switch (name) {
    case 'onnx:cpu':
      return ortEngine;
    case 'onnx:cuda':
      await tryProvider(name, 'cuda');
      return loopEngine(
        { name, version: ORT_VERSION, device: visibleCudaDevices()[0]?.name ?? gpuName() },
        'cuda',
      );
    case 'onnx:webgpu':
      await tryProvider(name, 'webgpu');
      return webgpuEngine({ name, version: ORT_VERSION, device: gpuName() });
    case 'native:cpu':
      return (await import('./native/native.js')).openNative();
    case 'tfjs:cpu':
      return eagerEngine;
    case 'tfjs:wasm':
      return (await import('./tfjsBackends.js')).openWasm();
    case 'tfjs:webgpu':
      return (await import('./tfjsBackends.js')).openTfjsWebgpu();
    case 'tfjs:tensorflow':
      return (await import('./tfjsBackends.js')).openTensorFlow(threads);
    default:
      return name satisfies never;
  }
}

/** Adds one to a number on the device. @throws EngineError where that fails */
async function tryProvider(name: EngineName, provider: Provider): Promise<void> {
  const builder = new GraphBuilder(false);
  const x = builder.input('x', { shape: [1], dtype: 'float32' });
  const outputs = [{ name: 'y', value: builder.binary('Add', x, builder.scalar(1)) }];
  try {
    const model = encodeFunction({ inputs: [x], outputs, nodes: builder.nodes });
    const session = await createSession(model, provider, { threads: 1 }, { logSeverityLevel: 4 });
    const spec = { name: 'x', shape: [1], dtype: 'float32' } as const;
    const { y } = await session.run(feedsOf([spec], { x: Float32Array.of(1) }));
    await session.release();
    if (y!.data[0] !== 2) throw new Error(`1 + 1 gave ${String(y!.data[0])}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new EngineError(
      `The engine ${name} can't start here (${message}). It needs ${ENGINES[name].needs}.`,
      {
        cause: error,
      },
    );
  }
}
