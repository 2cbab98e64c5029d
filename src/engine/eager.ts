/** The reference engine: the same functions run at once on a tfjs backend, one operation after the other. */
import { tf, type Tensor } from '../ops/tf.js';
import type { Engine, Executable, ExecutableFunction, FunctionProgram, StepProgram } from './executable.js';
import { checkLength, sizeOf, type HostArray, type HostTensors, type TensorSpec } from './tensors.js';
import type { Tensors } from './trace/trace.js';

const upload = ({ shape, dtype }: TensorSpec, data: HostArray): Tensor => tf.tensor(data, [...shape], dtype);

function selectBackend(name: string): void {
  if (tf.getBackend() !== name) void tf.setBackend(name);
}

/** Lets go of tensors that none of the `kept` records holds: a step may return a tensor of its state unchanged. */
function disposeUnlessIn(tensors: Tensors, ...kept: readonly Tensors[]): void {
  const living = new Set(kept.flatMap((record) => Object.values(record)));
  tf.dispose(Object.values(tensors).filter((tensor) => !living.has(tensor)));
}

class EagerExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly backend: string;
  private state: Tensors = {};

  constructor(program: StepProgram, backend: string) {
    this.program = program;
    this.backend = backend;
  }

  setState(state: HostTensors): void {
    selectBackend(this.backend);
    const values = this.program.state.map((spec) => checkLength(spec, state[spec.name], sizeOf(spec.shape)));
    tf.dispose(Object.values(this.state));
    this.state = Object.fromEntries(
      this.program.state.map((spec, i) => [spec.name, upload(spec, values[i]!.slice())]),
    );
  }

  getState(): HostTensors {
    return Object.fromEntries(
      this.program.state.map(({ name }) => [name, (this.state[name]!.dataSync() as HostArray).slice()]),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    for (const spec of this.program.perStep) {
      checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
    }
    selectBackend(this.backend);
    const metrics = Object.fromEntries(
      this.program.metrics.map((name) => [name, new Float32Array(stepCount)]),
    );
    // The state from before the call lives until all steps are made, so that a failed call leaves it as it was.
    let current: Tensors = this.state;
    try {
      for (let i = 0; i < stepCount; i++) {
        const next = this.step(
          current,
          this.inputsOf(i, perStep),
          (name, value) => (metrics[name]![i] = value),
        );
        disposeUnlessIn(current, next, this.state);
        current = next;
      }
    } catch (error) {
      disposeUnlessIn(current, this.state);
      throw error;
    }
    disposeUnlessIn(this.state, current);
    this.state = current;
    return Promise.resolve(metrics);
  }

  private step(
    state: Tensors,
    inputs: HostTensors,
    report: (metric: string, value: number) => void,
  ): Tensors {
    return tf.tidy(() => {
      const tensors = this.program.perStep.map(
        (spec) => [spec.name, upload(spec, inputs[spec.name]!)] as const,
      );
      const result = this.program.step(state, Object.fromEntries(tensors));
      for (const name of this.program.metrics) report(name, result.metrics[name]!.dataSync()[0]!);
      tf.dispose(Object.values(result.metrics));
      return result.state;
    });
  }

  private inputsOf(i: number, perStep: HostTensors): HostTensors {
    return Object.fromEntries(
      this.program.perStep.map(({ name, shape }) => {
        const size = sizeOf(shape);
        return [name, perStep[name]!.slice(i * size, (i + 1) * size)];
      }),
    );
  }

  async dispose(): Promise<void> {
    tf.dispose(Object.values(this.state));
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
