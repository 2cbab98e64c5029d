/** Process that trains one case for some calls and tells how far it has grown. Started by `measureMemory.ts`. */
import { readFileSync } from 'node:fs';
import { openEngine } from '../engine/engines.js';
import { compileTraining, madeUpTokens, stackStepInputs } from './stepRunner.js';
import { modelOf } from './bench.js';
import type { MemoryRequest, MemoryUse } from './measureMemory.js';
import { SMALL_SCALE_ADAMW } from './optimizers.js';

/** The arena has its final size after the second call. */
const CALLS = 3;

/** Largest resident size of this process so far. What others report may be that of the process that started it. */
function peakResidentBytes(): number {
  try {
    const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

async function measure({
  benchCase,
  engine: name,
  threads,
  precision,
  stepsPerCall,
}: MemoryRequest): Promise<MemoryUse> {
  const engine = await openEngine(name, { threads });
  const loadedBytes = peakResidentBytes();
  const model = modelOf(benchCase);
  const setup = { model, optimizer: SMALL_SCALE_ADAMW, batchSize: benchCase.batchSize, seed: 0 };
  const runner = await compileTraining(engine, setup, { threads, precision });
  const inputs = {
    ...madeUpTokens(runner.model, benchCase, stepsPerCall, benchCase.vocabSize),
    ...stackStepInputs(runner, 1, stepsPerCall, () => SMALL_SCALE_ADAMW.learningRate),
  };
  for (let i = 0; i < CALLS; i++) await runner.executable.run(stepsPerCall, inputs);
  return { loadedBytes, peakBytes: peakResidentBytes() };
}

process.on('disconnect', () => process.exit(0));
const request = JSON.parse(process.argv[2] ?? '') as MemoryRequest;
process.send?.(await measure(request), () => process.exit(0));
