/** What Slurm's queue holds of a sweep, for `isoloss status`. */
import { sweepDirectory } from '../store/runDirectory.js';
import { livingTasks } from './executors/slurmCluster.js';
import { readSubmissions } from './executors/slurmFiles.js';

/**
 * A sentence on a sweep's tasks in Slurm's queue; null where the sweep was not submitted, or its tasks are gone.
 */
export async function queueText(resultsDir: string, sweep: string): Promise<string | null> {
  const jobIds = new Set(readSubmissions(sweepDirectory(resultsDir, sweep)).map(({ jobId }) => jobId));
  if (jobIds.size === 0) return null;
  try {
    const tasks = (await livingTasks()).filter(({ jobId }) => jobIds.has(jobId));
    if (tasks.length === 0) return null;
    const states = [...new Set(tasks.map(({ state }) => state))];
    const counts = states.map(
      (state) => `${tasks.filter((task) => task.state === state).length} ${state.toLowerCase()}`,
    );
    return `${sweep}: tasks in Slurm's queue: ${counts.join(', ')}`;
  } catch (error) {
    return `${sweep}: was submitted to Slurm, whose queue can't be seen from here (${(error as Error).message})`;
  }
}
