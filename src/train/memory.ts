/** What a run will take of memory, before it is begun: the liveness of its graph, and what the engine adds to it. */
import { stepMemory, type StepMemory } from '../engine/memory.js';
import { buildModel } from '../models/registry.js';
import { canonicalJson } from '../store/files.js';
import type { ModelSetup, OptimizerSetup } from '../store/record.js';
import { makeOptimizer } from './optimizers.js';
import { trainingProgram } from './programs.js';

/** A worker process with the engine loaded and nothing compiled: measured, 150 to 170 MiB and some for the corpus's text. */
const PROCESS_BYTES = 256 * 2 ** 20;

/** The engine holds two sets of state, the loop two more, and the results of a step and of the optimizer come on top. */
const STATE_COPIES = 6;

/** The engine's memory arena grows by doubling and is never compact. */
const ARENA_FACTOR = 2.7;

export interface RunMemory extends StepMemory {
  /** Predicted bytes of the worker process; the corpus lies in the page cache. */
  readonly totalBytes: number;
}

/** What memory depends on. */
interface MemorySetup {
  readonly model: ModelSetup;
  readonly optimizer: OptimizerSetup;
  readonly batchSize: number;
}

const known = new Map<string, StepMemory>();

/**
 * Predicts the memory of a run's worker process: a fixed part, six times the state, 2.7 times the peak of the graph's
 * liveness. The factors are fitted to ONNX Runtime on the CPU: over models of d 32 to 256, batches of
 * 1k to 8k tokens, the prediction was 1.0 to 1.4 times the largest resident size.
 */
export function runMemory(setup: MemorySetup): RunMemory {
  const { model, optimizer, batchSize } = setup;
  // The learning rate is an input of the graph.
  const key = canonicalJson({ model, batchSize, optimizer: { ...optimizer, learningRate: 1 } });
  let step = known.get(key);
  if (step === undefined) {
    const batch = { batchSize, contextLength: model.contextLength };
    step = stepMemory(
      trainingProgram(buildModel(model), makeOptimizer(optimizer), optimizer.clipNorm, batch),
    );
    known.set(key, step);
  }
  const { stateBytes, peakBytes, constantBytes } = step;
  const totalBytes = PROCESS_BYTES + STATE_COPIES * stateBytes + ARENA_FACTOR * peakBytes + 2 * constantBytes;
  return { ...step, totalBytes };
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
