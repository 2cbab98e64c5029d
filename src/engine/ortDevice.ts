/**
 * ONNX Runtime on WebGPU, which has no `Loop`: one step a call of the session, the state that a step returns kept as buffers of
 * the GPU and given to the next.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { EngineError, requirePrecision } from './engineError.js';
import type { Engine, EngineInfo, EngineOptions, Executable, StepProgram } from './executable.js';
import { encodeFunction, NEXT } from './onnx/encode.js';
import { GraphBuilder } from './onnx/graph.js';
import {
  compileOrtFunction,
  createSession,
  feedsOf,
  hostTensor,
  isOptimised,
  prepare,
} from './ortSession.js';
import { traceStep } from './stepGraph.js';
import { checkLength, sizeOf, type HostArray, type HostTensors, type TensorSpec } from './tensors.js';

const PROVIDER = 'webgpu';

type State = Readonly<Record<string, Tensor>>;

/** A session that hands back what it is given: the way from the GPU to the host, which the binding has no other for. */
async function downloadSession(specs: readonly TensorSpec[]): Promise<InferenceSession> {
  const builder = new GraphBuilder(false);
  const inputs = specs.map((spec) => builder.input(spec.name, spec));
  const outputs = inputs.map((value) => ({ name: NEXT + value.inputName!, value }));
  return createSession(encodeFunction({ inputs, outputs, nodes: [] }), PROVIDER, { threads: 1 });
}

class StepwiseExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly session: InferenceSession;
  private download: InferenceSession | null = null;
  /** On the host until the first step is made, on the GPU from then on. */
  private state: State = {};

  constructor(program: StepProgram, session: InferenceSession) {
    this.program = program;
    this.session = session;
  }

  setState(state: HostTensors): void {
    const values = this.program.state.map((spec) => checkLength(spec, state[spec.name], sizeOf(spec.shape)));
    this.free(this.state);
    this.state = Object.fromEntries(
      this.program.state.map((spec, i) => [spec.name, hostTensor(spec, values[i]!.slice())]),
    );
  }

  async getState(): Promise<HostTensors> {
    this.download ??= await downloadSession(this.program.state);
    const copies = await this.download.run(this.state);
    return Object.fromEntries(
      this.program.state.map(({ name }) => [name, (copies[NEXT + name]!.data as HostArray).slice()]),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    for (const spec of this.program.perStep)
      checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
    const metrics = Object.fromEntries(
      this.program.metrics.map((name) => [name, new Float32Array(stepCount)]),
    );
    // The state from before the call lives until all steps are made, so that a failed call leaves it as it was.
    let current = this.state;
    try {
      for (let i = 0; i < stepCount; i++) {
        const results = await this.session.run({ ...current, ...this.inputsOf(i, perStep) });
        for (const [name, values] of Object.entries(metrics)) values[i] = results[name]!.data[0] as number;
        if (current !== this.state) this.free(current);
        current = Object.fromEntries(this.program.state.map(({ name }) => [name, results[NEXT + name]!]));
      }
    } catch (error) {
      if (current !== this.state) this.free(current);
      throw error;
    }
    if (current !== this.state) this.free(this.state);
    this.state = current;
    return metrics;
  }

  private inputsOf(i: number, perStep: HostTensors): Record<string, Tensor> {
    const slices = this.program.perStep.map(({ name, shape }): [string, HostArray] => {
      const size = sizeOf(shape);
      return [name, perStep[name]!.slice(i * size, (i + 1) * size)];
    });
    return feedsOf(this.program.perStep, Object.fromEntries(slices));
  }

  private free(state: State): void {
    for (const tensor of Object.values(state)) tensor.dispose();
  }

  async dispose(): Promise<void> {
    this.free(this.state);
    this.state = {};
    await this.session.release();
    await this.download?.release();
  }
}

/** Half precision is a feature of a WebGPU device, which a small product shows. @throws EngineError where it has none */
async function requireHalf(device: string): Promise<void> {
  const builder = new GraphBuilder(false);
  const type = { shape: [4, 4], dtype: 'float32' } as const;
  const x = builder.input('x', type);
  const half = builder.cast(x, 'float16');
  const product = builder.op('MatMul', [half, half], { ...type, dtype: 'float16' });
  const outputs = [{ name: 'y', value: builder.cast(product, 'float32') }];
  const ones = new Float32Array(16).fill(1);
  try {
    const model = encodeFunction({ inputs: [x], outputs, nodes: builder.nodes });
    const session = await createSession(model, PROVIDER, { threads: 1 });
    const { y } = await session.run(feedsOf([{ name: 'x', ...type }], { x: ones }));
    await session.release();
    if (y!.data[0] !== 4) throw new Error(`a product of ones gave ${String(y!.data[0])} instead of 4`);
  } catch (error) {
    throw new EngineError(
      `The device of onnx:webgpu (${device}) computes no f16 products: ${error instanceof Error ? error.message : String(error)}. ` +
        'Take precision: f32, or another engine (--engine).',
    );
  }
}

/** ONNX Runtime's WebGPU provider, over the adapter that Dawn chooses. */
export const webgpuEngine = (info: EngineInfo): Engine => {
  const check = async ({ precision }: EngineOptions): Promise<void> => {
    requirePrecision(info.name, precision);
    if (precision === 'f16') await requireHalf(info.device);
  };
  return {
    info,
    async compileStep(program, options) {
      await check(options);
      const graph = await prepare(
        traceStep(program, isOptimised(options) ? 'fused' : 'naive'),
        PROVIDER,
        options,
      );
      const location = (name: string) => (name.startsWith(NEXT) ? 'gpu-buffer' : 'cpu');
      const session = await createSession(encodeFunction(graph), PROVIDER, options, {
        preferredOutputLocation: Object.fromEntries(graph.outputs.map(({ name }) => [name, location(name)])),
      });
      return new StepwiseExecutable(program, session);
    },
    async compileFunction(program, options) {
      await check(options);
      return compileOrtFunction(program, PROVIDER, options);
    },
  };
};
