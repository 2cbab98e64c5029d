/** The engines there are, by name, and what each computes on and needs. Loads none of them. */

export const ENGINE_NAMES = [
  'onnx:cpu',
  'onnx:cuda',
  'onnx:webgpu',
  'native:cpu',
  'tfjs:cpu',
  'tfjs:wasm',
  'tfjs:webgpu',
  'tfjs:tensorflow',
] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

export const DEFAULT_ENGINE: EngineName = 'onnx:cpu';

/** Arithmetic of the matrix products of a training step; everything else, the state included, is f32. */
export const PRECISIONS = ['f32', 'bf16', 'f16'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface EngineFacts {
  readonly summary: string;
  /** What has to be there beside isoloss itself, in a sentence; null where nothing has. */
  readonly needs: string | null;
  /** Packages that npm has to have installed. */
  readonly packages: readonly string[];
  /**
   * What its processes compute on: cores of the CPU; the first GPU, all of them; or a GPU each (CUDA lets a process see one
   * alone, WebGPU does not).
   */
  readonly computesOn: 'cores' | 'first GPU' | 'a GPU each';
  /** Precisions that it can compute in, where its device can. */
  readonly precisions: readonly Precision[];
}

export const ENGINES: Readonly<Record<EngineName, EngineFacts>> = {
  'onnx:cpu': {
    summary: 'the traced graph, many steps a call, by ONNX Runtime on the CPU',
    needs: null,
    packages: [],
    computesOn: 'cores',
    precisions: PRECISIONS,
  },
  'onnx:cuda': {
    summary: 'the traced graph, many steps a call, by ONNX Runtime on an NVIDIA GPU',
    needs:
      'Linux x64, an NVIDIA driver with CUDA 12 and cuDNN 9, and the CUDA files of ONNX Runtime, which ' +
      '`ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js` fetches',
    packages: [],
    computesOn: 'a GPU each',
    precisions: PRECISIONS,
  },
  'onnx:webgpu': {
    summary: 'the traced graph, one step a call with its state on the GPU, by ONNX Runtime',
    needs: 'a GPU with a Vulkan driver and libvulkan1 (Linux), Direct3D 12 (Windows) or Metal (macOS)',
    packages: [],
    computesOn: 'first GPU',
    precisions: ['f32', 'f16'],
  },
  'native:cpu': {
    summary: 'the traced graph as one C file, compiled for this processor',
    needs: 'a C compiler (gcc or clang; Linux or macOS)',
    packages: [],
    computesOn: 'cores',
    precisions: ['f32'],
  },
  'tfjs:cpu': {
    summary: 'TensorFlow.js in plain JavaScript, one operation after the other: the reference',
    needs: null,
    packages: [],
    computesOn: 'cores',
    precisions: ['f32'],
  },
  'tfjs:wasm': {
    summary: 'TensorFlow.js in WebAssembly, one thread',
    needs: null,
    packages: ['@tensorflow/tfjs-backend-wasm'],
    computesOn: 'cores',
    precisions: ['f32'],
  },
  'tfjs:webgpu': {
    summary: 'TensorFlow.js on the GPU by Dawn',
    needs: 'a GPU with a Vulkan driver and libvulkan1 (Linux), Direct3D 12 (Windows) or Metal (macOS)',
    packages: ['@tensorflow/tfjs-backend-webgpu', 'webgpu'],
    computesOn: 'first GPU',
    precisions: ['f32'],
  },
  'tfjs:tensorflow': {
    summary: 'TensorFlow.js over the TensorFlow library, on the CPU or, with tfjs-node-gpu, an NVIDIA GPU',
    needs: '@tensorflow/tfjs-node-gpu instead needs an NVIDIA driver, CUDA and cuDNN',
    packages: ['@tensorflow/tfjs-node'],
    computesOn: 'cores',
    precisions: ['f32'],
  },
};
