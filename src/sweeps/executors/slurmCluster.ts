/** Slurm's own commands, as far as they are used. */
import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** One task of a job array. */
export interface ClusterTask {
  readonly jobId: string;
  readonly index: number;
}

export interface LivingTask extends ClusterTask {
  /** As squeue names it: PENDING, RUNNING, COMPLETING ... */
  readonly state: string;
}

/** @throws Error with what Slurm said, or that it is not there */
async function slurm(command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(command, [...args], { maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const failed = error as Error & { code?: unknown; stderr?: string };
    if (failed.code === 'ENOENT') {
      throw new Error(
        `there is no ${command} on this machine: --executor slurm has to be started where Slurm is`,
        {
          cause: error,
        },
      );
    }
    const said = (failed.stderr ?? '').trim();
    throw new Error(`${command} failed: ${said === '' ? failed.message : said}`, { cause: error });
  }
}

/**
 * Submits a job script.
 *
 * @returns the job's id
 * @throws Error with what sbatch said
 */
export async function submit(script: string, options: readonly string[]): Promise<string> {
  const answer = await slurm('sbatch', ['--parsable', ...options, script]);
  // With several clusters the answer is `id;cluster`.
  const id = answer.trim().split(';')[0] ?? '';
  if (!/^\d+$/.test(id)) throw new Error(`sbatch gave no job id but "${answer.trim()}"`);
  return id;
}

/** All of this user's tasks that are waiting, running or ending. */
export async function livingTasks(): Promise<LivingTask[]> {
  const answer = await slurm('squeue', ['-h', '--array', '-u', userInfo().username, '-o', '%F %K %T']);
  return answer
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([jobId = '', index = '', state = '']) =>
      /^\d+$/.test(index) ? [{ jobId, index: Number(index), state }] : [],
    );
}

/** How a task that is gone ended, as Slurm's controller remembers it for some minutes; null where it doesn't. */
export async function endState({ jobId, index }: ClusterTask): Promise<string | null> {
  try {
    const answer = await slurm('scontrol', ['-o', 'show', 'job', `${jobId}_${index}`]);
    return /\bJobState=(\w+)/.exec(answer)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Asks a job's running tasks to write their checkpoints and end, and drops those that wait. */
export async function askToStop(jobId: string): Promise<void> {
  await ignoringEnded(slurm('scancel', ['--state=PENDING', jobId]));
  await ignoringEnded(slurm('scancel', ['--batch', '--signal=TERM', jobId]));
}

/** Ends a job at once. */
export async function kill(jobId: string): Promise<void> {
  await ignoringEnded(slurm('scancel', ['--state=PENDING', jobId]));
  await ignoringEnded(slurm('scancel', ['--full', '--signal=KILL', jobId]));
}

/** A job that has ended by itself in the meantime is what was wanted. */
async function ignoringEnded(command: Promise<string>): Promise<void> {
  await command.catch((error: unknown) => {
    if (!/Invalid job id|already completing|already completed/i.test(String(error))) throw error;
  });
}
