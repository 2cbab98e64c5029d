/** The tracing backend: tfjs calls its kernels, they compute nothing and record a node each. */
import { callSite } from '../../ops/callSite.js';
import { tf, type NamedTensorInfoMap, type Tensor, type TensorInfo } from '../../ops/tf.js';
import type { UniformBackend } from '../../ops/uniform.js';
import { sameShape, type Shape } from '../tensors.js';
import { composites } from './composites.js';
import { contractionKernels } from './contractions.js';
import { convolutionKernels } from './convolutions.js';
import { elementwiseKernels } from './elementwise.js';
import {
  describeOrigin,
  TracedRandomError,
  TracedShapeError,
  TracedTypeError,
  TracedValueError,
  UnsupportedOperationError,
} from './errors.js';
import { fusedKernels } from './fused.js';
import type { Attrs, AttrValue, ConstantData, TraceDType, TraceNode, TraceValue } from './graph.js';
import type { Kernel, KernelTable, TraceType } from './kernel.js';
import { poolingKernels } from './pooling.js';
import { selectionKernels } from './selection.js';
import { shapeKernels } from './shapes.js';

/** `naive` knows tfjs's own kernels only, so that `ops` run as their composites; `fused` has the project's kernels too. */
export type TraceMode = 'naive' | 'fused';

export const backendName = (mode: TraceMode): string => `isoloss-trace-${mode}`;

const plainKernels: KernelTable = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...selectionKernels,
  ...contractionKernels,
  ...convolutionKernels,
  ...poolingKernels,
};

/** The kernel table of a mode. */
export const kernelsOf = (mode: TraceMode): KernelTable =>
  mode === 'naive' ? plainKernels : { ...plainKernels, ...fusedKernels };

/** The kernel of a recorded node. */
export function kernelNamed(name: string): Kernel {
  const kernel = plainKernels[name] ?? fusedKernels[name];
  if (kernel === undefined) throw new UnsupportedOperationError(name);
  return kernel;
}

type Slot =
  | { readonly kind: 'traced'; readonly value: TraceValue }
  | { readonly kind: 'host'; readonly data: ConstantData; readonly dtype: TraceDType };

/**
 * tfjs's functions that draw random numbers on the host, found on the stack of the write that stores them. Their frames end
 * in an underscore (`at randomNormal_ (...)`), which keeps files and models of these names out.
 */
const RANDOM_OPERATION =
  /^\s*at (?:\S+\.)?(rand|randomNormal|randomUniform|randomUniformInt|randomStandardNormal|truncatedNormal|randomGamma)_(?:_op)? /m;

function cleanAttrs(attrs: Readonly<Record<string, unknown>> | undefined): Attrs {
  return Object.fromEntries(
    Object.entries(attrs ?? {}).flatMap(([name, value]): [string, AttrValue][] =>
      value === undefined
        ? []
        : [[name, Array.isArray(value) ? [...(value as number[])] : (value as AttrValue)]],
    ),
  );
}

function hostData(values: unknown, dtype: string): { data: ConstantData; dtype: TraceDType } {
  if (dtype === 'float32') return { data: Float32Array.from(values as ArrayLike<number>), dtype };
  if (dtype === 'int32') return { data: Int32Array.from(values as ArrayLike<number>), dtype };
  if (dtype === 'bool') return { data: Uint8Array.from(values as ArrayLike<number>), dtype };
  throw new Error(`tensors of dtype ${dtype} cannot be traced; use float32, int32 or bool`);
}

/** Names the line that made the call: when the error is thrown, the call is no longer on the stack. */
function placed(error: Error): Error {
  const { place } = callSite(error.stack ?? '');
  if (place !== null) error.message += ` (at ${place})`;
  return error;
}

/** What a kernel gives, checked: tfjs looks at shapes in its kernels, which are not run. */
function inferred(
  kernelName: string,
  kernel: Kernel,
  inputs: readonly TraceValue[],
  attrs: Attrs,
): readonly TraceType[] {
  try {
    const types = kernel.infer(inputs, attrs);
    const odd = types.find(({ shape }) => !shape.every((dim) => Number.isInteger(dim) && dim >= 0));
    if (odd !== undefined) throw new Error(`the result would have the shape [${odd.shape.join()}]`);
    return types;
  } catch (error) {
    throw new TracedShapeError(kernelName, inputs, error);
  }
}

/** State with a life: lives as long as the process, its slots as long as one trace. */
export class TraceBackend extends tf.KernelBackend implements UniformBackend {
  private slots = new WeakMap<object, Slot>();
  /** Constants are one value per tensor, so that a mask used by every layer is stored once. */
  private constantValues = new WeakMap<object, TraceValue>();
  private recorded: TraceNode[] = [];
  private refused: Error | null = null;
  private onRecord: ((node: TraceNode) => void) | null = null;

  /** Forgets what was recorded before. @param onRecord is told of every node when it is recorded */
  begin(onRecord: ((node: TraceNode) => void) | null = null): void {
    this.slots = new WeakMap();
    this.constantValues = new WeakMap();
    this.recorded = [];
    this.refused = null;
    this.onRecord = onRecord;
  }

  get nodes(): readonly TraceNode[] {
    return this.recorded;
  }

  input(name: string, shape: Shape, dtype: TraceDType): TensorInfo {
    return this.store({ shape, dtype, origin: { kind: 'input', name } });
  }

  /** A float32 constant that holds one number everywhere, whatever its size. */
  uniform(shape: Shape, value: number): TensorInfo {
    return this.store({ shape, dtype: 'float32', origin: { kind: 'uniform', value } });
  }

