/**
 * The files of a submission to Slurm, `results/<sweep>/slurm/<id>/`: `submission.json` (the job's id and its runs),
 * `job.sh`, and for each task `task-N.json` (its runs), `task-N.events` (what became of them, a line each) and
 * `task-N.log` (what the job wrote).
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../../data/folders.js';
import { isSystemError, writeFileAtomic, writeJsonAtomic } from '../../store/files.js';
import type { RunTask } from '../executor.js';
import type { FromWorker } from '../messages.js';
import type { SlurmSettings } from '../slurmSettings.js';

/** A line of `task-N.events`. */
export interface TaskEvent {
  readonly runKey: string;
  readonly message: FromWorker;
}

const submissionSchema = z.object({
  jobId: z.string(),
  /** Run keys of each task, by index. */
  tasks: z.array(z.array(z.string())),
});

export interface Submission extends z.infer<typeof submissionSchema> {
  readonly directory: string;
}

export const slurmDirectory = (sweepDir: string): string => join(sweepDir, 'slurm');
export const manifestPath = (directory: string, index: number): string =>
  join(directory, `task-${index}.json`);
export const eventsPath = (directory: string, index: number): string =>
  join(directory, `task-${index}.events`);
export const logPath = (directory: string, index: number | '%a'): string =>
  join(directory, `task-${index}.log`);
export const scriptPath = (directory: string): string => join(directory, 'job.sh');

/** What runs a task's runs: a program and its arguments, to which the task's folder and index are added. */
export type TaskCommand = readonly string[];

/** Writes everything that the tasks need, before they are submitted. */
export function writeJob(
  directory: string,
  tasks: readonly (readonly RunTask[])[],
  command: TaskCommand,
  settings: SlurmSettings,
): void {
  makeDirectory(directory);
  for (const [index, runs] of tasks.entries()) writeJsonAtomic(manifestPath(directory, index), runs);
  const worker = [...command, directory].map(quoted).join(' ');
  const lines = [
    '#!/bin/bash',
    'set -e',
    ...settings.setup,
    `cd ${quoted(process.cwd())}`,
    // The worker takes the shell's place, since Slurm sends its signals to the shell.
    `exec ${settings.container === undefined ? '' : `${settings.container} `}${worker} "$SLURM_ARRAY_TASK_ID"`,
  ];
  writeFileAtomic(scriptPath(directory), `${lines.join('\n')}\n`);
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Notes which job the folder belongs to, so that another runner finds it again. */
export function writeSubmission({ directory, jobId, tasks }: Submission): void {
  writeJsonAtomic(join(directory, 'submission.json'), { jobId, tasks });
}

/** The submissions of a sweep; folders of jobs that were never submitted are left out. */
export function readSubmissions(sweepDir: string): Submission[] {
  const folder = slurmDirectory(sweepDir);
  return namesIn(folder).flatMap((name) => {
    const directory = join(folder, name);
    try {
      const text = readFileSync(join(directory, 'submission.json'), 'utf8');
      return [{ directory, ...submissionSchema.parse(JSON.parse(text)) }];
    } catch {
      return [];
    }
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Reads the events of a task from a byte offset on; a line that is still being written is left for the next time. */
export function readEvents(path: string, offset: number): { events: TaskEvent[]; offset: number } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESTALE')) return { events: [], offset };
    throw error;
  }
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - offset));
    const length = readSync(fd, bytes, 0, bytes.length, offset);
    const end = bytes.subarray(0, length).lastIndexOf(0x0a) + 1;
    const events = bytes
      .toString('utf8', 0, end)
      .split('\n')
      .flatMap((line) => parseEvent(line));
    return { events, offset: offset + end };
  } finally {
    closeSync(fd);
  }
}

/** A line torn by a killed task says nothing; the run directory does. */
function parseEvent(line: string): TaskEvent[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as TaskEvent];
  } catch {
    return [];
  }
}

/** The last lines that a task wrote, to name the cause of its end. */
export function logTail(directory: string, index: number): string {
  try {
    const lines = readFileSync(logPath(directory, index), 'utf8').trim().split('\n');
    return lines.slice(-3).join(' / ').slice(-600);
  } catch {
    return '';
  }
}
