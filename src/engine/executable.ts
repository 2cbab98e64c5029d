/** What every engine offers: a training step run many times over its own state, and a function run once a call. */
import type { TensorFunction, Tensors } from './trace/trace.js';
import type { EngineName, Precision } from './engineNames.js';
import type { HostArray, HostTensors, TensorSpec } from './tensors.js';

/** One training step in plain TensorFlow.js, with the names and shapes of what goes in and out. */
export interface StepProgram {
  /** Carried from step to step. */
  readonly state: readonly TensorSpec[];
  /** Differ from step to step: tokens, learning rate, bias corrections. */
  readonly perStep: readonly TensorSpec[];
  /** Scalars that the step returns beside the state. */
  readonly metrics: readonly string[];
  readonly step: (state: Tensors, perStep: Tensors) => { readonly state: Tensors; readonly metrics: Tensors };
  /** The same step over equal parts of the batch, where its sequences have nothing to do with each other. */
  readonly parts?: StepParts;
}

/** Parameters that are updated together, and their state: what one thread does of an update. */
export interface UpdateShare {
  /** Names of state tensors that gradients are taken of. */
  readonly params: readonly string[];
  /** Names of all state tensors that change with them, they themselves included. */
  readonly state: readonly string[];
}

/**
 * A step in three functions: gradients of each part of the batch alone; their sum; the update. The last two are made for some
 * of the shares, so that threads can divide them among themselves.
 */
export interface StepParts {
  /** Whether the batch divides into so many equal parts. */
  readonly divides: (parts: number) => boolean;
  readonly shares: readonly UpdateShare[];
  /** Inputs of the first function that differ from step to step, of the whole batch. */
  readonly divided: readonly string[];
  /** A part of one such input of one step. */
  readonly partOf: (values: HostArray, part: number, parts: number) => HostArray;
  /** From all parameters and a part of the batch to `gradient/<param>`, and metrics that add up over parts. */
  readonly gradients: (parts: number) => FunctionProgram;
  /** From `<part>/gradient/<param>` to `sum/<share>` and `squares`, the sum of all squares. */
  readonly sum: (parts: number, shares: readonly number[]) => FunctionProgram;
  /** From these, `<part>/squares` and `<part>/<metric>` of all parts, and the state, to `next/<state>` and all metrics. */
  readonly update: (parts: number, shares: readonly number[]) => FunctionProgram;
}

/** A compiled step with its state. */
export interface Executable {
  /** The arrays may be kept instead of copied: they are not to be changed afterwards. */
  setState(state: HostTensors): void;
  /** The state after the last finished call, from wherever it is kept. Later calls do not change it; nobody else may. */
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

/** Encoded models kept from one process to the next. Whatever goes wrong with it costs time and nothing else. */
export interface ModelCache {
  /** The bytes kept under a key, checked to be whole; null where there are none. */
  load(key: string): Uint8Array | null;
  save(key: string, bytes: Uint8Array): void;
  /** The folder that it is in, made if it is not there. @throws Error where it can't be */
  readonly folder?: () => string;
}

export interface EngineOptions {
  /** Threads inside one operation. */
  readonly threads: number;
  /** `false` runs the naive graph without any pass or kernel of the project's: the oracle. */
  readonly optimise?: boolean;
  /** Arithmetic of matrix products, f32 where not given; an engine that has not got it refuses. */
  readonly precision?: Precision;
  /** Where encoded models are looked for and kept, by the engines that can; nowhere where not given. */
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
