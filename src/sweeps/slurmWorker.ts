/** Program that a Slurm job runs: `slurmWorker.js FOLDER INDEX`. Started by `executors/slurm.ts`. */
import { serveTask } from './slurmTask.js';
import { trainTask } from './trainTask.js';

const [directory = '', index = ''] = process.argv.slice(2);
process.exit(await serveTask(directory, Number(index), trainTask));
