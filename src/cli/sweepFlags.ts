/** Flags that several sweep commands share, turned into the options of a plan. */
import { resolve } from 'node:path';
import type { PrepareProgress } from '../data/corpus.js';
import type { EngineName } from '../engine/engineNames.js';
import { checkResultsFolder } from '../store/runDirectory.js';
import { LIMITS } from '../sweeps/limits.js';
import type { PlanOptions, SweepPreview } from '../sweeps/plan.js';
import { threadsFlag, wholeNumber } from './flags.js';

/** Seconds between two lines about the same phase. */
const PROGRESS_SECONDS = 10;

/** Tells on standard error how far the preparation of a corpus is: each phase, and now and then its share. */
export function corpusProgress(): (progress: PrepareProgress) => void {
  let phase: string | null = null;
  let told = 0;
  return (progress) => {
    const now = performance.now();
    const isNew = progress.phase !== phase;
    if (!isNew && now - told < PROGRESS_SECONDS * 1000) return;
    phase = progress.phase;
    told = now;
    const share = isNew ? '' : `, ${Math.floor((100 * progress.done) / progress.total)}%`;
    process.stderr.write(`preparing the corpus: ${phase}${share}\n`);
  };
}

/**
 * The plan with what it leaves open of this machine: how its cores are shared, and how fast it trains the models.
 *
 * @param split whether sharing may be measured, which takes some seconds, where it would be used
 */
export async function measuredHere<Plan extends SweepPreview>(
  plan: Plan,
  { split }: { readonly split: boolean },
): Promise<Plan> {
  const { calibrated } = await import('../sweeps/calibrate.js');
  const { spreadOut } = await import('../sweeps/spread.js');
  return calibrated(await spreadOut(plan, split ? splittingText : null), measuringText);
}

const measuringText = (models: number): void => {
  process.stderr.write(`measuring how fast this machine trains ${models} of the models\n`);
};

const splittingText = (ways: number): void => {
  process.stderr.write(`measuring ${ways} ways of sharing the cores among workers and threads\n`);
};

/**
 * Options of `planSweep`; what the corpus has to say goes to standard error.
 *
 * @throws UsageError where a flag's value can't be one
 */
export function planOptions(flags: {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly engine?: EngineName;
}): PlanOptions {
  checkResultsFolder(flags.results);
  return {
    resultsDir: resolve(flags.results),
    workers:
      flags.workers === undefined ? undefined : wholeNumber('--workers', flags.workers, 1, LIMITS.workers),
    threads: flags.threads === undefined ? undefined : threadsFlag(flags.threads),
    engine: flags.engine,
    onCorpusProgress: corpusProgress(),
    onWarning: (message) => process.stderr.write(`${message}\n`),
  };
}
