/**
 * Gets every run of a sweep to its end: most work first, the runs of a trunk one after the other, a crashed one again
 * from its checkpoint, one that another runner works on left to it and looked at again.
 */
import type { RunRecord } from '../store/record.js';
import type { Executor, RunProgress, RunTask, TaskOutcome } from './executor.js';

/** What happens while a sweep runs, for whoever shows it. */
export type SweepEvent =
  | { readonly kind: 'progress'; readonly task: RunTask; readonly progress: RunProgress }
  | { readonly kind: 'notice'; readonly task: RunTask; readonly text: string }
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
  /** Writes down why an attempt at a run came to no end. */
  readonly recordCause: (task: RunTask, status: 'interrupted' | 'failed', cause: string) => Promise<void>;
  readonly onEvent: (event: SweepEvent) => void;
  /** Aborted: no new runs, those under way stop after their call. */
  readonly stopAfterCall: AbortSignal;
  /** Aborted: those under way are dropped. */
  readonly stopNow: AbortSignal;
  /** Seconds between two looks at a run that another process works on; default 2. */
  readonly pollSeconds?: number;
}

/** Crashes in a row after which a run counts as failed, if no step was done that had not been done before. */
const FRUITLESS_CRASHES = 2;

/** Runs the tasks of a sweep. Rejects only if `recordCause` does. */
export async function schedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const { executor, onEvent } = options;
  const pollMs = (options.pollSeconds ?? 2) * 1000;
  const unsettled = new Set(options.tasks.map(({ runKey }) => runKey));
  const isReady = ({ trunkRuns }: RunTask): boolean =>
    trunkRuns[0] === undefined || !unsettled.has(trunkRuns[0]);
  const queue = taskQueue(options.tasks, isReady, pollMs);
  const running = new Map<RunTask, Promise<void>>();
  const furthest = new Map<RunTask, number>();
  const crashes = new Map<RunTask, { readonly step: number; readonly fruitless: number }>();
  const ended = new Map<string, RunRecord>();
  const failed: { task: RunTask; cause: string }[] = [];
  const left: RunTask[] = [];
  const state: { stopping: boolean; halted: string | null } = { stopping: false, halted: null };
  const bell = alarm();

  const stop = (mode: 'afterCall' | 'now', cause: string | null): void => {
    if (state.stopping && mode === 'afterCall') return;
    state.stopping = true;
    onEvent({ kind: 'stopping', mode, cause });
    executor.stop(mode);
    bell.ring();
  };

  const leave = (task: RunTask): void => {
    left.push(task);
    onEvent({ kind: 'stopped', task });
  };

  const crashed = async (task: RunTask, cause: string, environment: boolean): Promise<void> => {
    // Ctrl-C reaches workers that are still loading too, and ends them; what else ends one now shows itself next time.
    if (state.stopping || environment) {
      leave(task);
      if (!environment) return;
      if (!state.stopping) {
        state.halted = cause;
        stop('afterCall', cause);
      }
      await options.recordCause(task, 'interrupted', cause);
      return;
    }
    const step = furthest.get(task) ?? 0;
    const last = crashes.get(task) ?? { step: -1, fruitless: 0 };
    const fruitless = step > last.step ? 1 : last.fruitless + 1;
    crashes.set(task, { step, fruitless });
    if (fruitless < FRUITLESS_CRASHES) {
      onEvent({ kind: 'retrying', task, cause });
      await options.recordCause(task, 'interrupted', cause);
      queue.putFirst(task);
      return;
    }
    failed.push({ task, cause });
    unsettled.delete(task.runKey);
    onEvent({ kind: 'failed', task, cause });
    await options.recordCause(task, 'failed', cause);
  };

  const settle = async (task: RunTask, outcome: TaskOutcome): Promise<void> => {
    switch (outcome.kind) {
      case 'ended':
        ended.set(task.runKey, outcome.record);
        unsettled.delete(task.runKey);
        onEvent({ kind: 'ended', task, record: outcome.record, reused: false });
        return;
      case 'busy':
        queue.putAside(task);
        onEvent({ kind: 'waiting', task, reason: outcome.reason });
        return;
      case 'stopped':
        await crashed(task, 'the worker was told to stop from outside', false);
        return;
      case 'crashed':
        await crashed(task, outcome.cause, outcome.environment);
        return;
      default:
        outcome satisfies never;
    }
  };

  const begin = (task: RunTask): void => {
    const record = options.findEnded(task.runKey);
    if (record !== null) {
      ended.set(task.runKey, record);
      unsettled.delete(task.runKey);
      onEvent({ kind: 'ended', task, record, reused: true });
      return;
    }
    const attempt = executor
      .run(
        task,
        (progress) => {
          furthest.set(task, Math.max(furthest.get(task) ?? 0, progress.stepsDone));
          onEvent({ kind: 'progress', task, progress });
        },
        (text) => {
          onEvent({ kind: 'notice', task, text });
        },
      )
      .then((outcome) => settle(task, outcome))
      .finally(() => running.delete(task));
    running.set(task, attempt);
  };

  const stopAfterCall = (): void => {
    stop('afterCall', null);
  };
  const stopNow = (): void => {
    stop('now', null);
  };
  if (options.stopAfterCall.aborted) stopAfterCall();
  if (options.stopNow.aborted) stopNow();
  options.stopAfterCall.addEventListener('abort', stopAfterCall);
  options.stopNow.addEventListener('abort', stopNow);
  try {
    for (;;) {
      while (!state.stopping && running.size < executor.capacity) {
        const task = queue.take();
        if (task === undefined) break;
        begin(task);
      }
      if (running.size === 0 && (state.stopping || queue.isEmpty())) break;
      const poll = queue.hasAside() && !state.stopping;
      // Two runners that got in each other's way must not do so again at the same moment.
      await bell.wait([...running.values()], poll ? pollMs * (0.75 + Math.random() / 2) : null);
    }
  } finally {
    options.stopAfterCall.removeEventListener('abort', stopAfterCall);
    options.stopNow.removeEventListener('abort', stopNow);
  }
  return { ended, failed, left: [...left, ...queue.rest()], halted: state.halted };
}

