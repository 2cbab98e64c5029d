/** A runner in a process of its own: COUNT tasks over fake workers. Prints the pid of each worker it sees in the log. */
import { runTasks } from './runTasks.js';

const [resultsDir, count, steps] = process.argv.slice(2);
await runTasks(resultsDir!, Number(count), Number(steps));
process.exit(0);
