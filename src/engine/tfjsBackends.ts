/** Optional backends of TensorFlow.js: loaded and initialised when an engine is asked for, never before. */
import { createRequire } from 'node:module';
import util from 'node:util';
import { tf, type Tensor } from '../ops/tf.js';
import { cpuModel } from './cpu.js';
import { backendEngine } from './eager.js';
import { EngineError } from './engineError.js';
import type { EngineName } from './engineNames.js';
import type { Engine } from './executable.js';
import { gpuName } from './gpu.js';
import { registerWasmKernels } from './wasmKernels.js';

/** Packages of TensorFlow.js have to be of the same version. */
const TFJS_VERSION = tf.version_core;

const require = createRequire(import.meta.url);

function isInstalled(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch (error) {
    // Any other error, such as a package without an entry for require, is about one that is there.
    return (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND';
  }
}

/** @throws EngineError where the package is not installed, or does not load */
async function importOptional(engine: EngineName, name: string, version?: string): Promise<unknown> {
  const wanted = version === undefined ? name : `${name}@${version}`;
  // npm installs no optional peer of the package that it runs in, unless it is told to be another kind of dependency.
  const install = `npm install ${wanted} (in a clone of isoloss npm install -D --no-save ${wanted})`;
  if (!isInstalled(name)) {
    throw new EngineError(
      `The engine ${engine} needs the package ${name}, which is not installed: ${install}`,
    );
  }
  try {
    // A variable, so that neither the compiler nor a bundler looks for a package that may not be there.
    return (await import(name)) as unknown;
  } catch (error) {
    throw new EngineError(
      `The engine ${engine} needs the package ${name}, which is installed but does not load: ` +
        `${firstLine(error)} Install it again: ${install}`,
      { cause: error },
    );
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/[.:]?$/, '.');

/** @throws EngineError where the backend can't be initialised on this machine */
async function initialise(engine: EngineName, backend: string): Promise<void> {
  if ((tf.findBackendFactory(backend) as unknown) == null) {
    throw new EngineError(
      `The engine ${engine} brought a copy of TensorFlow.js of its own instead of using isoloss's: ` +
        `npm dedupe, and have all packages of @tensorflow at ${TFJS_VERSION}.`,
    );
  }
  const ready = await tf.setBackend(backend).catch((error: unknown) => {
    throw new EngineError(`The engine ${engine} can't start here: ${firstLine(error)}`, { cause: error });
  });
  if (!ready) throw new EngineError(`The engine ${engine} can't start here.`);
  await tf.ready();
}

/** TensorFlow.js in WebAssembly. */
export async function openWasm(): Promise<Engine> {
  const name = 'tfjs:wasm';
  await importOptional(name, '@tensorflow/tfjs-backend-wasm', TFJS_VERSION);
  await initialise(name, 'wasm');
  registerWasmKernels();
  const version = `tfjs ${TFJS_VERSION}, tfjs-backend-wasm ${TFJS_VERSION}`;
  return backendEngine('wasm', { name, version, device: cpuModel() });
}

/** TensorFlow takes the blanks that tfjs allows in an equation for names of dimensions. */
function acceptBlanksInEinsum(): void {
  const config = tf.getKernel('Einsum', 'tensorflow');
  tf.unregisterKernel('Einsum', 'tensorflow');
  tf.registerKernel({
    ...config,
    kernelFunc: (params) => {
      const equation = (params.attrs!['equation'] as string).replaceAll(/\s/g, '');
      return config.kernelFunc({ ...params, attrs: { ...params.attrs, equation } });
    },
  });
}

interface TensorFlowBackend {
  readonly isUsingGPUDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/**
 * TensorFlow's library, by `@tensorflow/tfjs-node-gpu` where that is installed, otherwise `@tensorflow/tfjs-node`.
 * @param threads of TensorFlow's operations; it takes them when it is loaded, so the first caller's count holds for the process
 */
export async function openTensorFlow(threads: number | undefined): Promise<Engine> {
  const name = 'tfjs:tensorflow';
  // Gone from Node 23 on, and used by tfjs-node 4.22.
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  if (threads !== undefined) {
    process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
    process.env['TF_NUM_INTEROP_THREADS'] ??= '1';
  }
  const binding = isInstalled('@tensorflow/tfjs-node-gpu') ? 'tfjs-node-gpu' : 'tfjs-node';
  await importOptional(name, `@tensorflow/${binding}`, TFJS_VERSION);
  await initialise(name, 'tensorflow');
  acceptBlanksInEinsum();
  const backend = tf.findBackend('tensorflow') as unknown as TensorFlowBackend;
  const library = backend.binding?.TF_Version ?? 'unknown';
  const version = `tfjs ${TFJS_VERSION}, ${binding} ${TFJS_VERSION}, TensorFlow ${library}`;
  const device = backend.isUsingGPUDevice === true ? gpuName() : cpuModel();
  return backendEngine('tensorflow', { name, version, device });
}

/**
 * Rows added up by index as a product: WebGPU's own kernel adds them atomically, in another order and so with other last
 * bits each time, and a cut-off run has to repeat its own. Only the gradient of the embedding takes it.
 */
function addRowsAsProduct(): void {
  const kernelName = 'UnsortedSegmentSum';
  const backendName = 'webgpu';
  const own = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: (params) => {
      const { x, segmentIds } = params.inputs as unknown as Record<'x' | 'segmentIds', Tensor>;
      const numSegments = params.attrs!['numSegments'] as number;
      // Sums of whole numbers are the same in any order.
      if (x.dtype !== 'float32') return own.kernelFunc(params);
      const rowShape = x.shape.slice(segmentIds.rank);
      return tf.tidy(() => {
        const chosen = tf.oneHot(tf.reshape(segmentIds, [-1]), numSegments, 1, 0, 'float32');
        const sums = tf.matMul(chosen, tf.reshape(x, [segmentIds.size, -1]), true);
        return tf.reshape(sums, [numSegments, ...rowShape]);
      });
    },
  });
}

/** The part of the package `webgpu` that is used. */
interface Dawn {
  readonly create: (options: readonly string[]) => {
    requestAdapter(): Promise<{
      readonly info: Readonly<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;
    } | null>;
  };
  readonly globals: object;
}

/** TensorFlow.js on WebGPU, which Dawn brings to Node. */
export async function openTfjsWebgpu(): Promise<Engine> {
  const name = 'tfjs:webgpu';
  const { create, globals } = (await importOptional(name, 'webgpu')) as Dawn;
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) {
    throw new EngineError(
      `The engine ${name} finds no GPU here. On Linux it needs a Vulkan driver and libvulkan1; a software driver does as ` +
        'well (docs/engines.md).',
    );
  }
  // Node has a navigator of its own from version 21 on, without a GPU.
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  await importOptional(name, '@tensorflow/tfjs-backend-webgpu', TFJS_VERSION);
  await initialise(name, 'webgpu');
  addRowsAsProduct();
  const { vendor, architecture, device, description } = adapter.info;
  const named = [vendor, architecture, description || device].filter((part) => part !== '').join(' ');
  return backendEngine('webgpu', {
    name,
    version: `tfjs ${TFJS_VERSION}, tfjs-backend-webgpu ${TFJS_VERSION}`,
    device: named === '' ? gpuName() : named,
  });
}
