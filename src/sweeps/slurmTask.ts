/** Entry of one task of a Slurm job: trains the runs of its list one after the other, until it is told to stop. */
import { appendFileSync, readFileSync } from 'node:fs';
import { eventsPath, manifestPath, type TaskEvent } from './executors/slurmFiles.js';
import type { RunTask } from './executor.js';
import { attemptRun, type Trainer } from './workerLoop.js';

/** Seconds between two progress events in a task's file. */
const PROGRESS_SECONDS = 2;

/**
 * Serves the runs of one task. SIGTERM (a cancelled or preempted job, a time limit that comes near) ends it after the
 * call under way, with a checkpoint. A run that another process works on is tried once more at the end.
 *
 * @returns the exit code: 1 where a run failed, and those after it were not begun
 */
export async function serveTask(directory: string, index: number, train: Trainer): Promise<number> {
  const runs = JSON.parse(readFileSync(manifestPath(directory, index), 'utf8')) as RunTask[];
  const say = (event: TaskEvent): void => {
    appendFileSync(eventsPath(directory, index), `${JSON.stringify(event)}\n`);
  };
  const state = { stopping: false };
  const stop = (): void => {
    state.stopping = true;
  };
  for (const signal of ['SIGTERM', 'SIGUSR1', 'SIGINT'] as const) process.on(signal, stop);

  const queue = runs.map((task) => ({ task, again: true }));
  for (let next = queue.shift(); next !== undefined && !state.stopping; next = queue.shift()) {
    const { task, again } = next;
    const { runKey } = task;
    say({ runKey, message: { kind: 'ready' } });
    let reported = -Infinity;
    const outcome = await attemptRun(task, train, {
      shouldStop: () => state.stopping,
      onNotice: (text) => {
        say({ runKey, message: { kind: 'notice', text } });
      },
      onProgress: (progress) => {
        const seconds = performance.now() / 1000;
        if (seconds - reported < PROGRESS_SECONDS && progress.stepsDone < progress.steps) return;
        reported = seconds;
        say({ runKey, message: { kind: 'progress', progress } });
      },
    });
    if (outcome.kind === 'busy' && again) {
      queue.push({ task, again: false });
      continue;
    }
    say({ runKey, message: outcome });
    // What made this run fail may still be there: the others are submitted again, in a fresh process.
    if (outcome.kind === 'error') return 1;
  }
  return 0;
}
