/**
 * Trains runs as tasks of Slurm job arrays over a shared folder. The run directory says how far a run is; the files of
 * a submission (`slurmFiles.ts`) say what its tasks have seen. A task that was cancelled, preempted or cut off by its
 * time limit is submitted again and goes on from its checkpoints.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeDirectory } from '../../data/folders.js';
import { endedRecord } from '../../store/runDirectory.js';
import type { Executor, RunProgress, RunTask, TaskOutcome } from '../executor.js';
import { sbatchOptions, type SlurmSettings } from '../slurmSettings.js';
import { packTasks } from './packTasks.js';
import { askToStop, type ClusterTask, endState, kill, livingTasks, submit } from './slurmCluster.js';
import {
  eventsPath,
  logPath,
  logTail,
  readEvents,
  readSubmissions,
  scriptPath,
  slurmDirectory,
  type TaskCommand,
  type TaskEvent,
  writeJob,
  writeSubmission,
} from './slurmFiles.js';

export interface SlurmExecutorOptions {
  readonly settings: SlurmSettings;
  /** Folder of the sweep, on a file system that all nodes share. */
  readonly sweepDir: string;
  readonly threads: number;
  /** Predicted seconds of what is left of a run: runs are packed into tasks of similar length. */
  readonly secondsOf: (task: RunTask) => number;
  /** What a task runs; the project's own worker where not given. */
  readonly command?: TaskCommand;
  /** Told of what does not stop the sweep but should be known. */
  readonly onNotice?: (message: string) => void;
}

/** A run that the scheduler waits for. */
interface Wanted {
  readonly task: RunTask;
  readonly onProgress: (progress: RunProgress) => void;
  readonly onNotice: (text: string) => void;
  readonly settle: (outcome: TaskOutcome) => void;
  stepsDone: number;
  /** How often in a row its task ended without a further step of it being done. */
  fruitless: number;
  stepsAtLastEnd: number;
}

/** A task of a job array that is watched. */
interface WatchedTask extends ClusterTask {
  readonly directory: string;
  readonly runKeys: readonly string[];
  /** Bytes of its events that have been read. */
  offset: number;
  /** The run that it has begun and not ended. */
  current: string | null;
  /** Runs that it has begun. */
  readonly begun: Set<string>;
  /** Runs of which an outcome was read. */
  readonly settled: Set<string>;
  /** Polls since it is no longer in the queue: its files may reach this machine later than the news of its end. */
  pollsGone: number;
}

/** Times in a row that a run may be cut off before a single call of steps is done. */
const MOST_FRUITLESS = 5;
const POLLS_AFTER_END = 2;
/** States of a task that was ended by someone or something else than its own failure. */
const CUT_OFF = [
  'CANCELLED',
  'TIMEOUT',
  'PREEMPTED',
  'NODE_FAIL',
  'BOOT_FAIL',
  'REVOKED',
  'DEADLINE',
  'COMPLETED',
];
const CUT_OFF_LOG = /CANCELLED AT|DUE TO (TIME LIMIT|PREEMPTION|NODE FAILURE)/;

