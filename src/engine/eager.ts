/**
 * Eager engines: the same functions run at once on a tfjs backend, one operation after the other. On the backend `cpu` it is
 * the reference. State and metrics stay on the backend's device until a call has made all of its steps.
 */
import { tf, type Tensor } from '../ops/tf.js';
import { cpuModel } from './cpu.js';
import { requirePrecision } from './engineError.js';
import type {
  Engine,
  EngineInfo,
  Executable,
  ExecutableFunction,
  FunctionProgram,
  StepProgram,
} from './executable.js';
import { nextTurn } from './nextTurn.js';
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

  async getState(): Promise<HostTensors> {
    const { state } = this;
    const values = this.program.state.map(
      async ({ name }) => [name, ((await state[name]!.data()) as HostArray).slice()] as const,
    );
    return Object.fromEntries(await Promise.all(values));
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    for (const spec of this.program.perStep) {
      checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
    }
    selectBackend(this.backend);
    // The state from before the call lives until all steps are made and read, so that a failed call leaves it as it was.
    let current: Tensors = this.state;
    const metrics: Tensors[] = [];
    try {
      for (let i = 0; i < stepCount; i++) {
        const next = this.step(current, this.inputsOf(i, perStep));
        metrics.push(next.metrics);
        disposeUnlessIn(current, next.state, this.state);
        current = next.state;
      }
      const values = await this.read(metrics);
      disposeUnlessIn(this.state, current);
      this.state = current;
      await nextTurn();
      return values;
    } catch (error) {
      disposeUnlessIn(current, this.state);
      throw error;
    } finally {
      tf.dispose(metrics);
    }
  }

  private step(state: Tensors, inputs: HostTensors): { state: Tensors; metrics: Tensors } {
    return tf.tidy(() => {
      const tensors = this.program.perStep.map(
        (spec) => [spec.name, upload(spec, inputs[spec.name]!)] as const,
      );
      return this.program.step(state, Object.fromEntries(tensors));
    });
  }

  /** Each metric of all steps, in one transfer each. */
  private async read(steps: readonly Tensors[]): Promise<Record<string, Float32Array>> {
    const values = this.program.metrics.map(async (name) => {
      const series = tf.stack(steps.map((metrics) => metrics[name]!));
      try {
        return [name, Float32Array.from(await series.data())] as const;
      } finally {
        series.dispose();
      }
    });
    return Object.fromEntries(await Promise.all(values));
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
      try {
        const values = Object.entries(outputs).map(
          async ([name, tensor]) => [name, (await tensor.data()).slice() as Float32Array] as const,
        );
        const results = Object.fromEntries(await Promise.all(values));
        await nextTurn();
        return results;
      } finally {
        tf.dispose(outputs);
      }
    },
    async dispose() {
      return Promise.resolve();
    },
  };
}

/** An engine over a tfjs backend that is registered and initialised. */
export const backendEngine = (backend: string, info: EngineInfo): Engine => ({
  info,
  async compileStep(program, { precision }) {
    requirePrecision(info.name, precision);
    return Promise.resolve(new EagerExecutable(program, backend));
  },
  async compileFunction(program, { precision }) {
    requirePrecision(info.name, precision);
    return Promise.resolve(eagerFunction(program, backend));
  },
});

/** TensorFlow.js in plain JavaScript: the reference. */
export const eagerEngine: Engine = backendEngine('cpu', {
  name: 'tfjs:cpu',
  version: `tfjs ${tf.version_core}`,
  device: cpuModel(),
});
