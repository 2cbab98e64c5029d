/** The reference engine: the same functions run at once on a tfjs backend, one operation after the other. */
import { tf, type Tensor } from '../ops/tf.js';
import type { Engine, Executable, ExecutableFunction, FunctionProgram, StepProgram } from './executable.js';
import { sizeOf, type HostArray, type HostTensors, type TensorSpec } from './tensors.js';
import type { Tensors } from './trace/trace.js';

const upload = ({ shape, dtype }: TensorSpec, data: HostArray): Tensor => tf.tensor(data, [...shape], dtype);

function selectBackend(name: string): void {
  if (tf.getBackend() !== name) void tf.setBackend(name);
}

class EagerExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly backend: string;
  private state: Record<string, Tensor> = {};

  constructor(program: StepProgram, backend: string) {
    this.program = program;
    this.backend = backend;
  }

  setState(state: HostTensors): void {
    selectBackend(this.backend);
    tf.dispose(this.state);
    this.state = Object.fromEntries(
      this.program.state.map((spec) => [spec.name, upload(spec, state[spec.name]!)]),
    );
  }

  getState(): HostTensors {
    return Object.fromEntries(
      this.program.state.map(({ name }) => [name, (this.state[name]!.dataSync() as HostArray).slice()]),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    selectBackend(this.backend);
    const metrics = Object.fromEntries(
      this.program.metrics.map((name) => [name, new Float32Array(stepCount)]),
    );
    for (let i = 0; i < stepCount; i++) {
      const [next, scalars] = tf.tidy(() => {
        const result = this.program.step(this.state, this.inputsOf(i, perStep));
        return [result.state, result.metrics] as [Record<string, Tensor>, Record<string, Tensor>];
      });
      for (const name of this.program.metrics) metrics[name]![i] = scalars[name]!.dataSync()[0]!;
      // A step may return a state tensor unchanged; it must then live on.
      const kept = new Set(Object.values(next));
      tf.dispose([...Object.values(this.state).filter((old) => !kept.has(old)), ...Object.values(scalars)]);
      this.state = next;
    }
    return Promise.resolve(metrics);
  }

  private inputsOf(i: number, perStep: HostTensors): Tensors {
    return Object.fromEntries(
      this.program.perStep.map((spec) => {
        const size = sizeOf(spec.shape);
        return [spec.name, upload(spec, perStep[spec.name]!.slice(i * size, (i + 1) * size))];
      }),
    );
  }

  async dispose(): Promise<void> {
    tf.dispose(this.state);
    this.state = {};
    return Promise.resolve();
  }
}

function eagerFunction(program: FunctionProgram, backend: string): ExecutableFunction {
  return {
    async run(inputs) {
      selectBackend(backend);
      const outputs = tf.tidy(() =>
        program.fn(
          Object.fromEntries(program.inputs.map((spec) => [spec.name, upload(spec, inputs[spec.name]!)])),
        ),
      );
      const results = Object.entries(outputs).map(
        ([name, value]) => [name, value.dataSync().slice() as Float32Array] as const,
      );
      tf.dispose(outputs);
      return Promise.resolve(Object.fromEntries(results));
    },
    async dispose() {
      return Promise.resolve();
    },
  };
}

/** An engine over a tfjs backend that is already registered, such as `cpu`. */
export const eagerEngine = (backend: string): Engine => ({
  info: { name: `tfjs:${backend}`, version: tf.version_core },
  async compileStep(program) {
    return Promise.resolve(new EagerExecutable(program, backend));
  },
  async compileFunction(program) {
    return Promise.resolve(eagerFunction(program, backend));
  },
});
