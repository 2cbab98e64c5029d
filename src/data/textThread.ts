/** A worker thread that does tasks on texts for `textPool.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { type TextTask, textTasks } from './textTasks.js';

const tasks = textTasks(workerData as string);
parentPort!.on('message', (task: TextTask) => {
  const answer = tasks.do(task);
  const { encoded, counts } = answer;
  const moved = [encoded?.tokens.buffer, encoded?.lengths.buffer, counts?.buffer];
  parentPort!.postMessage(
    answer,
    moved.filter((buffer) => buffer !== undefined),
  );
});