/** An executor that submits to Slurm. Jobs of an earlier runner that are still in the queue are taken over, not doubled. */
export function slurmExecutor(options: SlurmExecutorOptions): Executor {
  const { settings, sweepDir, secondsOf } = options;
  const pollMs = settings.pollSeconds * 1000;
  const command = options.command ?? [
    process.execPath,
    ...process.execArgv,
    fileURLToPath(new URL('../slurmWorker.js', import.meta.url)),
  ];
  const wanted = new Map<string, Wanted>();
  /** Runs to be submitted. */
  const waiting = new Set<Wanted>();
  const watched = new Set<WatchedTask>();
  const own = new Set<string>();
  let adopted = false;
  let stopped: 'afterCall' | 'now' | null = null;
  const closing = new AbortController();
  const stops: Promise<void>[] = [];
  let failures = 0;
  let polling: Promise<void> | null = null;

  const settle = (run: Wanted, outcome: TaskOutcome): void => {
    wanted.delete(run.task.runKey);
    waiting.delete(run);
    run.settle(outcome);
  };
  const settleAll = (runs: Iterable<Wanted>, outcome: TaskOutcome): void => {
    for (const run of [...runs]) settle(run, outcome);
  };

  const watch = (
    directory: string,
    jobId: string,
    index: number,
    runKeys: readonly string[],
  ): WatchedTask => {
    const task = {
      directory,
      jobId,
      index,
      runKeys,
      offset: 0,
      current: null,
      begun: new Set<string>(),
      settled: new Set<string>(),
      pollsGone: 0,
    };
    watched.add(task);
    return task;
  };

  /** Takes over what an earlier runner of this sweep has submitted and Slurm still holds. */
  const adopt = (living: readonly ClusterTask[]): void => {
    adopted = true;
    for (const { directory, jobId, tasks } of readSubmissions(sweepDir)) {
      for (const { index } of living.filter((task) => task.jobId === jobId)) {
        const task = watch(directory, jobId, index, tasks[index] ?? []);
        const { events, offset } = readEvents(eventsPath(directory, index), 0);
        task.offset = offset;
        // What it has settled for its own runner and is wanted again is a new attempt.
        for (const { runKey, message } of events) {
          if (message.kind === 'ready') {
            task.current = runKey;
            task.begun.add(runKey);
          }
          if (['ready', 'progress', 'notice'].includes(message.kind)) continue;
          task.current = null;
          if (message.kind !== 'stopped') task.settled.add(runKey);
        }
        for (const key of task.runKeys) {
          const run = wanted.get(key);
          if (run !== undefined && !task.settled.has(key)) waiting.delete(run);
        }
      }
    }
  };

  /** Submits what waits, unless as many tasks as may run at once are in the queue already. */
  const submitWaiting = async (): Promise<void> => {
    const free = (settings.tasksAtOnce ?? Infinity) - watched.size;
    if (waiting.size === 0 || free <= 0) return;
    const runs = [...waiting];
    const atLeast = Number.isFinite(free) ? free : 1;
    const tasks = packTasks(runs, ({ task }) => secondsOf(task), settings.taskMinutes * 60, atLeast);
    makeDirectory(slurmDirectory(sweepDir));
    const directory = mkdtempSync(join(slurmDirectory(sweepDir), 'job-'));
    writeJob(
      directory,
      tasks.map((task) => task.map((run) => run.task)),
      command,
      settings,
    );
    const throttle = Number.isFinite(free) ? `%${free}` : '';
    for (const run of runs) waiting.delete(run);
    let jobId: string;
    try {
      jobId = await submit(scriptPath(directory), [
        `--job-name=isoloss-${runs[0]!.task.record.sweep}`,
        `--array=0-${tasks.length - 1}${throttle}`,
        `--cpus-per-task=${options.threads}`,
        `--output=${logPath(directory, '%a').replaceAll(/%(?!a\.log$)/g, '%%')}`,
        '--open-mode=append',
        '--requeue',
        ...sbatchOptions(settings),
      ]);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      settleAll(runs, { kind: 'crashed', cause: (error as Error).message, environment: true });
      return;
    }
    const keys = tasks.map((task) => task.map((run) => run.task.runKey));
    writeSubmission({ directory, jobId, tasks: keys });
    own.add(directory);
    for (const [index, runKeys] of keys.entries()) watch(directory, jobId, index, runKeys);
    if (stopped !== null) await stopJob(jobId);
  };

  const take = (task: WatchedTask, { runKey, message }: TaskEvent): void => {
    const run = wanted.get(runKey);
    switch (message.kind) {
      case 'ready':
        task.current = runKey;
        task.begun.add(runKey);
        return;
      case 'progress':
        if (run === undefined) return;
        run.stepsDone = message.progress.stepsDone;
        run.onProgress(message.progress);
        return;
      case 'notice':
        run?.onNotice(message.text);
        return;
      case 'stopped':
        // Cut off with a checkpoint: what becomes of it is decided when its task is gone.
        task.current = null;
        return;
      case 'ended':
      case 'busy':
      case 'error':
        task.current = null;
        task.settled.add(runKey);
        if (run === undefined) return;
        if (message.kind !== 'error') settle(run, message);
        else settle(run, { kind: 'crashed', cause: message.message, environment: message.environment });
        return;
      default:
        message satisfies never;
    }
  };

  /** Decides on the runs of a task that is gone. */
  const conclude = async (task: WatchedTask): Promise<void> => {
    watched.delete(task);
    const left = task.runKeys.flatMap((key) => (task.settled.has(key) ? [] : (wanted.get(key) ?? [])));
    if (left.length === 0) return;
    const state = await endState(task);
    const said = logTail(task.directory, task.index);
    const cutOff = state === null ? true : CUT_OFF.includes(state) || CUT_OFF_LOG.test(said);
    const ending = `task ${task.jobId}_${task.index} of Slurm ended${state === null ? '' : ` as ${state}`}${said === '' ? '' : `; it last said: ${said}`}`;
    for (const run of left) {
      const { task: wantedTask } = run;
      const record = endedRecord(wantedTask.resultsDir, wantedTask.runKey);
      if (record !== null) settle(run, { kind: 'ended', record });
      else if (stopped !== null) settle(run, { kind: 'stopped' });
      else if (!cutOff && task.current === null && task.offset === 0) {
        settle(run, { kind: 'crashed', cause: `${ending}, before it began a run`, environment: true });
      } else if (!cutOff && task.current === wantedTask.runKey) {
        settle(run, { kind: 'crashed', cause: ending, environment: false });
      } else if (task.begun.has(wantedTask.runKey)) resubmit(run, ending);
      else waiting.add(run);
    }
  };

  const resubmit = (run: Wanted, ending: string): void => {
    const gained = run.stepsDone > run.stepsAtLastEnd;
    run.stepsAtLastEnd = run.stepsDone;
    run.fruitless = gained ? 0 : run.fruitless + 1;
    if (run.fruitless < MOST_FRUITLESS) {
      waiting.add(run);
      return;
    }
    const cause = `it was cut off ${run.fruitless} times in a row with no step done in between: ${ending}`;
    settle(run, { kind: 'crashed', cause, environment: false });
  };

  const pollOnce = async (): Promise<void> => {
    const living = await livingTasks();
    failures = 0;
    if (!adopted) adopt(living);
    const alive = new Set(living.map(({ jobId, index }) => `${jobId}_${index}`));
    for (const task of [...watched]) {
      const { events, offset } = readEvents(eventsPath(task.directory, task.index), task.offset);
      task.offset = offset;
      for (const event of events) take(task, event);
      task.pollsGone = alive.has(`${task.jobId}_${task.index}`) ? 0 : task.pollsGone + 1;
      if (task.pollsGone >= POLLS_AFTER_END) await conclude(task);
    }
    if (stopped !== null) settleAll(waiting, { kind: 'stopped' });
    await submitWaiting();
  };

  const poll = async (): Promise<void> => {
    // Runs that are asked for in one go are submitted together.
    await sleep(50);
    while (wanted.size > 0 && !closing.signal.aborted) {
      try {
        await pollOnce();
      } catch (error) {
        failures += 1;
        const { message } = error as Error;
        if (!adopted) settleAll(wanted.values(), { kind: 'crashed', cause: message, environment: true });
        else if (failures === 3) options.onNotice?.(`Slurm does not answer, and is asked again: ${message}`);
      }
      await sleep(pollMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
    polling = null;
  };

  const stopJob = async (jobId: string): Promise<void> => {
    try {
      await (stopped === 'now' ? kill(jobId) : askToStop(jobId));
    } catch (error) {
      options.onNotice?.(`Job ${jobId} could not be stopped: ${(error as Error).message}`);
    }
  };

  /** Those of an earlier runner too, though this one may not have looked for them yet. */
  const stopJobs = async (): Promise<void> => {
    try {
      const living = adopted ? [] : await livingTasks();
      if (!adopted) adopt(living);
    } catch (error) {
      options.onNotice?.(`Jobs of an earlier runner could not be looked for: ${(error as Error).message}`);
    }
    await Promise.all([...new Set([...watched].map(({ jobId }) => jobId))].map(stopJob));
  };

  return {
    // Far more than any cluster runs at once: what is asked for together is packed together.
    capacity: 2000,
    pollSeconds: 30,
    run: (task, onProgress, onNotice) =>
      new Promise<TaskOutcome>((resolve) => {
        if (stopped !== null) {
          resolve({ kind: 'stopped' });
          return;
        }
        const stepsDone = task.record.stepsDone;
        const run: Wanted = {
          task,
          onProgress,
          onNotice,
          settle: resolve,
          stepsDone,
          fruitless: 0,
          stepsAtLastEnd: stepsDone,
        };
        wanted.set(task.runKey, run);
        waiting.add(run);
        polling ??= poll();
      }),
    stop: (mode) => {
      stopped = mode;
      stops.push(stopJobs());
      settleAll(waiting, { kind: 'stopped' });
      if (mode === 'now') settleAll(wanted.values(), { kind: 'stopped' });
    },
    close: async () => {
      closing.abort();
      await Promise.all([...stops, polling]);
      // The logs of jobs whose runs have not all ended say why.
      const finished = readSubmissions(sweepDir).filter(
        ({ directory, tasks }) => own.has(directory) && tasks.flat().every((key) => isEnded(key)),
      );
      for (const { directory } of finished) rmSync(directory, { recursive: true, force: true });
    },
  };

  function isEnded(runKey: string): boolean {
    return endedRecord(join(sweepDir, '..'), runKey) !== null;
  }
}
