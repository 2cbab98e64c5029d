/** Runs a sweep: sweep.json, every run to its end, and the tuned rates of a tuning sweep. */
import { dirname } from 'node:path';
import { UsageError } from '../store/errors.js';
import { acquireLock } from '../store/lock.js';
import { hasEnded, type RunRecord } from '../store/record.js';
import {
  createRunDirectory,
  endedRecord,
  findRun,
  sweepDirectory,
  updateRunRecord,
  writeSweepRecord,
} from '../store/runDirectory.js';
import { isTuning } from './check.js';
import { type ProgressStream, sweepDisplay } from './display.js';
import type { Executor, RunTask } from './executor.js';
import { localExecutor } from './executors/local.js';
import { initialRecord, type PlannedRun } from './expand.js';
import { runsToDo, type SweepPlan } from './plan.js';
import { schedule, type ScheduleResult } from './scheduler.js';
import { learn, secondsLeft } from './speedBook.js';
import { sweepRecord } from './sweepRecord.js';
import { flopsSpared } from './trunks.js';
import { writeTuned } from './tuned.js';

export interface RunSweepOptions {
  /** Where progress is shown. */
  readonly stream: ProgressStream;
  /** See `ScheduleOptions`. */
  readonly stopAfterCall: AbortSignal;
  readonly stopNow: AbortSignal;
  /** Makes what trains the runs; worker processes on this machine where not given. */
  readonly executor?: (context: ExecutorContext) => Executor;
}

/** What an executor may want to know of the sweep. */
export interface ExecutorContext {
  /** Folder of the sweep in the results, on a file system that its workers share. */
  readonly sweepDir: string;
  /** Predicted seconds of what is left of a run. */
  readonly secondsOf: (task: RunTask) => number;
}

export interface SweepOutcome {
  /** Final records of the plan's runs, whenever they were trained. */
  readonly ended: readonly RunRecord[];
  /** FLOPs of those runs that were not trained, since runs shared trunks. */
  readonly flopsSpared: number;
  readonly failed: ScheduleResult['failed'];
  /** Runs that have not ended, since the sweep was stopped. */
  readonly left: readonly RunTask[];
  /** What made it impossible to go on, null where nothing did. */
  readonly halted: string | null;
  /** Where the tuned rates were written, if this was a tuning sweep and all of it has ended. */
  readonly tunedPath: string | null;
  /** What to know of the tuned rates, in a sentence each. */
  readonly flags: readonly string[];
}

/** Runs what is left of a planned sweep. */
export async function runSweep(plan: SweepPlan, options: RunSweepOptions): Promise<SweepOutcome> {
  writeSweepRecord(plan.resultsDir, sweepRecord(plan));
  const toDo = runsToDo(plan).map(({ run }) => run);
  const result = toDo.length === 0 ? NOTHING_TO_DO : await trainRuns(plan, toDo, options);
  const trials = plan.runs.flatMap((run, i) => {
    const record = result.ended.get(run.runKey) ?? plan.surveyed[i]!.record;
    if (record === null || !hasEnded(record)) return [];
    return [{ arch: run.architecture.label, budgetFlops: run.budgetFlops, record }];
  });
  const tuned =
    isTuning(plan.loaded.sweep) && trials.length === plan.runs.length
      ? writeTuned(plan.loaded, trials)
      : null;
  const flags = (tuned?.tuned.rates ?? []).flatMap(({ arch, shape, flags }) =>
    flags.map((flag) => `${arch}, dModel ${shape.dModel}, ${shape.nLayers} layers: ${flag}`),
  );
  const { failed, left, halted } = result;
  const ended = trials.map(({ record }) => record);
  return {
    ended,
    flopsSpared: flopsSpared(ended),
    failed,
    left,
    halted,
    tunedPath: tuned?.path ?? null,
    flags,
  };
}

const NOTHING_TO_DO: ScheduleResult = { ended: new Map(), failed: [], left: [], halted: null };

async function trainRuns(
  plan: SweepPlan,
  toDo: readonly PlannedRun[],
  options: RunSweepOptions,
): Promise<ScheduleResult> {
  const planned = new Map(toDo.map((run) => [taskOf(plan, run), run]));
  const tasks = [...planned.keys()];
  const ended = plan.surveyed.flatMap(({ record }) => (record !== null && hasEnded(record) ? [record] : []));
  const startOf = (task: RunTask): number => plan.startSteps.get(task.runKey)!;
  const secondsOf = (task: RunTask): number => secondsLeft(plan.speed, planned.get(task)!, startOf(task));
  const display = sweepDisplay(
    {
      name: plan.loaded.sweep.name,
      tasks,
      workers: plan.setting.workers,
      before: { runs: ended.length, flops: ended.reduce((sum, { flops }) => sum + flops, 0) },
      predictedSeconds: secondsOf,
      running: new Map(),
      shares: new Map(tasks.map((task) => [task, startOf(task) / task.record.setup.steps])),
      waiting: new Set(),
      ended: new Set(),
      failed: new Set(),
      stopping: false,
    },
    options.stream,
  );
  const sweepDir = sweepDirectory(plan.resultsDir, plan.loaded.sweep.name);
  const executor = options.executor?.({ sweepDir, secondsOf }) ?? localExecutor(plan.setting);
  try {
    return await schedule({
      tasks,
      executor,
      findEnded: (runKey) => endedRecord(plan.resultsDir, runKey),
      recordCause,
      onEvent: (event) => {
        if (event.kind === 'ended') learn(plan.speed, event.record);
        display.onEvent(event);
      },
      stopAfterCall: options.stopAfterCall,
      stopNow: options.stopNow,
      ...(executor.pollSeconds === undefined ? {} : { pollSeconds: executor.pollSeconds }),
    });
  } finally {
    display.close();
    await executor.close();
  }
}

function taskOf(plan: SweepPlan, run: PlannedRun): RunTask {
  const { sweep, path } = plan.loaded;
  return {
    runKey: run.runKey,
    label: run.label,
    record: initialRecord(run, sweep.name),
    resultsDir: plan.resultsDir,
    corpus: {
      corpus: sweep.corpus,
      vocabSize: sweep.vocabSize,
      baseDir: dirname(path),
      trainSha256: plan.corpus.train.sha256,
    },
    variantFiles: plan.variantFiles,
    engine: plan.setting.engine,
    threads: plan.setting.threads,
    stepsPerCall: sweep.stepsPerCall,
    checkpointSeconds: sweep.checkpointSeconds,
    trunkRuns: plan.trunks.get(run.runKey)!.map(({ runKey }) => runKey),
  };
}

/** Writes down why an attempt came to no end, unless another process works on the run, or has ended it, by now. */
async function recordCause(task: RunTask, status: 'interrupted' | 'failed', cause: string): Promise<void> {
  try {
    const known = findRun(task.resultsDir, task.runKey)?.found.directory;
    if (known === undefined && status === 'interrupted') return;
    const directory = known ?? createRunDirectory(task.resultsDir, task.record);
    const claim = await acquireLock(directory);
    if (!claim.acquired) return;
    try {
      if (endedRecord(task.resultsDir, task.runKey) === null) updateRunRecord(directory, { status, cause });
    } finally {
      claim.lock.release();
    }
  } catch (error) {
    // What keeps the run from going on, a full disk or a broken run.json, may keep this from being written as well.
    if (!(error instanceof UsageError) && !(error instanceof Error && 'code' in error)) throw error;
  }
}
