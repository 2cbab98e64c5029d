/**
 * Run directories, the truth of the results: `results/<sweep>/<runKey>/{run.json, metrics.jsonl,
 * checkpoint.safetensors, trunk.safetensors, run.lock}`, and beside them `results/<sweep>/{sweep.json, timings.json}`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../data/folders.js';
import { UsageError } from './errors.js';
import { isSystemError, writeJsonAtomic } from './files.js';
import { hasEnded, runRecordSchema, sweepRecordSchema, timingsSchema } from './record.js';
import type { RunRecord, SweepRecord, Timings } from './record.js';

const RUN_KEY = /^[0-9a-f]{16}$/;

/** A run directory as it lies on disk. */
export interface FoundRun {
  /** Name of the sweep folder that it lies in, which need not be the only sweep it counts for. */
  readonly sweep: string;
  readonly runKey: string;
  readonly directory: string;
}

/**
 * A results folder need not exist yet, but its name has to be able to be one's.
 *
 * @throws UsageError where it is empty, which would stand for the current folder, or names a file
 */
export function checkResultsFolder(path: string): void {
  if (path === '')
    throw new UsageError('An empty name is no results folder: name one, "." for the current folder.');
  if (existsSync(path) && !statSync(path).isDirectory())
    throw new UsageError(`${path} is a file, not a results folder: name a folder.`);
}

/** @throws UsageError where there is no such folder: most likely another one was meant */
export function requireResultsFolder(path: string): void {
  checkResultsFolder(path);
  if (existsSync(path)) return;
  throw new UsageError(
    `There is no results folder ${path}: \`isoloss run NAME\` makes one, --results names another.`,
  );
}

export function sweepDirectory(resultsDir: string, sweep: string): string {
  return join(resultsDir, sweep);
}

export function runDirectory(resultsDir: string, sweep: string, runKey: string): string {
  return join(resultsDir, sweep, runKey);
}

export function runRecordPath(directory: string): string {
  return join(directory, 'run.json');
}

export function metricsPath(directory: string): string {
  return join(directory, 'metrics.jsonl');
}

export function checkpointPath(directory: string): string {
  return join(directory, 'checkpoint.safetensors');
}

/** The state where a run leaves its trunk, for longer runs to go on from. */
export function trunkPath(directory: string): string {
  return join(directory, 'trunk.safetensors');
}

/**
 * Reads a JSON file against a schema.
 *
 * @returns null where there is no such file
 * @throws UsageError naming the file and what is wrong with it
 */
export function readJson<T>(path: string, schema: z.ZodType<T>, remedy: string): T | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return null;
    throw new UsageError(`Can't read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${path} is not JSON: ${error instanceof Error ? error.message : String(error)}. ${remedy}`,
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${path} is not as expected:\n${z.prettifyError(parsed.error)}\n${remedy}`);
}

/**
 * Makes the run's directory with its run.json, or leaves both alone if the run exists already.
 *
 * @returns the directory
 */
export function createRunDirectory(resultsDir: string, record: RunRecord): string {
  const directory = runDirectory(resultsDir, record.sweep, record.runKey);
  makeDirectory(directory);
  if (!existsSync(runRecordPath(directory))) writeRunRecord(directory, record);
  return directory;
}

/**
 * Reads run.json.
 *
 * @returns null where there is none
 * @throws UsageError naming the file and the reason where it is broken
 */
export function readRunRecord(directory: string): RunRecord | null {
  return readJson(
    runRecordPath(directory),
    runRecordSchema,
    'Remove the run directory to train this run again.',
  );
}

/** Replaces run.json as a whole, synced to disk; a value that is no run record is refused before anything is written. */
export function writeRunRecord(directory: string, record: RunRecord): void {
  writeJsonAtomic(runRecordPath(directory), runRecordSchema.parse(record));
}

/**
 * Changes some fields of run.json. Only the holder of the run's lock may: two writers would undo each other's change.
 *
 * @returns the record as written
 * @throws UsageError where run.json is missing or broken
 */
export function updateRunRecord(directory: string, changes: Partial<RunRecord>): RunRecord {
  const record = readRunRecord(directory);
  if (record === null) throw new UsageError(`There is no ${runRecordPath(directory)} to update.`);
  const updated: RunRecord = { ...record, ...changes };
  writeRunRecord(directory, updated);
  return updated;
}

/** @throws UsageError where sweep.json is broken */
export function readSweepRecord(resultsDir: string, sweep: string): SweepRecord | null {
  const path = join(sweepDirectory(resultsDir, sweep), 'sweep.json');
  return readJson(path, sweepRecordSchema, `Run \`isoloss run ${sweep}\` to write it again.`);
}

