/** Entry of a worker process: trains the runs it is sent with the real trainer. Started by `executors/local.ts`. */
import { trainTask } from './trainTask.js';
import { connectWorker } from './workerLoop.js';

connectWorker(trainTask);
