/** What every engine offers: a training step run many times over its own state, and a function run once a call. */
import type { TensorFunction, Tensors } from './trace/trace.js';
import type { EngineName, Precision } from './engineNames.js';
import type { HostTensors, TensorSpec } from './tensors.js';

/** One training step in plain TensorFlow.js, with the names and shapes of what goes in and out. */
export interface StepProgram {
  /** Carried from step to step. */
  readonly state: readonly TensorSpec[];
  /** Differ from step to step: tokens, learning rate, bias corrections. */
  readonly perStep: readonly TensorSpec[];
  /** Scalars that the step returns beside the state. */
  readonly metrics: readonly string[];
  readonly step: (state: Tensors, perStep: Tensors) => { readonly state: Tensors; readonly metrics: Tensors };
}

/** A compiled step with its state. */
export interface Executable {
  setState(state: HostTensors): void;
  /** A copy of the state after the last finished call, from wherever it is kept. */
  getState(): Promise<HostTensors>;
  /**
   * Makes `stepCount` steps. `perStep` holds each input with a leading dimension of `stepCount`.
   * @returns each metric's values, one a step; the state has moved on when the promise resolves, and not at all if it rejects
   */
  run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
}

/** A function without state: an evaluation, the forward pass. */
export interface FunctionProgram {
  readonly inputs: readonly TensorSpec[];
  readonly fn: TensorFunction;
}

export interface ExecutableFunction {
  run(inputs: HostTensors): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
}

/** Compiled models kept from one process to the next. */
export interface ModelCache {
  /** The bytes kept under a key, checked to be whole; null where there are none. */
  load(key: string): Uint8Array | null;
  /** Forgets an entry that turned out to be of no use. */
  drop(key: string): void;
  /**
   * Has `write` write a file at the path that it is given, and keeps that.
   * @returns what `write` returns; null where no file can be written, and `write` was not called
   * @throws what `write` throws
   */
  save<T>(key: string, write: (path: string) => Promise<T>): Promise<T | null>;
}

export interface EngineOptions {
  /** Threads inside one operation. */
  readonly threads: number;
  /** `false` runs the naive graph without any pass or kernel of the project's: the oracle. */
  readonly optimise?: boolean;
  /** Arithmetic of matrix products, f32 where not given; an engine that has not got it refuses. */
  readonly precision?: Precision;
  /** Where compiled models are looked for and kept, by the engines that can; none where not given. */
  readonly cache?: ModelCache | undefined;
}

/** Where and how something was computed, for run.json and hardware strings. */
export interface EngineInfo {
  readonly name: EngineName;
  /** Of every library that computes. */
  readonly version: string;
  /** Name of the GPU, or of the CPU. */
  readonly device: string;
}

export interface Engine {
  readonly info: EngineInfo;
  compileStep(program: StepProgram, options: EngineOptions): Promise<Executable>;
  compileFunction(program: FunctionProgram, options: EngineOptions): Promise<ExecutableFunction>;
}
