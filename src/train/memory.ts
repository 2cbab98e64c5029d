/** What a run will take of memory, before it is begun: the liveness of its graph, and what the engine adds to it. */
import type { StepProgram } from '../engine/executable.js';
import { nativeStepMemory, stepMemory, type StepMemory } from '../engine/memory.js';
import { buildModel } from '../models/buildModel.js';
import { canonicalJson } from '../store/files.js';
import type { ModelSetup, OptimizerSetup } from '../store/record.js';
import { makeOptimizer } from './optimizers.js';
import { trainingProgram } from './programs.js';

/** A process with the engine loaded and nothing compiled (100 to 110 MiB), a corpus's tables and what Node lets pile up. */
const PROCESS_BYTES = 176 * 2 ** 20;

/** What tracing and compiling leave behind: sessions, graphs, JavaScript's heap. */
const COMPILED_BYTES = 50 * 2 ** 20;

/** The state that a call reads and the one that it returns, on the host. */
const HOST_STATES = 2;

/**
 * The arena of the engine over what is alive in it, the state of the step before included: it grows by doubling and is never
 * compact.
 */
const ARENA_FACTOR = 1.5;

/** A thread that computes a part of each step: its own runtime, and sessions and arrays in proportion to the state. */
const PART_BYTES = 12 * 2 ** 20;
const PART_STATES = 7;

/** Checkpoints and the evaluation hold states of their own for a while. */
const RUN_STATES = 2;

export interface RunMemory extends StepMemory {
  /** Predicted growth of a process over what it takes with the engine loaded, by compiling and training. */
  readonly growthBytes: number;
  /** Predicted bytes of the worker process; the corpus lies in the page cache. */
  readonly totalBytes: number;
}

/** What memory depends on. */
interface MemorySetup {
  readonly model: ModelSetup;
  readonly optimizer: OptimizerSetup;
  readonly batchSize: number;
  /** Of the worker; 1 where not given. */
  readonly threads?: number;
}

const known = new Map<string, StepMemory>();

function programOf({ model, optimizer, batchSize }: MemorySetup): StepProgram {
  const batch = { batchSize, contextLength: model.contextLength };
  return trainingProgram(buildModel(model), makeOptimizer(optimizer), optimizer.clipNorm, batch);
}

/**
 * Predicts the memory of a run's worker process from the liveness of its graph. The constants are fitted to ONNX Runtime on
 * the CPU, over models of d 32 to 256 and batches of 1k to 2k tokens (`isoloss bench --memory` measures what they predict).
 */
export function runMemory(setup: MemorySetup): RunMemory {
  const { model, optimizer, batchSize, threads = 1 } = setup;
  // The learning rate is an input of the graph.
  const key = canonicalJson({ model, batchSize, threads, optimizer: { ...optimizer, learningRate: 1 } });
  let step = known.get(key);
  if (step === undefined) {
    step = stepMemory(programOf(setup), threads);
    known.set(key, step);
  }
  const { stateBytes, peakBytes, constantBytes, parts } = step;
  const ofParts = parts === 1 ? 0 : parts * (PART_BYTES + PART_STATES * stateBytes);
  const arenaBytes = ARENA_FACTOR * (parts === 1 ? stateBytes + peakBytes : peakBytes);
  const growthBytes = COMPILED_BYTES + HOST_STATES * stateBytes + arenaBytes + 2 * constantBytes + ofParts;
  return { ...step, growthBytes, totalBytes: PROCESS_BYTES + growthBytes + RUN_STATES * stateBytes };
}

/** What compiling with the engine native:cpu leaves behind, and states of its initial values and results on the host. */
const NATIVE_COMPILED_BYTES = 30 * 2 ** 20;
const NATIVE_HOST_STATES = 0.5;

/** Predicted growth of a process over what it takes with the engine native:cpu loaded: nearly all is known before it runs. */
export function nativeGrowthBytes(setup: MemorySetup): number {
  const { stateBytes, engineBytes } = nativeStepMemory(programOf(setup), setup.threads ?? 1);
  return NATIVE_COMPILED_BYTES + NATIVE_HOST_STATES * stateBytes + engineBytes;
}

/** The largest batch, in sequences, with which a run would fit, about: memory grows in proportion; null where none would. */
export function fittingBatch(setup: MemorySetup, memoryBytes: number): number | null {
  const { batchSize } = setup;
  const fewer = Math.ceil(batchSize / 8);
  if (fewer === batchSize) return null;
  const atAll = runMemory(setup).totalBytes;
  const atFewer = runMemory({ ...setup, batchSize: fewer }).totalBytes;
  const perSequence = (atAll - atFewer) / (batchSize - fewer);
  const fitting = Math.floor(fewer + (memoryBytes - atFewer) / perSequence);
  return fitting < 1 ? null : Math.min(fitting, batchSize);
}
