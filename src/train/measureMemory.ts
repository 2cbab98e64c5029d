/** `isoloss bench --memory`: what the liveness of the graph predicts beside what a process of its own has grown by. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EngineName, Precision } from '../engine/engineNames.js';
import { modelOf, type BenchCase } from './bench.js';
import { nativeGrowthBytes, runMemory } from './memory.js';
import { SMALL_SCALE_ADAMW } from './optimizers.js';

/** What a measuring process is asked for. */
export interface MemoryRequest {
  readonly benchCase: BenchCase;
  readonly engine: EngineName;
  readonly threads: number;
  readonly precision: Precision;
  readonly stepsPerCall: number;
}

/** What it answers: largest resident sizes with the engine loaded, and after some calls. */
export interface MemoryUse {
  readonly loadedBytes: number;
  readonly peakBytes: number;
}

export interface MemoryResult extends MemoryRequest, MemoryUse {
  /** Parameters and optimizer state, once. */
  readonly stateBytes: number;
  /** Most bytes of a step's values alive at a time, in the order in which they are computed. */
  readonly liveBytes: number;
  /** Growth over the loaded process as predicted from the two, and as measured. */
  readonly predictedGrowthBytes: number;
  readonly measuredGrowthBytes: number;
}

/** Measures one case in a process of its own. @throws Error where that ends without an answer */
export async function measureMemory(request: MemoryRequest): Promise<MemoryResult> {
  const { benchCase } = request;
  const use = await probe(request);
  const setup = {
    model: modelOf(benchCase),
    optimizer: SMALL_SCALE_ADAMW,
    batchSize: benchCase.batchSize,
    threads: request.threads,
  };
  const { stateBytes, peakBytes, growthBytes } = runMemory(setup);
  return {
    ...request,
    ...use,
    stateBytes,
    liveBytes: peakBytes,
    predictedGrowthBytes: request.engine === 'native:cpu' ? nativeGrowthBytes(setup) : growthBytes,
    measuredGrowthBytes: use.peakBytes - use.loadedBytes,
  };
}

async function probe(request: MemoryRequest): Promise<MemoryUse> {
  // Beside this file, compiled or not; a loader given to this process is given to the child as well.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const script = fileURLToPath(new URL(`./memoryProbe.${extension}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(script, [JSON.stringify(request)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.once('message', (use: MemoryUse) => resolve(use));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the measuring process ended (${signal ?? `exit code ${code ?? 'unknown'}`})`)),
    );
  });
}
