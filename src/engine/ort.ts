/**
 * The default engine: a traced step as one ONNX graph, run by ONNX Runtime, many steps a call in one `Loop`. On CUDA the state
 * is on the GPU through all steps of a call; between calls it is on the host, since the Node binding takes no CUDA memory.
 */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { cpuModel } from './cpu.js';
import { requirePrecision } from './engineError.js';
import type { Engine, EngineInfo, Executable, StepProgram } from './executable.js';
import { encodeLoop, FINAL, INITIAL, STEP_COUNT } from './onnx/encode.js';
import type { OnnxGraph } from './onnx/graph.js';
import type { Provider } from './ortOptions.js';
import { compileOrtFunction, hostTensor, isOptimised, ORT_VERSION, sessionOf } from './ortSession.js';
import { compileDivided, isDivided } from './partThreads.js';
import { traceStep } from './stepGraph.js';
import { checkLength, hostArray, sizeOf, type HostArray, type HostTensors } from './tensors.js';

/** Frees the memory of arrays at once; the garbage collector lets one more state pile up, or two. */
const letGo = (arrays: readonly HostArray[]): void => {
  structuredClone(null, { transfer: arrays.map(({ buffer }) => buffer as ArrayBuffer) });
};

class OrtExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly session: InferenceSession;
  /** Its arrays are read and never written: a call makes new ones, so that a failed call leaves the state as it was. */
  private state: HostTensors;
  /** Whether somebody else may have the arrays of the state. */
  private isShared = false;

  constructor(program: StepProgram, session: InferenceSession) {
    this.program = program;
    this.session = session;
    this.state = Object.fromEntries(
      program.state.map(({ name, dtype, shape }) => [name, hostArray(dtype, sizeOf(shape))]),
    );
  }

  setState(state: HostTensors): void {
    this.state = Object.fromEntries(
      this.program.state.map((spec) => [spec.name, checkLength(spec, state[spec.name], sizeOf(spec.shape))]),
    );
    this.isShared = true;
  }

  async getState(): Promise<HostTensors> {
    this.isShared = true;
    return Promise.resolve({ ...this.state });
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    const feeds: Record<string, Tensor> = {
      [STEP_COUNT]: new Tensor('int64', BigInt64Array.of(BigInt(stepCount)), []),
    };
    for (const spec of this.program.state)
      feeds[INITIAL + spec.name] = hostTensor(spec, this.state[spec.name]!);
    for (const spec of this.program.perStep) {
      const data = checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
      feeds[`all/${spec.name}`] = hostTensor({ ...spec, shape: [stepCount, ...spec.shape] }, data);
    }
    // Results would be copied into arrays of ours as well: the binding makes new ones in any case.
    const results = await this.session.run(feeds);
    const data = (name: string): HostArray => results[name]!.data as HostArray;
    if (!this.isShared) letGo(Object.values(this.state));
    this.state = Object.fromEntries(this.program.state.map(({ name }) => [name, data(FINAL + name)]));
    this.isShared = false;
    return Object.fromEntries(
      this.program.metrics.map((name) => [name, data(`all/${name}`) as Float32Array]),
    );
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
    if (provider === 'cpu' && isOptimised(options) && isDivided(program, options)) {
      return compileDivided(program, options);
    }
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
