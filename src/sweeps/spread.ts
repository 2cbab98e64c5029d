/**
 * How a sweep is spread over the cores of a machine, where it leaves that open: as many workers as the memory that its
 * models are predicted to take allows, and threads to each by measurement. What was measured is kept beside the sweep's
 * results, since a cut-off run goes on only at its own number of threads.
 */
import { availableParallelism } from 'node:os';
import { ENGINES } from '../engine/engineNames.js';
import { runMemory } from '../train/memory.js';
import { hasEnded } from '../store/record.js';
import type { PlannedRun } from './expand.js';
import { machineMemory, type WorkerSetting } from './machine.js';
import { planTotals, runsToDo, type SweepPreview } from './plan.js';
import { isQuick, quickTimes } from './quickTiming.js';
import { readSpeedBook } from './speedBook.js';
import { keepSpread, type Split, type Spread } from './spreadRecord.js';

/** A sweep shorter than this is over before the measurement has paid. */
const WORTH_SECONDS = 600;

/** What more threads have to gain over one a worker: a measurement is not more certain than that. */
const WORTH_GAIN = 1.1;

/** Of the machine's memory, what workers may be predicted to take. */
const MEMORY_SHARE = 0.9;

/**
 * The ways of spreading a sweep over the cores: 1, 2, 4, ... threads a worker and all of them, with as many workers as
 * there are cores for, memory for, and runs to be trained at the same time; those with the fewest threads first.
 *
 * @param fitting how many workers of so many threads memory allows, at least 1
 * @param atOnce how many runs need not wait for another, at least 1
 */
export function waysToSplit({
  cores,
  fitting,
  atOnce,
}: {
  readonly cores: number;
  readonly fitting: (threads: number) => number;
  readonly atOnce: number;
}): Split[] {
  const threads = [cores];
  for (let count = 1; count < cores; count *= 2) threads.push(count);
  return threads
    .sort((a, b) => a - b)
    .map((count) => ({
      threads: count,
      workers: Math.min(Math.floor(cores / count), fitting(count), atOnce),
    }));
}

/** The fastest way; the one with the fewest threads unless another gains clearly. */
export function fastest<Way extends Split & { readonly flopsPerSecond: number }>(ways: readonly Way[]): Way {
  const [fewestThreads, ...more] = [...ways].sort((a, b) => a.threads - b.threads);
  const best = more.reduce((a, b) => (b.flopsPerSecond > a.flopsPerSecond ? b : a), fewestThreads!);
  return best.flopsPerSecond >= WORTH_GAIN * fewestThreads!.flopsPerSecond ? best : fewestThreads!;
}

/** How many of the largest runs fit into memory together, at least one. */
export function fittingWorkers(runBytes: readonly number[], memoryBytes: number): number {
  let sum = 0;
  const falling = [...runBytes].sort((a, b) => b - a);
  const over = falling.findIndex((bytes) => (sum += bytes) > MEMORY_SHARE * memoryBytes);
  return over < 0 ? falling.length : Math.max(1, over);
}

/**
 * The plan with its workers and threads chosen, as far as the sweep and the command line leave them open. Measures where
 * both are open, the sweep is long, and no run of it was cut off, which would go on only at the threads it had.
 *
 * @param onMeasure told before it takes some seconds; null where nothing is to be measured
 */
export async function spreadOut<Plan extends SweepPreview>(
  plan: Plan,
  onMeasure: ((ways: number) => void) | null,
): Promise<Plan> {
  const { setting, loaded, resultsDir, runs } = plan;
  const { engine } = setting;
  if (setting.open === 'nothing' || ENGINES[engine].computesOn !== 'cores') return plan;
  if (runsToDo(plan).length === 0) return plan;
  const cores = availableParallelism();
  const fitting = (threads: number): number =>
    fittingWorkers(bytesOfLargest(runs, cores, threads), machineMemory());
  const fittingRule = Math.min(setting.workers, fitting(setting.threads));
  const byRule = { ...plan, setting: { ...setting, workers: fittingRule } };
  const isCutOff = plan.surveyed.some(({ record }) => record !== null && !hasEnded(record));
  if (onMeasure === null || setting.open === 'workers' || isCutOff) return byRule;
  if (planTotals(plan).secondsToDo < WORTH_SECONDS) return byRule;
  const atOnce = new Set(runs.map(({ trunk }) => trunk)).size;
  const ways = waysToSplit({ cores, fitting, atOnce });
  const measurable = runs.filter((run) => isQuick(run, loaded.sweep.stepsPerCall, 1));
  if (measurable.length === 0 || ways.length === 1) return byRule;
  onMeasure(ways.length);
  const models = typicalModels(measurable);
  const tried: Spread['tried'] = [];
  const notices = [...plan.notices];
  for (const way of ways) {
    try {
      tried.push({ ...way, flopsPerSecond: await flopsPerSecond(plan, models, way) });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      notices.push(`${way.workers} workers of ${way.threads} threads could not be measured: ${cause}`);
    }
  }
  if (tried.length === 0) return { ...byRule, notices };
  const { workers, threads } = fastest(tried);
  keepSpread(resultsDir, loaded.sweep.name, { engine, workers, threads, tried });
  const chosen: WorkerSetting = { ...setting, workers, threads, open: 'nothing', measured: true };
  return {
    ...plan,
    setting: chosen,
    notices,
    speed: readSpeedBook(resultsDir, loaded.sweep.name, chosen),
  };
}

/** Predicted bytes of the runs with the largest models. */
function bytesOfLargest(runs: readonly PlannedRun[], count: number, threads: number): number[] {
  return [...runs]
    .sort((a, b) => b.cost.flopsPerStep - a.cost.flopsPerStep)
    .slice(0, count)
    .map(({ setup }) => runMemory({ ...setup, threads }).totalBytes);
}

/** The models at a quarter and at three quarters of the work, in the order of their size. */
function typicalModels(runs: readonly PlannedRun[]): PlannedRun[] {
  const rising = [...runs].sort((a, b) => a.cost.flopsPerStep - b.cost.flopsPerStep);
  const flops = rising.reduce((sum, run) => sum + run.flops, 0);
  const at = (share: number): PlannedRun => {
    let before = 0;
    return rising.find((run) => (before += run.flops) >= share * flops) ?? rising.at(-1)!;
  };
  return [...new Set([at(0.25), at(0.75)])];
}

/** FLOP/s of all workers together over models of equal work. */
async function flopsPerSecond(plan: SweepPreview, runs: readonly PlannedRun[], way: Split): Promise<number> {
  const { secondsPerStep } = await quickTimes(runs, plan, { ...plan.setting, ...way });
  const secondsPerFlop = runs.map(({ cost }, i) => secondsPerStep[i]! / cost.flopsPerStep / way.workers);
  return runs.length / secondsPerFlop.reduce((sum, seconds) => sum + seconds, 0);
}
