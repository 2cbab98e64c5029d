/**
 * Gets every run of a sweep to its end: longest first, a crashed one once more from its checkpoint, one that another
 * runner works on left to it and looked at again.
 */
import type { RunRecord } from '../store/record.js';
import type { Executor, RunProgress, RunTask, TaskOutcome } from './executor.js';

/** What happens while a sweep runs, for whoever shows it. */
export type SweepEvent =
  | { readonly kind: 'progress'; readonly task: RunTask; readonly progress: RunProgress }
  /** `reused`: it had been trained before, or elsewhere in the meantime. */
  | { readonly kind: 'ended'; readonly task: RunTask; readonly record: RunRecord; readonly reused: boolean }
  | { readonly kind: 'waiting'; readonly task: RunTask; readonly reason: string }
  | { readonly kind: 'retrying'; readonly task: RunTask; readonly cause: string }
  | { readonly kind: 'failed'; readonly task: RunTask; readonly cause: string }
  | { readonly kind: 'stopped'; readonly task: RunTask }
  | { readonly kind: 'stopping'; readonly mode: 'afterCall' | 'now'; readonly cause: string | null };

/** How a sweep was left. */
export interface ScheduleResult {
  /** Final records by run key. */
  readonly ended: ReadonlyMap<string, RunRecord>;
  readonly failed: readonly { readonly task: RunTask; readonly cause: string }[];
  /** Runs that have not ended: the sweep was stopped before. */
  readonly left: readonly RunTask[];
  /** What made it impossible to go on, null where nothing did. */
  readonly halted: string | null;
}

export interface ScheduleOptions {
  /** In the order in which they are to be begun. */
  readonly tasks: readonly RunTask[];
  readonly executor: Executor;
  /** The final record of a run that has ended by now, trained by whomever; null where it has not. */
  readonly findEnded: (runKey: string) => RunRecord | null;
  /** Writes down that a run failed. */
  readonly recordFailure: (task: RunTask, cause: string) => Promise<void>;
  readonly onEvent: (event: SweepEvent) => void;
  /** Aborted: no new runs, those under way stop after their call. */
  readonly stopAfterCall: AbortSignal;
  /** Aborted: those under way are dropped. */
  readonly stopNow: AbortSignal;
  /** Seconds between two looks at a run that another process works on; default 2. */
  readonly pollSeconds?: number;
}

/** Attempts at a run before it counts as failed. */
const ATTEMPTS = 2;

/** Runs the tasks of a sweep. Rejects only if `recordFailure` does. */
export async function schedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const { executor, onEvent } = options;
  const pollMs = (options.pollSeconds ?? 2) * 1000;
  const queue = [...options.tasks];
  const waiting: { task: RunTask; since: number }[] = [];
  const running = new Map<RunTask, Promise<void>>();
  const attempts = new Map<RunTask, number>();
  const ended = new Map<string, RunRecord>();
  const failed: { task: RunTask; cause: string }[] = [];
  const left: RunTask[] = [];
  let stopping = false;
  let halted: string | null = null;
  let wake = (): void => undefined;

  const stop = (mode: 'afterCall' | 'now', cause: string | null): void => {
    if (stopping && mode === 'afterCall') return;
    stopping = true;
    onEvent({ kind: 'stopping', mode, cause });
    executor.stop(mode);
    wake();
  };
  const onStopAfterCall = (): void => stop('afterCall', null);
  const onStopNow = (): void => stop('now', null);
  options.stopAfterCall.addEventListener('abort', onStopAfterCall);
  options.stopNow.addEventListener('abort', onStopNow);
  if (options.stopAfterCall.aborted) onStopAfterCall();
  if (options.stopNow.aborted) onStopNow();

  const crashed = async (
    task: RunTask,
    outcome: Extract<TaskOutcome, { kind: 'crashed' }>,
  ): Promise<void> => {
    if (outcome.environment) {
      left.push(task);
      halted ??= outcome.cause;
      stop('afterCall', outcome.cause);
      return;
    }
    const count = (attempts.get(task) ?? 0) + 1;
    attempts.set(task, count);
    if (count < ATTEMPTS) {
      onEvent({ kind: 'retrying', task, cause: outcome.cause });
      queue.unshift(task);
      return;
    }
    failed.push({ task, cause: outcome.cause });
    onEvent({ kind: 'failed', task, cause: outcome.cause });
    await options.recordFailure(task, outcome.cause);
  };

  const settle = async (task: RunTask, outcome: TaskOutcome): Promise<void> => {
    switch (outcome.kind) {
      case 'ended':
        ended.set(task.runKey, outcome.record);
        onEvent({ kind: 'ended', task, record: outcome.record, reused: false });
        return;
      case 'busy':
        waiting.push({ task, since: performance.now() });
        onEvent({ kind: 'waiting', task, reason: outcome.reason });
        return;
      case 'stopped':
        if (!stopping) {
          return crashed(task, {
            kind: 'crashed',
            cause: 'the worker was told to stop from outside',
            environment: false,
          });
        }
        left.push(task);
        onEvent({ kind: 'stopped', task });
        return;
      case 'crashed':
        return crashed(task, outcome);
      default:
        outcome satisfies never;
    }
  };

  const next = (): RunTask | undefined => {
    const fresh = queue.shift();
    if (fresh !== undefined) return fresh;
    const due = waiting.findIndex(({ since }) => performance.now() - since >= pollMs);
    return due < 0 ? undefined : waiting.splice(due, 1)[0]!.task;
  };

  for (;;) {
    while (!stopping && running.size < executor.capacity) {
      const task = next();
      if (task === undefined) break;
      const record = options.findEnded(task.runKey);
      if (record !== null) {
        ended.set(task.runKey, record);
        onEvent({ kind: 'ended', task, record, reused: true });
        continue;
      }
      const attempt = executor
        .run(task, (progress) => onEvent({ kind: 'progress', task, progress }))
        .then((outcome) => settle(task, outcome))
        .finally(() => running.delete(task));
      running.set(task, attempt);
    }
    if (running.size === 0 && (stopping || waiting.length === 0)) break;
    // Two runners that got in each other's way must not do so again at the same moment.
    const pause = waiting.length > 0 && !stopping ? pollMs * (0.75 + Math.random() / 2) : null;
    await Promise.race([
      ...running.values(),
      new Promise<void>((resolve) => {
        const timer = pause === null ? undefined : setTimeout(resolve, pause);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    ]).finally(() => wake());
  }
  options.stopAfterCall.removeEventListener('abort', onStopAfterCall);
  options.stopNow.removeEventListener('abort', onStopNow);
  left.push(...queue, ...waiting.map(({ task }) => task));
  return { ended, failed, left, halted };
}
