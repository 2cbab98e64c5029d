/** Thread of a parametric bootstrap: gets the job once, then tasks, and answers each with its parameters. */
import { parentPort, workerData } from 'node:worker_threads';
import { type DrawJob, type DrawTask, runDraw } from './parametricDraws.js';

const job = workerData as DrawJob;

parentPort?.on('message', (tasks: readonly DrawTask[]) => {
  parentPort?.postMessage(tasks.map((task) => runDraw(job, task)));
});
