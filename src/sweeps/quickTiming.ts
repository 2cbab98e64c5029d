/** A quick measurement of a few models, in the way in which a sweep trains them. */
import { mean, median } from '../fit/statistics.js';
import { guessedSecondsPerStep } from './estimate.js';
import type { PlannedRun } from './expand.js';
import type { WorkerSetting } from './machine.js';
import type { SweepPreview } from './plan.js';
import { askAll, startTimers } from './timing.js';

const ROUNDS = 3;

/** A single call that would take longer than this is not worth its answer. */
const MAX_CALL_SECONDS = 5;

/** What a quick measurement found. */
export interface QuickTimes {
  /** By model, in their order: mean over the processes, median over the rounds. */
  readonly secondsPerStep: readonly number[];
  /** Of one model, on all processes at once. */
  readonly compileSeconds: number;
}

/** Whether a call of the sweep's own length would be short enough to be measured. */
export function isQuick({ cost }: PlannedRun, stepsPerCall: number, threads: number): boolean {
  return guessedSecondsPerStep(cost.flopsPerStep, threads) * stepsPerCall < MAX_CALL_SECONDS;
}

/**
 * Times models on as many processes at once as the setting has workers.
 *
 * @throws Error where a process fails
 */
export async function quickTimes(
  runs: readonly PlannedRun[],
  { variantFiles, loaded }: SweepPreview,
  setting: WorkerSetting,
): Promise<QuickTimes> {
  const { threads, engine } = setting;
  const timers = startTimers(setting);
  try {
    const models = runs.map(({ architecture, setup }) => ({
      arch: architecture.label,
      model: setup.model,
      optimizer: setup.optimizer,
      batchSize: setup.batchSize,
    }));
    const { stepsPerCall, precision } = loaded.sweep;
    const how = { variantFiles, engine, precision, threads, stepsPerCall };
    await askAll(timers, { kind: 'compile', models: [], ...how });
    const started = performance.now();
    await askAll(timers, { kind: 'compile', models, ...how });
    const compileSeconds = (performance.now() - started) / 1000 / models.length;
    // In turns, so that a burst of other work does not fall on one model alone.
    const rounds: number[][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const means: number[] = [];
      for (const index of runs.keys()) {
        const seconds = await askAll(timers, { kind: 'time', index });
        means.push(mean(seconds));
      }
      rounds.push(means);
    }
    const secondsPerStep = models.map((_, index) => median(rounds.map((means) => means[index]!)));
    return { secondsPerStep, compileSeconds };
  } finally {
    for (const timer of timers) timer.kill();
  }
}
