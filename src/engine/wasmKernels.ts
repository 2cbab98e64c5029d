/**
 * What a training step needs and TensorFlow.js's WebAssembly backend has not got, or gets wrong. Sums by segment (the gradient
 * of the embedding), one-hot rows and truth values are computed here; every other kernel that the cpu backend has and this one lacks runs on
 * the cpu backend, its operands and results copied: slow, and right.
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

const store = (
  backend: HostBackend,
  values: Values,
  { shape, dtype }: Omit<TensorInfo, 'dataId'>,
): TensorInfo => ({
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
  const sums =
    x.dtype === 'float32' ? new Float32Array(numSegments * width) : new Int32Array(numSegments * width);
  host.readSync(segmentIds.dataId).forEach((id, row) => {
    if (id < 0 || id >= numSegments) return;
    for (let column = 0; column < width; column++) sums[id * width + column]! += rows[row * width + column]!;
  });
  return store(host, sums, { shape: [numSegments, ...rowShape], dtype: x.dtype });
};

/** The backend's own writes whole numbers, whatever type was asked for, which read as floats are 0. */
const oneHot: Kernel = ({ inputs, attrs, backend }) => {
  const host = backend as HostBackend;
  const { indices } = inputs as { indices: TensorInfo };
  const { depth, onValue, offValue } = attrs as unknown as Record<'depth' | 'onValue' | 'offValue', number>;
  const dtype = (attrs!['dtype'] ?? 'int32') as string;
  const rows = host.readSync(indices.dataId);
  const length = rows.length * depth;
  const values = (dtype === 'float32' ? new Float32Array(length) : new Int32Array(length)).fill(offValue);
  rows.forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return store(host, values, { shape: [...indices.shape, depth], dtype: dtype as TensorInfo['dtype'] });
};

/** The backend's own takes the bytes of a float for truth values. */
const castToBool =
  (own: Kernel): Kernel =>
  (params) => {
    if (params.attrs!['dtype'] !== 'bool') return own(params);
    const host = params.backend as HostBackend;
    const { x } = params.inputs as { x: TensorInfo };
    const values = Uint8Array.from(host.readSync(x.dataId), (value) => Number(value !== 0));
    return store(host, values, { shape: x.shape, dtype: 'bool' });
  };

/** The cpu backend's kernel over copies of the operands, which come by name or, in some kernels, as a list. */
const onCpu =
  ({ kernelFunc }: KernelConfig): Kernel =>
  ({ inputs, attrs, backend }) => {
    const host = backend as HostBackend;
    const cpu = tf.findBackend('cpu') as unknown as HostBackend;
    const copies = Object.entries(inputs).map(([name, info]): [string, TensorInfo] => {
      const { dataId, shape, dtype } = info!;
      return [name, store(cpu, host.readSync(dataId), { shape, dtype })];
    });
    const operands = Array.isArray(inputs) ? copies.map(([, copy]) => copy) : Object.fromEntries(copies);
    const results = kernelFunc({ inputs: operands as typeof inputs, attrs: attrs!, backend: cpu });
    const list = Array.isArray(results) ? results : [results];
    const moved = list.map((info) => store(host, cpu.readSync(info.dataId), info));
    for (const info of [...list, ...copies.map(([, copy]) => copy)]) cpu.disposeData(info.dataId);
    return Array.isArray(results) ? moved : moved[0]!;
  };

/** Names of the kernels that the cpu backend has and this one has not. */
function missingKernels(): string[] {
  const known = new Set(tf.getKernelsForBackend(BACKEND).map(({ kernelName }) => kernelName));
  return tf
    .getKernelsForBackend('cpu')
    .map(({ kernelName }) => kernelName)
    .filter((name) => !known.has(name));
}

/** Registers what is missing or wrong, once a process; the backend has to be registered. */
export function registerWasmKernels(): void {
  for (const kernelName of missingKernels()) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: onCpu(tf.getKernel(kernelName, 'cpu')),
    });
  }
  const own: Readonly<Record<string, Kernel>> = {
    UnsortedSegmentSum: unsortedSegmentSum,
    OneHot: oneHot,
    Cast: castToBool(tf.getKernel('Cast', BACKEND).kernelFunc),
  };
  for (const [kernelName, kernelFunc] of Object.entries(own)) {
    tf.unregisterKernel(kernelName, BACKEND);
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}
