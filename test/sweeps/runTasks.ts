/** Runs made-up tasks through the real scheduler, the real pool of processes and the real worker loop. */
import { fileURLToPath } from 'node:url';
import { findRun } from '../../src/store/runDirectory.js';
import type { RunTask } from '../../src/sweeps/executor.js';
import { localExecutor } from '../../src/sweeps/executors/local.js';
import { schedule, type ScheduleOptions, type ScheduleResult } from '../../src/sweeps/scheduler.js';
import { hasEnded } from '../../src/store/record.js';
import { makeTask } from './tasks.js';

export const JITI = ['--import', 'jiti/register'];

export async function runTasks(
  resultsDir: string,
  tasks: number | readonly RunTask[],
  steps = 40,
  changes: Partial<ScheduleOptions> = {},
  workers = 2,
  devices: readonly string[] = [],
): Promise<ScheduleResult> {
  const executor = localExecutor({
    workers,
    devices,
    script: fileURLToPath(new URL('./fakeWorker.ts', import.meta.url)),
    execArgv: JITI,
  });
  try {
    return await schedule({
      tasks:
        typeof tasks === 'number'
          ? Array.from({ length: tasks }, (_, i) => makeTask(i, resultsDir, steps))
          : tasks,
      executor,
      findEnded: (runKey) => {
        const known = findRun(resultsDir, runKey);
        return known !== null && hasEnded(known.record) ? known.record : null;
      },
      recordCause: () => Promise.resolve(),
      onEvent: () => undefined,
      stopAfterCall: new AbortController().signal,
      stopNow: new AbortController().signal,
      pollSeconds: 0.1,
      ...changes,
    });
  } finally {
    await executor.close();
  }
}
