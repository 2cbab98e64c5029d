/**
 * The engine native:cpu: a traced step as one C file, in which elementwise work is joined into loops, made into a library by the
 * system's compiler. Its memory is its own, so that nothing but inputs and metrics is copied at a call.
 */
import { cpuModel } from '../cpu.js';
import { EngineError, requirePrecision } from '../engineError.js';
import type { Engine, EngineOptions, Executable, ExecutableFunction, StepProgram } from '../executable.js';
import { modelKey } from '../modelKey.js';
import { nextTurn } from '../nextTurn.js';
import { traceStep } from '../stepGraph.js';
import {
  checkLength,
  hostArray,
  sizeOf,
  type HostArray,
  type HostTensors,
  type TensorSpec,
} from '../tensors.js';
import { trace } from '../trace/trace.js';
import type { TraceGraph } from '../trace/graph.js';
import { compileLibrary, machineKey } from './compile.js';
import { findCompiler, type Compiler } from './compiler.js';
import { loadLibrary, type Library } from './library.js';
import { laidOut, stepLayout, type StepLayout } from './memory.js';
import { placesOf, type Places } from './places.js';
import { stepSource } from './source.js';

const NOTHING = new Uint8Array(0);

/** A library that was kept; null where there is none, or none that this system loads. */
async function loaded(bytes: Uint8Array | null, places: Places): Promise<Library | null> {
  try {
    return bytes === null ? null : await loadLibrary(bytes, places);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return null;
  }
}

async function libraryOf(
  graph: TraceGraph,
  step: StepLayout,
  options: EngineOptions,
  compiler: Compiler,
): Promise<Library> {
  const form = `native ${machineKey(compiler)} ${JSON.stringify(step)}`;
  const key = options.cache === undefined ? null : modelKey(graph, form, options);
  const places = placesOf(options.cache?.folder);
  const kept = key === null ? null : await loaded(options.cache!.load(key), places);
  if (kept !== null) return kept;
  const bytes = await compileLibrary(
    stepSource(graph, step, options.threads),
    compiler,
    places,
    options.cache,
  );
  if (key !== null) options.cache!.save(key, bytes);
  return loadLibrary(bytes, places);
}

class NativeExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly library: Library;
  private readonly handle: object;
  private readonly offsets: readonly number[];

  constructor(program: StepProgram, library: Library, threads: number) {
    this.program = program;
    this.library = library;
    this.handle = library.open(NOTHING, threads);
    this.offsets = laidOut(program.state).offsets;
  }

  setState(state: HostTensors): void {
    const values = this.program.state.map((spec) => checkLength(spec, state[spec.name], sizeOf(spec.shape)));
    values.forEach((value, i) => this.library.write(this.handle, this.offsets[i]!, value));
  }

  async getState(): Promise<HostTensors> {
    const values = this.program.state.map(({ name, dtype, shape }, i): [string, HostArray] => {
      const value = hostArray(dtype, sizeOf(shape));
      this.library.read(this.handle, this.offsets[i]!, value);
      return [name, value];
    });
    return Promise.resolve(Object.fromEntries(values));
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    const inputs = this.program.perStep.map((spec) =>
      checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape)),
    );
    const metrics = this.program.metrics.map(() => new Float32Array(stepCount));
    this.library.run(this.handle, stepCount, inputs, metrics);
    await nextTurn();
    return Object.fromEntries(this.program.metrics.map((name, i) => [name, metrics[i]!]));
  }

  async dispose(): Promise<void> {
    this.library.close(this.handle);
    return Promise.resolve();
  }
}

/** A function as a step without state. */
function functionOf(
  library: Library,
  graph: TraceGraph,
  inputs: readonly TensorSpec[],
  threads: number,
): ExecutableFunction {
  const handle = library.open(NOTHING, threads);
  return {
    async run(values) {
      const given = inputs.map((spec) => checkLength(spec, values[spec.name], sizeOf(spec.shape)));
      const results = graph.outputs.map(({ value }) => arrayOf(value.dtype, sizeOf(value.shape)));
      library.run(handle, 1, given, results);
      await nextTurn();
      return Object.fromEntries(graph.outputs.map(({ name }, i) => [name, results[i]! as Float32Array]));
    },
    async dispose() {
      library.close(handle);
      return Promise.resolve();
    },
  };
}

const arrayOf = (dtype: string, length: number): ArrayBufferView =>
  dtype === 'bool' ? new Uint8Array(length) : hostArray(dtype as 'float32' | 'int32', length);

const namesOf = (specs: readonly { readonly name: string }[]): string[] => specs.map(({ name }) => name);

function prepared(options: EngineOptions): void {
  requirePrecision('native:cpu', options.precision);
  if (options.optimise === false)
    throw new EngineError('The engine native:cpu has no form without passes: that is what onnx:cpu has.');
}

/**
 * @param cc the C compiler, `$CC` or `cc` where not given
 * @throws EngineError where there is none
 */
export function openNative(cc?: string): Engine {
  const compiler = findCompiler(cc);
  return {
    info: { name: 'native:cpu', version: compiler.version, device: cpuModel() },
    async compileStep(program, options) {
      prepared(options);
      const step = stepLayout(program);
      const library = await libraryOf(traceStep(program, 'fused'), step, options, compiler);
      return new NativeExecutable(program, library, options.threads);
    },
    async compileFunction(program, options) {
      prepared(options);
      const graph = trace(program.fn, program.inputs, 'fused');
      const step = { state: [], perStep: namesOf(program.inputs), results: namesOf(graph.outputs) };
      const library = await libraryOf(graph, step, options, compiler);
      return functionOf(library, graph, program.inputs, options.threads);
    },
  };
}