/**
 * The runs to be begun, and those put aside until it is time to look at them again.
 *
 * @param isReady whether a run need not wait for another one of the queue
 */
function taskQueue(tasks: readonly RunTask[], isReady: (task: RunTask) => boolean, pollMs: number) {
  const queue = [...tasks];
  const aside: { task: RunTask; since: number }[] = [];
  return {
    take: (): RunTask | undefined => {
      const ready = queue.findIndex(isReady);
      if (ready >= 0) return queue.splice(ready, 1)[0];
      const due = aside.findIndex(({ since }) => performance.now() - since >= pollMs);
      return due < 0 ? undefined : aside.splice(due, 1)[0]!.task;
    },
    putFirst: (task: RunTask): void => {
      queue.unshift(task);
    },
    putAside: (task: RunTask): void => {
      aside.push({ task, since: performance.now() });
    },
    hasAside: (): boolean => aside.length > 0,
    isEmpty: (): boolean => queue.length + aside.length === 0,
    rest: (): RunTask[] => [...queue, ...aside.map(({ task }) => task)],
  };
}

/** Waits for the first of several things to happen, and can be rung awake. */
function alarm() {
  let ring = (): void => undefined;
  return {
    ring: (): void => {
      ring();
    },
    wait: async (attempts: readonly Promise<void>[], ms: number | null): Promise<void> => {
      let timer: NodeJS.Timeout | undefined;
      const rung = new Promise<void>((resolve) => {
        ring = resolve;
        if (ms !== null) timer = setTimeout(resolve, ms);
      });
      try {
        await Promise.race([...attempts, rung]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
