/** Runs the tasks of a parametric bootstrap on worker threads, in the order of the tasks whatever thread did them. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type DrawJob, type DrawTask, runDraw } from './parametricDraws.js';
import type { PowerSumParameters } from './powerSum.js';

export interface DrawOptions {
  /** Worker threads; those of the machine unless given. 1 or less stays in this thread. */
  readonly threads?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tasks in one message: many enough that messages cost nothing, few enough that progress moves. */
const BATCH = 25;

/** Fewer tasks than this are done sooner than threads start. */
const FEW_TASKS = 200;

/** Result of every task. Without a compiled worker file (running from sources) all is done in this thread, with equal results. */
export async function runDraws(
  job: DrawJob,
  tasks: readonly DrawTask[],
  options: DrawOptions = {},
): Promise<PowerSumParameters[]> {
  const { threads = availableParallelism(), onProgress } = options;
  const workerFile = new URL('./drawWorker.js', import.meta.url);
  const batches = Array.from({ length: Math.ceil(tasks.length / BATCH) }, (_, i) =>
    tasks.slice(i * BATCH, (i + 1) * BATCH),
  );
  const results: PowerSumParameters[][] = [];
  let done = 0;
  const finish = (batch: number, parameters: PowerSumParameters[]): void => {
    results[batch] = parameters;
    done += parameters.length;
    onProgress?.(done, tasks.length);
  };

  if (threads <= 1 || tasks.length < FEW_TASKS || !existsSync(fileURLToPath(workerFile))) {
    for (const [i, batch] of batches.entries()) {
      finish(
        i,
        batch.map((task) => runDraw(job, task)),
      );
      // Lets a progress display draw, and Ctrl-C through.
      await new Promise(setImmediate);
    }
    return results.flat();
  }

  let next = 0;
  const workers = Array.from(
    { length: Math.min(threads, batches.length) },
    () => new Worker(workerFile, { workerData: job }),
  );
  try {
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            let current = -1;
            const give = (): void => {
              current = next++;
              const batch = batches[current];
              if (batch) worker.postMessage(batch);
              else resolve();
            };
            worker.on('message', (parameters: PowerSumParameters[]) => {
              finish(current, parameters);
              give();
            });
            worker.on('error', reject);
            worker.on('exit', (code) => {
              reject(new Error(`A bootstrap thread ended early (exit code ${code}).`));
            });
            give();
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return results.flat();
}
