/** The default engine: a traced step as one ONNX graph, run by ONNX Runtime on the CPU, many steps a call. */
import { createRequire } from 'node:module';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeFunction, encodeLoop, FINAL, INITIAL, STEP_COUNT } from './onnx/encode.js';
import type { OnnxGraph } from './onnx/graph.js';
import { lower } from './onnx/lower.js';
import { optimise, passesFor } from './passes/index.js';
import type {
  Engine,
  EngineOptions,
  Executable,
  ExecutableFunction,
  FunctionProgram,
  StepProgram,
} from './executable.js';
import { traceStep } from './stepGraph.js';
import {
  checkLength,
  hostArray,
  sizeOf,
  type HostArray,
  type HostTensors,
  type TensorSpec,
} from './tensors.js';
import { trace } from './trace/trace.js';
import type { TraceGraph } from './trace/graph.js';

const require = createRequire(import.meta.url);
const { version } = require('onnxruntime-node/package.json') as { version: string };

/** From the recorded graph to the graph that is run. */
const prepare = (graph: TraceGraph, { optimise: optimised = true, threads }: EngineOptions): OnnxGraph =>
  optimised ? optimise(lower(graph), passesFor(threads)) : lower(graph);

// Parallel execution mode and a disabled memory arena were both measured to be slow; other options made no difference.
async function createSession(
  model: Uint8Array,
  { threads, optimise: optimised = true }: EngineOptions,
): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: optimised ? 'all' : 'disabled',
    // A planned block of memory would come on top of what the first step has taken: 300 of 990 MiB at (256, 6).
    enableMemPattern: false,
    logSeverityLevel: 3,
    // ONNX Runtime's fused activation is slower than a Relu in place.
    extra: { optimization: { disable_specified_optimizers: 'GemmActivationFusion' } },
  });
}

const tensor = ({ dtype, shape }: TensorSpec, data: HostArray): Tensor =>
  dtype === 'float32'
    ? new Tensor('float32', data as Float32Array, shape)
    : new Tensor('int32', data as Int32Array, shape);

const filled = (specs: readonly TensorSpec[]): Record<string, Tensor> =>
  Object.fromEntries(
    specs.map((spec) => [spec.name, tensor(spec, hostArray(spec.dtype, sizeOf(spec.shape)))]),
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

  getState(): HostTensors {
    return Object.fromEntries(
      this.program.state.map(({ name }) => [name, (this.current[name]!.data as HostArray).slice()]),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    const feeds = prefixed(INITIAL, this.current);
    feeds[STEP_COUNT] = new Tensor('int64', BigInt64Array.of(BigInt(stepCount)), []);
    for (const spec of this.program.perStep) {
      const data = checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
      feeds[`all/${spec.name}`] = tensor({ ...spec, shape: [stepCount, ...spec.shape] }, data);
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

async function compileFunction(
  program: FunctionProgram,
  options: EngineOptions,
): Promise<ExecutableFunction> {
  const optimised = options.optimise ?? true;
  const graph = prepare(trace(program.fn, program.inputs, optimised ? 'fused' : 'naive'), options);
  const session = await createSession(encodeFunction(graph), options);
  return {
    async run(inputs) {
      const feeds = program.inputs.map((spec) => [
        spec.name,
        tensor(spec, checkLength(spec, inputs[spec.name], sizeOf(spec.shape))),
      ]);
      const results = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
      return Object.fromEntries(
        Object.entries(results).map(([name, value]) => [name, value.data as Float32Array]),
      );
    },
    async dispose() {
      await session.release();
    },
  };
}

export const ortEngine: Engine = {
  info: { name: 'onnx:cpu', version },
  async compileStep(program, options) {
    const optimised = options.optimise ?? true;
    const graph = prepare(traceStep(program, optimised ? 'fused' : 'naive'), options);
    return new OrtExecutable(program, await createSession(encodeLoop(graph, program), options));
  },
  compileFunction,
};
