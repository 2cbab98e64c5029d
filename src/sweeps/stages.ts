/**
 * A sweep from start to end in stages, each planned from what the one before it found: learning rates, their grids grown
 * until the best is inside; the runs themselves; and whether the rates hold at the largest budget.
 */
import { writeSweepRecord } from '../store/runDirectory.js';
import {
  CATALOGUE,
  loadSweep,
  planLoaded,
  type PlanOptions,
  previewLoaded,
  runsToDo,
  type SweepPlan,
  type SweepPreview,
} from './plan.js';
import type { SweepOutcome } from './runSweep.js';
import type { LoadedSweep } from './sweepFile.js';
import { sweepRecord } from './sweepRecord.js';
import { transferSweep } from './transfer.js';
import { findTuned, tunedSpecOf } from './tuned.js';
import { tuningSweepOf } from './tuningSweep.js';

/** A stage as it was left: the sweep's own plan and outcome, or those of a stage that did not come to its end. */
export interface StageOutcome {
  readonly plan: SweepPlan;
  readonly outcome: SweepOutcome;
}

/** Trains what is left of a plan. */
export type RunPlan = (plan: SweepPlan) => Promise<SweepOutcome>;

/** Whether every run of a stage has ended, so that the next one can be planned. */
export const isComplete = ({ left, failed, halted }: SweepOutcome): boolean =>
  left.length === 0 && failed.length === 0 && halted === null;

/**
 * Trains all stages of a sweep, as far as it is not stopped.
 *
 * @throws UsageError, ModelError or CorpusError where a stage can't be planned
 */
export async function runStages(
  nameOrFile: string,
  options: PlanOptions,
  runPlan: RunPlan,
): Promise<StageOutcome> {
  const loaded = await loadSweep(nameOrFile);
  const tuning = tuningSweepOf(loaded, CATALOGUE);
  if (tuning !== null) {
    const stage = await runRounds(tuning, options, runPlan, { unlessKnown: true });
    if (stage !== null && !isComplete(stage.outcome)) return stage;
  }
  const stage = (await runRounds(loaded, options, runPlan))!;
  const check = isComplete(stage.outcome) ? await checkTransfer(stage.plan, options, runPlan) : null;
  if (check === null) return stage;
  if (!isComplete(check.outcome)) return check;
  // Once more, with what the check found.
  writeSweepRecord(stage.plan.resultsDir, sweepRecord(stage.plan));
  return stage;
}

/**
 * The plans of the stages that can be planned by now: the tuning as far as it is to be done, and the sweep itself; as far
 * as that is possible where the corpus is not on this machine.
 */
export async function planStages(nameOrFile: string, options: PlanOptions): Promise<SweepPreview[]> {
  const loaded = await loadSweep(nameOrFile);
  const tuning = tuningSweepOf(loaded, CATALOGUE);
  const first = tuning === null ? null : await previewLoaded(tuning, options);
  const plan = await previewLoaded(loaded, options);
  return first === null || isKnown(first) ? [plan] : [first, plan];
}

/**
 * Trains a sweep round by round, until nothing that has been found calls for more: a best rate at an end of a grid that
 * may grow, a best size at an end of those that were chosen.
 *
 * @param unlessKnown trains nothing where the file of tuned rates holds every trial already: then null is returned
 */
export async function runRounds(
  loaded: LoadedSweep,
  options: PlanOptions,
  runPlan: RunPlan,
  { unlessKnown = false }: { readonly unlessKnown?: boolean } = {},
): Promise<StageOutcome | null> {
  let plan = await planLoaded(loaded, options);
  if (unlessKnown && isKnown(plan)) return null;
  for (;;) {
    const outcome = await runPlan(plan);
    if (!isComplete(outcome)) return { plan, outcome };
    const grown = await planLoaded(loaded, options);
    if (runsToDo(grown).length === 0) return { plan: grown, outcome };
    plan = grown;
  }
}

/** Whether every run of a tuning sweep stands among the trials of its file of tuned rates. */
function isKnown({ loaded, runs }: SweepPreview): boolean {
  const known = findTuned(loaded, loaded.sweep.name);
  const trials = new Set(known?.rates.flatMap((rate) => rate.trials.map(({ runKey }) => runKey)));
  return runs.every(({ runKey }) => trials.has(runKey));
}

/** Tries half and twice the rate at the largest budget, where the sweep asks for it and all of its runs have ended. */
async function checkTransfer(
  plan: SweepPlan,
  options: PlanOptions,
  runPlan: RunPlan,
): Promise<StageOutcome | null> {
  const rates = tunedSpecOf(plan.loaded.sweep);
  if (rates?.check !== true) return null;
  const ended = plan.runs.map((run, i) => ({ run, record: plan.surveyed[i]!.record }));
  const check = await planLoaded(transferSweep(plan.loaded, ended, rates), options);
  return { plan: check, outcome: await runPlan(check) };
}
