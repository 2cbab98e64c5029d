/** Flags that several sweep commands share, turned into the options of a plan. */
import { resolve } from 'node:path';
import type { EngineName } from '../engine/engineNames.js';
import type { PlanOptions } from '../sweeps/plan.js';
import { wholeNumber } from './flags.js';

/** Options of `planSweep`; what the corpus has to say goes to standard error. */
export function planOptions(flags: {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly engine?: EngineName;
}): PlanOptions {
  let phase: string | null = null;
  return {
    resultsDir: resolve(flags.results),
    workers: flags.workers === undefined ? undefined : wholeNumber('--workers', flags.workers),
    threads: flags.threads === undefined ? undefined : wholeNumber('--threads', flags.threads),
    engine: flags.engine,
    onCorpusProgress: (progress) => {
      if (progress.phase === phase) return;
      phase = progress.phase;
      process.stderr.write(`preparing the corpus: ${phase}\n`);
    },
    onWarning: (message) => process.stderr.write(`${message}\n`),
  };
}
