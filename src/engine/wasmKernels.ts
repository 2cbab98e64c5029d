/**
 * What a training step needs and TensorFlow.js's WebAssembly backend has not got. The gradient of the embedding is computed
 * here, on the backend's own memory; every other kernel that the cpu backend has and this one lacks runs on the cpu backend,
 * its operands and results copied: slow, and right.
 */
import { tf, type TensorInfo } from '../ops/tf.js';

type KernelConfig = Parameters<typeof tf.registerKernel>[0];
type Kernel = KernelConfig['kernelFunc'];
type Values = Float32Array | Int32Array | Uint8Array;

interface HostBackend {
  readSync(dataId: object): Values;
  write(values: Values, shape: number[], dtype: string): object;
  disposeData(dataId: object): boolean;
}

const BACKEND = 'wasm';

const store = (backend: HostBackend, values: Values, { shape, dtype }: Omit<TensorInfo, 'dataId'>): TensorInfo => ({
  dataId: backend.write(values, shape, dtype),
  shape,
  dtype,
});

/** Rows summed by segment: `out[ids[i]] += x[i]`; rows of other segments are dropped, as the cpu backend does. */
const unsortedSegmentSum: Kernel = ({ inputs, attrs, backend }) => {
  const host = backend as HostBackend;
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
  const numSegments = attrs!['numSegments'] as number;
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const width = rowShape.reduce((product, dim) => product * dim, 1);
  const rows = host.readSync(x.dataId);
  const sums = x.dtype === 'float32' ? new Float32Array(numSegments * width) : new Int32Array(numSegments * width);
  host.readSync(segmentIds.dataId).forEach((id, row) => {
    if (id < 0 || id >= numSegments) return;
    for (let column = 0; column < width; column++) sums[id * width + column]! += rows[row * width + column]!;
  });
  return store(host, sums, { shape: [numSegments, ...rowShape], dtype: x.dtype });
};

/** The cpu backend's kernel over copies of the operands. */
const onCpu =
  ({ kernelFunc }: KernelConfig): Kernel =>
  ({ inputs, attrs, backend }) => {
    const host = backend as HostBackend;
    const cpu = tf.findBackend('cpu') as unknown as HostBackend;
    const copies = Object.entries(inputs).map(([name, info]): [string, TensorInfo] => {
      const { dataId, shape, dtype } = info as TensorInfo;
      return [name, store(cpu, host.readSync(dataId), { shape, dtype })];
    });
    const results = kernelFunc({ inputs: Object.fromEntries(copies), attrs: attrs!, backend: cpu });
    const list = Array.isArray(results) ? results : [results];
    const moved = list.map((info) => store(host, cpu.readSync(info.dataId), info));
    for (const info of [...list, ...copies.map(([, copy]) => copy)]) cpu.disposeData(info.dataId);
    return Array.isArray(results) ? moved : moved[0]!;
  };

/** Names of the kernels that the backend lacks, those of this file left out of account. */
export function missingWasmKernels(): string[] {
  const known = new Set(tf.getKernelsForBackend(BACKEND).map(({ kernelName }) => kernelName));
  return tf
    .getKernelsForBackend('cpu')
    .map(({ kernelName }) => kernelName)
    .filter((name) => !known.has(name));
}

/** Registers them, once a process; the backend has to be registered. */
export function registerWasmKernels(): void {
  for (const kernelName of missingWasmKernels()) {
    const kernelFunc =
      kernelName === 'UnsortedSegmentSum' ? unsortedSegmentSum : onCpu(tf.getKernel(kernelName, 'cpu'));
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}