export function writeSweepRecord(resultsDir: string, record: SweepRecord): void {
  writeJsonAtomic(
    join(sweepDirectory(resultsDir, record.name), 'sweep.json'),
    sweepRecordSchema.parse(record),
  );
}

/** @throws UsageError where timings.json is broken */
export function readTimings(resultsDir: string, sweep: string): Timings | null {
  const path = join(sweepDirectory(resultsDir, sweep), 'timings.json');
  return readJson(path, timingsSchema, `Run \`isoloss time ${sweep}\` to measure again.`);
}

export function writeTimings(resultsDir: string, sweep: string, timings: Timings): void {
  writeJsonAtomic(join(sweepDirectory(resultsDir, sweep), 'timings.json'), timingsSchema.parse(timings));
}

/**
 * Names of the folders of `resultsDir`, sorted; a folder counts as a sweep's whether or not it has a sweep.json. None
 * where there is no such folder yet.
 *
 * @throws UsageError where `resultsDir` can't be a results folder
 */
export function listSweepFolders(resultsDir: string): string[] {
  checkResultsFolder(resultsDir);
  return listFolders(resultsDir).filter((name) => !name.startsWith('.'));
}

/** The run directories in one sweep's folder, sorted by key. */
export function listRuns(resultsDir: string, sweep: string): FoundRun[] {
  return listFolders(sweepDirectory(resultsDir, sweep))
    .filter((name) => RUN_KEY.test(name))
    .map((runKey) => ({ sweep, runKey, directory: runDirectory(resultsDir, sweep, runKey) }));
}

const STATUS_RANK: Readonly<Record<RunRecord['status'], number>> = {
  done: 5,
  diverged: 4,
  running: 3,
  interrupted: 2,
  failed: 1,
  planned: 0,
};

/**
 * Which of two copies of one run counts: the one that got further, then the first by folder name, so that the answer
 * doesn't depend on the order in which directories are listed. Negative if `a` does.
 */
export function compareCopies(
  a: { readonly status: RunRecord['status']; readonly stepsDone: number; readonly sweep: string },
  b: { readonly status: RunRecord['status']; readonly stepsDone: number; readonly sweep: string },
): number {
  return (
    STATUS_RANK[b.status] - STATUS_RANK[a.status] ||
    b.stepsDone - a.stepsDone ||
    (a.sweep < b.sweep ? -1 : a.sweep > b.sweep ? 1 : 0)
  );
}

/**
 * Finds a run under any sweep. A copy with a broken run.json does not count here; the index reports it.
 *
 * @returns the copy that got furthest, or null where the run does not exist
 */
export function findRun(resultsDir: string, runKey: string): RunCopy | null {
  return lookUpRun(resultsDir, runKey).best;
}

/** A run's directory, with its record. */
export interface RunCopy {
  readonly found: FoundRun;
  readonly record: RunRecord;
}

/** {@link findRun}, and what is wrong with the copies that can't be read, a sentence each. */
export function lookUpRun(
  resultsDir: string,
  runKey: string,
): { readonly best: RunCopy | null; readonly damage: readonly string[] } {
  const copies: RunCopy[] = [];
  const damage: string[] = [];
  for (const sweep of listSweepFolders(resultsDir)) {
    const directory = runDirectory(resultsDir, sweep, runKey);
    try {
      const record = readRunRecord(directory);
      if (record !== null) copies.push({ found: { sweep, runKey, directory }, record });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      damage.push(error.message);
    }
  }
  copies.sort((a, b) =>
    compareCopies({ ...a.record, sweep: a.found.sweep }, { ...b.record, sweep: b.found.sweep }),
  );
  return { best: copies[0] ?? null, damage };
}

/** The record in a run directory for whoever can do without it; whoever needs the run is told where it is broken. */
export function readableRecord(directory: string): RunRecord | null {
  try {
    return readRunRecord(directory);
  } catch {
    return null;
  }
}

/** The final record of a run, trained under whatever sweep; null where it has not ended. */
export function endedRecord(resultsDir: string, runKey: string): RunRecord | null {
  const record = findRun(resultsDir, runKey)?.record ?? null;
  return record !== null && hasEnded(record) ? record : null;
}

function listFolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