  /** The value behind a tensor; a tensor made from host data becomes a constant of the graph. */
  traced(info: TensorInfo): TraceValue {
    const slot = this.slots.get(info.dataId);
    if (slot === undefined) {
      throw new Error(
        `a tensor of shape [${info.shape.join()}] made outside the traced function was used in it: make constants inside the ` +
          'function, and give what is to be trained as a parameter',
      );
    }
    if (slot.kind === 'traced') {
      if (!sameShape(slot.value.shape, info.shape))
        throw new Error(`traced shape [${slot.value.shape.join()}] is not [${info.shape.join()}]`);
      return slot.value;
    }
    const known = this.constantValues.get(info.dataId);
    if (known !== undefined && sameShape(known.shape, info.shape)) return known;
    const value: TraceValue = {
      shape: [...info.shape],
      dtype: slot.dtype,
      origin: { kind: 'constant', data: slot.data },
    };
    this.constantValues.set(info.dataId, value);
    return value;
  }

  record(kernelName: string, kernel: Kernel, inputs: readonly TensorInfo[], attrs: Attrs): TensorInfo[] {
    const values = inputs.map((info) => this.traced(info));
    const { accepts } = kernel;
    const refused = values.find(({ dtype }) => accepts?.includes(dtype) === false);
    if (refused !== undefined) throw new TracedTypeError(kernelName, refused.dtype, accepts!);
    const outputs: TraceValue[] = [];
    const node: TraceNode = { kernel: kernelName, inputs: values, attrs, outputs };
    for (const { shape, dtype } of inferred(kernelName, kernel, values, attrs)) {
      outputs.push({ shape: [...shape], dtype, origin: { kind: 'node', node, index: outputs.length } });
    }
    this.recorded.push(node);
    this.onRecord?.(node);
    return outputs.map((value) => this.store(value));
  }

  private store(value: TraceValue): TensorInfo {
    const dataId = {};
    this.slots.set(dataId, { kind: 'traced', value });
    return { dataId, shape: [...value.shape], dtype: value.dtype };
  }

  override write(values: unknown, _shape: number[], dtype: string): object {
    const random = RANDOM_OPERATION.exec(new Error('stack').stack ?? '');
    if (random !== null) throw new TracedRandomError(`tf.${random[1]!}`);
    const dataId = {};
    this.slots.set(dataId, { kind: 'host', ...hostData(values, dtype) });
    return dataId;
  }

  override move(dataId: object, values: unknown, _shape: number[], dtype: string): void {
    this.slots.set(dataId, { kind: 'host', ...hostData(values, dtype) });
  }

  override readSync(dataId: object): ConstantData {
    const slot = this.slots.get(dataId);
    if (slot === undefined) throw new TracedValueError('an unknown operation');
    if (slot.kind === 'traced') throw new TracedValueError(describeOrigin(slot.value));
    return slot.data;
  }

  /**
   * A read that has to wait is refused when the trace ends (`refusedRead`): nobody would be there to see the promise rejected,
   * and Node would end the process. It is never settled.
   */
  override read(dataId: object): Promise<ConstantData> {
    try {
      return Promise.resolve(this.readSync(dataId));
    } catch (error) {
      this.refused ??= placed(error as Error);
      return new Promise(() => undefined);
    }
  }

  /** The error of the first asynchronous read of a value that there is not; null where there was none. */
  get refusedRead(): Error | null {
    return this.refused;
  }

  // Tensors are records here: nothing is allocated, so nothing is counted or freed.
  override disposeData(): boolean {
    return true;
  }
  override incRef(): void {
    return;
  }
  decRef(): void {
    return;
  }
  override refCount(): number {
    return 1;
  }
  override numDataIds(): number {
    return 0;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override dispose(): void {
    this.begin();
  }
}

const backends = new Map<TraceMode, TraceBackend>();

/** The backend of a mode, registered with tfjs on first use together with its kernels. */
export function traceBackend(mode: TraceMode): TraceBackend {
  const known = backends.get(mode);
  if (known !== undefined) return known;
  const backend = new TraceBackend();
  backends.set(mode, backend);
  tf.registerBackend(backendName(mode), () => backend, 0);
  const table = kernelsOf(mode);
  for (const [kernelName, kernel] of Object.entries(table)) {
    tf.registerKernel({
      kernelName,
      backendName: backendName(mode),
      kernelFunc: ({ inputs, attrs }) => {
        const outputs = backend.record(kernelName, kernel, inputList(kernel, inputs), cleanAttrs(attrs));
        return outputs.length === 1 && kernel.givesList !== true ? outputs[0]! : outputs;
      },
    });
  }
  for (const [kernelName, composite] of Object.entries(composites)) {
    tf.registerKernel({
      kernelName,
      backendName: backendName(mode),
      kernelFunc: ({ inputs, attrs }) => composite(inputs as Record<string, Tensor>, attrs ?? {}),
    });
  }
  // Every other kernel that tfjs knows: an error that names it, instead of tfjs's own about backends.
  for (const { kernelName } of tf.getKernelsForBackend('cpu')) {
    if (kernelName in table || kernelName in composites) continue;
    tf.registerKernel({
      kernelName,
      backendName: backendName(mode),
      kernelFunc: () => {
        throw new UnsupportedOperationError(kernelName);
      },
    });
  }
  return backend;
}

function inputList(kernel: Kernel, inputs: NamedTensorInfoMap): TensorInfo[] {
  if (kernel.inputNames === 'list') return Object.values(inputs) as TensorInfo[];
  return kernel.inputNames.flatMap((name) => inputs[name] ?? []);
}
