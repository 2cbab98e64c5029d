/** The life of a worker process: take a run, claim its directory, train it, say what became of it, take the next. */
import { rmdirSync } from 'node:fs';
import { makeDirectory } from '../data/folders.js';
import { isSystemError } from '../store/files.js';
import { acquireLock, readLock, type RunLock } from '../store/lock.js';
import { hasEnded, type RunRecord } from '../store/record.js';
import { endedRecord, findRun, listSweepFolders, runDirectory } from '../store/runDirectory.js';
import type { RunProgress, RunTask } from './executor.js';
import type { FromWorker, ToWorker } from './messages.js';

/** Seconds between two progress messages, and between two looks at the lock. */
const REPORT_SECONDS = 0.25;
const LOCK_CHECK_SECONDS = 2;

/** System errors that every other run would meet as well, and what they mean here. */
const ENVIRONMENT_CODES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk that holds the results is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'a file of the results has reached the largest size allowed (ulimit -f)',
  EROFS: 'the results lie on a file system that is read-only',
  EACCES: 'there is no permission to write the results',
  EPERM: 'there is no permission to write the results',
  EMFILE: 'this process may not open more files (ulimit -n)',
  ENFILE: 'the system can open no more files',
};

/** What V8, the C++ library and ONNX Runtime say where an allocation fails. */
export const OUT_OF_MEMORY = /out of memory|bad_alloc|Failed to allocate memory|Cannot allocate memory/i;
export const NO_MEMORY =
  'the worker process could get no more memory from the system; fewer workers (--workers) need less';

/** Something is wrong that would be for every run of the sweep, so that it makes no sense to try the next. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/** Trains one run in a directory that is claimed for it, going on from the checkpoint there. */
export type Trainer = (options: {
  readonly task: RunTask;
  /** The run's initial record, naming the sweep whose folder the directory lies in. */
  readonly record: RunRecord;
  readonly directory: string;
  readonly shouldStop: () => boolean;
  /** Asked before anything is written; throws where the directory is another process's by now. */
  readonly requireHeld: () => void;
  readonly onProgress: (progress: RunProgress) => void;
  /** Told of what does not stop the run but should be known. */
  readonly onNotice: (text: string) => void;
}) => Promise<RunRecord>;

/** The part of `process` that a worker uses. */
export interface WorkerChannel {
  send(message: FromWorker): void;
  onMessage(listener: (message: ToWorker) => void): void;
}

/**
 * Serves runs until the process ends.
 *
 * @param channel messages to and from the runner
 * @param train trains one run
 */
export function serveRuns(channel: WorkerChannel, train: Trainer): { stop(): void } {
  let stopping = false;
  channel.onMessage((message) => {
    switch (message.kind) {
      case 'run':
        void attemptRun(message.task, train, {
          shouldStop: () => stopping,
          onProgress: (progress) => channel.send({ kind: 'progress', progress }),
          onNotice: (text) => channel.send({ kind: 'notice', text }),
        }).then((outcome) => channel.send(outcome));
        return;
      case 'stop':
        stopping = true;
        return;
      default:
        message satisfies never;
    }
  });
  channel.send({ kind: 'ready' });
  return {
    stop: () => {
      stopping = true;
    },
  };
}

/** Makes this process a worker of the one that forked it. */
export function connectWorker(train: Trainer): void {
  // A terminal sends Ctrl-C to the whole group of processes: the runner decides what it means.
  process.on('SIGINT', () => undefined);
  // Whoever started this process is gone, so nobody waits for its runs. What is finished is on disk.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const served = serveRuns(
    {
      send: (message) => {
        if (process.connected) process.send?.(message);
      },
      onMessage: (listener) => process.on('message', (message) => listener(message as ToWorker)),
    },
    train,
  );
  process.on('SIGTERM', () => served.stop());
}

/** How an attempt at a run is told to stop, and tells how far it is. */
export interface AttemptHooks {
  readonly shouldStop: () => boolean;
  readonly onProgress: (progress: RunProgress) => void;
  readonly onNotice: (text: string) => void;
}

/** One attempt at a run. A run that has ended by now, under any sweep, is not trained again. */
export async function attemptRun(task: RunTask, train: Trainer, hooks: AttemptHooks): Promise<FromWorker> {
  try {
    const known = findRun(task.resultsDir, task.runKey);
    if (known !== null && hasEnded(known.record)) return { kind: 'ended', record: known.record };
    const sweep = known?.found.sweep ?? task.record.sweep;
    const directory = known?.found.directory ?? runDirectory(task.resultsDir, sweep, task.runKey);
    makeDirectory(directory);
    const claim = await acquireLock(directory);
    if (!claim.acquired) return { kind: 'busy', reason: claim.reason };
    try {
      return await trainClaimed(
        { ...task, record: { ...task.record, sweep } },
        directory,
        claim.lock,
        train,
        hooks,
      );
    } finally {
      claim.lock.release();
      removeIfEmpty(directory);
    }
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    const system = isSystemError(error, ...Object.keys(ENVIRONMENT_CODES))
      ? `${ENVIRONMENT_CODES[error.code ?? ''] ?? ''} (${message})`
      : null;
    const environment = error instanceof EnvironmentError || system !== null;
    const memory = OUT_OF_MEMORY.test(message) ? `${NO_MEMORY} (${message})` : null;
    return { kind: 'error', message: system ?? memory ?? message, environment, stack: stack ?? null };
  }
}

async function trainClaimed(
  task: RunTask,
  directory: string,
  lock: RunLock,
  train: Trainer,
  hooks: AttemptHooks,
): Promise<FromWorker> {
  // Someone may have finished the run, or begun it under another sweep, between looking and claiming.
  const ended = endedRecord(task.resultsDir, task.runKey);
  if (ended !== null) return { kind: 'ended', record: ended };
  const elsewhere = await heldElsewhere(task.resultsDir, task.runKey, task.record.sweep);
  if (elsewhere !== null) return { kind: 'busy', reason: `it is under way in ${elsewhere}` };

  let reported = -Infinity;
  let checked = performance.now() / 1000;
  const record = await train({
    task,
    record: task.record,
    directory,
    shouldStop: hooks.shouldStop,
    onNotice: hooks.onNotice,
    requireHeld: () => {
      const seconds = performance.now() / 1000;
      if (seconds - checked <= LOCK_CHECK_SECONDS) return;
      checked = seconds;
      if (!lock.isHeld())
        throw new Error('another process took this run over, since this one had stood still too long');
    },
    onProgress: (progress) => {
      const seconds = performance.now() / 1000;
      if (seconds - reported < REPORT_SECONDS && progress.stepsDone < progress.steps) return;
      reported = seconds;
      hooks.onProgress(progress);
    },
  });
  return hasEnded(record) ? { kind: 'ended', record } : { kind: 'stopped' };
}

/** Directory of the same run under another sweep where a living process holds it, or null. */
async function heldElsewhere(resultsDir: string, runKey: string, ownSweep: string): Promise<string | null> {
  for (const sweep of listSweepFolders(resultsDir)) {
    const directory = runDirectory(resultsDir, sweep, runKey);
    if (sweep === ownSweep || readLock(directory) === null) continue;
    const claim = await acquireLock(directory);
    if (!claim.acquired) return directory;
    claim.lock.release();
  }
  return null;
}

/** A directory that was only claimed leaves nothing behind. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}
