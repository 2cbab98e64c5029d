/** What is known of a running sweep at a moment, kept up to date by the scheduler's events; and that as text. */
import { makespan } from './estimate.js';
import type { RunProgress, RunTask } from './executor.js';
import { countText, durationText, flopsText } from './format.js';
import type { SweepEvent } from './scheduler.js';

/** A sweep as it stands. */
export interface SweepProgress {
  readonly name: string;
  /** The runs to do. */
  readonly tasks: readonly RunTask[];
  readonly workers: number;
  /** Runs that had ended before, and their FLOPs. */
  readonly before: { readonly runs: number; readonly flops: number };
  /** Predicted seconds of a run that has not begun. */
  readonly predictedSeconds: (task: RunTask) => number;
  readonly running: Map<RunTask, RunProgress>;
  /** Share of its steps that a run has on disk, whether or not it is under way. */
  readonly shares: Map<RunTask, number>;
  readonly waiting: Set<RunTask>;
  readonly ended: Set<RunTask>;
  readonly failed: Set<RunTask>;
  stopping: boolean;
}

/** Takes an event into account. */
export function observeEvent(state: SweepProgress, event: SweepEvent): void {
  switch (event.kind) {
    case 'progress':
      state.waiting.delete(event.task);
      state.running.set(event.task, event.progress);
      state.shares.set(event.task, event.progress.stepsDone / event.progress.steps);
      return;
    case 'ended':
      leave(state, event.task);
      state.ended.add(event.task);
      return;
    case 'failed':
      leave(state, event.task);
      state.failed.add(event.task);
      return;
    case 'waiting':
      leave(state, event.task);
      state.waiting.add(event.task);
      return;
    case 'retrying':
    case 'stopped':
      leave(state, event.task);
      return;
    case 'notice':
      return;
    case 'stopping':
      state.stopping = true;
      return;
    default:
      event satisfies never;
  }
}

function leave(state: SweepProgress, task: RunTask): void {
  state.running.delete(task);
  state.waiting.delete(task);
}

/** The figures of a sweep's progress. */
export interface ProgressFigures {
  readonly flops: number;
  readonly flopsDone: number;
  readonly runs: number;
  readonly runsEnded: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
}

/** Works out the figures; a run counts with the share of its steps that is done. */
export function progressFigures(state: SweepProgress): ProgressFigures {
  const { before, tasks, running, ended, failed } = state;
  let flops = before.flops;
  let flopsDone = before.flops;
  const seconds: number[] = [];
  for (const task of tasks) {
    flops += task.record.flops;
    flopsDone += (ended.has(task) ? 1 : (state.shares.get(task) ?? 0)) * task.record.flops;
  }
  for (const [task, current] of running) {
    seconds.push(((current.steps - current.stepsDone) * task.record.tokensPerStep) / current.tokensPerSecond);
  }
  for (const task of tasks) {
    if (!running.has(task) && !ended.has(task) && !failed.has(task))
      seconds.push(state.predictedSeconds(task));
  }
  return {
    flops,
    flopsDone,
    runs: before.runs + tasks.length,
    runsEnded: before.runs + ended.size,
    tokensPerSecond: [...running.values()].reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0),
    secondsLeft: makespan(seconds, state.workers),
  };
}

/** One line: for logs, and the head of the block on a terminal. */
export function progressLine(state: SweepProgress): string {
  const { running, waiting, failed } = state;
  const { flops, flopsDone, runs, runsEnded, tokensPerSecond, secondsLeft } = progressFigures(state);
  const parts = [
    `${percent(flopsDone / flops)} of ${flopsText(flops, 3)} FLOPs`,
    `${runsEnded} of ${runs} runs`,
    ...(running.size > 0 ? [`${countText(tokensPerSecond)} tokens/s`] : []),
    ...(failed.size > 0 ? [`${failed.size} failed`] : []),
    ...(waiting.size > 0 ? [`${waiting.size} trained by another runner`] : []),
    ...(state.stopping || runsEnded + failed.size === runs ? [] : [`${durationText(secondsLeft)} left`]),
  ];
  return parts.join('  ');
}

/** The block redrawn on a terminal: a bar, and a line for each run under way. */
export function progressBlock(state: SweepProgress, columns: number): string[] {
  const { flops, flopsDone } = progressFigures(state);
  const line = progressLine(state);
  const room = columns - line.length - state.name.length - 6;
  const bar = room >= 10 ? ` ${barText(flopsDone / flops, Math.min(30, room))} ` : ' ';
  const running = [...state.running].map(([task, { stepsDone, steps, lossNats, tokensPerSecond }]) => {
    const loss = lossNats === null ? 'loss not finite' : `loss ${lossNats.toFixed(3)}`;
    return `  ${task.label.padEnd(36)} ${percent(stepsDone / steps)}  ${loss}  ${countText(tokensPerSecond)} tokens/s`;
  });
  const hint = state.stopping ? ['  stopping after the calls under way; Ctrl-C again stops at once'] : [];
  return [`${state.name}${bar}${line}`, ...running, ...hint].map((text) =>
    text.slice(0, Math.max(1, columns - 1)),
  );
}

function percent(share: number): string {
  return `${Math.floor(100 * share)}%`.padStart(4);
}

function barText(share: number, width: number): string {
  const full = Math.round(share * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}
