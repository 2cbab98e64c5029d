/**
 * The default engine: a traced step as one ONNX graph, run by ONNX Runtime, many steps a call in one `Loop`. On CUDA the state
 * is on the GPU through all steps of a call; between calls it is on the host, since the Node binding takes no CUDA memory.
 */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { cpuModel } from './cpu.js';
import { requirePrecision } from './engineError.js';
import type { Engine, EngineInfo, Executable, StepProgram } from './executable.js';
import type { OnnxGraph } from './onnx/graph.js';
import { encodeLoop, FINAL, INITIAL, STEP_COUNT } from './onnx/encode.js';
import {
  compileOrtFunction,
  hostTensor,
  isOptimised,
  ORT_VERSION,
  sessionOf,
  type Provider,
} from './ortSession.js';
import { traceStep } from './stepGraph.js';
import {
  checkLength,
  hostArray,
  sizeOf,
  type HostArray,
  type HostTensors,
  type TensorSpec,
} from './tensors.js';

const filled = (specs: readonly TensorSpec[]): Record<string, Tensor> =>
  Object.fromEntries(
    specs.map((spec) => [spec.name, hostTensor(spec, hostArray(spec.dtype, sizeOf(spec.shape)))]),
  );

const prefixed = (prefix: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [prefix + name, value]));

class OrtExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly session: InferenceSession;
  /** Two sets of state: a call reads one and writes the other, so that a failed call leaves the state as it was. */
  private current: Record<string, Tensor>;
  private spare: Record<string, Tensor>;

  constructor(program: StepProgram, session: InferenceSession) {
    this.program = program;
    this.session = session;
    this.current = filled(program.state);
    this.spare = filled(program.state);
  }

  setState(state: HostTensors): void {
    const values = this.program.state.map((spec) => checkLength(spec, state[spec.name], sizeOf(spec.shape)));
    this.program.state.forEach(({ name }, i) => {
      (this.current[name]!.data as HostArray).set(values[i]!);
    });
  }

  async getState(): Promise<HostTensors> {
    return Promise.resolve(
      Object.fromEntries(
        this.program.state.map(({ name }) => [name, (this.current[name]!.data as HostArray).slice()]),
      ),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    const feeds = prefixed(INITIAL, this.current);
    feeds[STEP_COUNT] = new Tensor('int64', BigInt64Array.of(BigInt(stepCount)), []);
    for (const spec of this.program.perStep) {
      const data = checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
      feeds[`all/${spec.name}`] = hostTensor({ ...spec, shape: [stepCount, ...spec.shape] }, data);
    }
    const metrics = Object.fromEntries(
      this.program.metrics.map((name) => [name, new Float32Array(stepCount)]),
    );
    const fetches = prefixed(FINAL, this.spare);
    for (const [name, values] of Object.entries(metrics))
      fetches[`all/${name}`] = new Tensor('float32', values, [stepCount]);
    await this.session.run(feeds, fetches);
    [this.current, this.spare] = [this.spare, this.current];
    return metrics;
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** An engine that makes many steps a call, on a provider of ONNX Runtime that has `Loop`. */
export const loopEngine = (info: EngineInfo, provider: Provider): Engine => ({
  info,
  async compileStep(program, options) {
    requirePrecision(info.name, options.precision);
    const graph = traceStep(program, isOptimised(options) ? 'fused' : 'naive');
    const encode = (prepared: OnnxGraph): Uint8Array => encodeLoop(prepared, program);
    // Which inputs are state and which differ from step to step decides the loop.
    const { state, perStep, metrics } = program;
    const form = `loop ${JSON.stringify([state, perStep, metrics])}`;
    return new OrtExecutable(program, await sessionOf(graph, form, encode, provider, options));
  },
  async compileFunction(program, options) {
    requirePrecision(info.name, options.precision);
    return compileOrtFunction(program, provider, options);
  },
});

export const ortEngine: Engine = loopEngine(
  { name: 'onnx:cpu', version: ORT_VERSION, device: cpuModel() },
  'cpu',
);
