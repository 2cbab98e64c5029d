/** `isoloss gc`: frees what ended and killed runs have left behind; never touches a record, a metric or a living run. */
import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean } from '../ops/nearest.js';
import { previousCheckpointPath } from './checkpoint.js';
import { UsageError } from './errors.js';
import { isAsideName, isSystemError } from './files.js';
import { acquireLock, type LockOptions } from './lock.js';
import { hasEnded } from './record.js';
import {
  checkpointPath,
  type FoundRun,
  listRuns,
  listSweepFolders,
  readRunRecord,
  requireResultsFolder,
  sweepDirectory,
  trunkPath,
} from './runDirectory.js';
import { lockState } from './workedOn.js';

/** Something that was removed, or would be. */
export interface Garbage {
  readonly path: string;
  readonly bytes: number;
  readonly kind: 'checkpoint' | 'lock' | 'half-written file' | 'empty folder';
}

export interface GcResult {
  readonly removed: readonly Garbage[];
  readonly bytes: number;
  /** What was left alone though it may be garbage, and why, a sentence each. */
  readonly leftAlone: readonly string[];
}

export interface GcOptions {
  /** Only say what would be removed. */
  readonly dryRun: boolean;
  /** Remove the states too where ended runs left their trunks, which a longer run added later would go on from. */
  readonly trunks?: boolean;
  /** How long another machine's lock is watched; see `acquireLock`. */
  readonly lock?: LockOptions;
}

/** A half-written file beside the runs is given this long to be finished by its writer, which may be another machine's. */
const ABANDONED_SECONDS = 3600;

/**
 * Removes checkpoints of ended runs, stale locks, half-written files and folders of runs that were claimed and never
 * begun. Checkpoints of runs that may go on (interrupted, failed, planned) stay. Each run is claimed while it is
 * looked at, so that nothing is taken from under a runner.
 *
 * @param sweep one sweep's folder; all where undefined
 * @throws UsageError where there is no such folder
 */
export async function collectGarbage(
  resultsDir: string,
  sweep: string | undefined,
  options: GcOptions,
): Promise<GcResult> {
  requireResultsFolder(resultsDir);
  const known = listSweepFolders(resultsDir);
  if (sweep !== undefined && !known.includes(sweep)) {
    throw new UsageError(
      `There is no sweep "${sweep}" in ${resultsDir}.${didYouMean(sweep, known)} There are: ${known.join(', ') || 'none'}.`,
    );
  }
  const removed: Garbage[] = [];
  const leftAlone: string[] = [];
  for (const folder of sweep === undefined ? known : [sweep]) {
    const runs = await Promise.all(listRuns(resultsDir, folder).map((run) => collectRun(run, options)));
    for (const run of runs) {
      removed.push(...run.removed);
      leftAlone.push(...run.leftAlone);
    }
    const besides = asidesOf(sweepDirectory(resultsDir, folder)).filter(({ path }) => isAbandoned(path));
    if (!options.dryRun) for (const { path } of besides) rmSync(path, { force: true });
    removed.push(...besides);
  }
  return { removed, leftAlone, bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0) };
}

type Collected = Pick<GcResult, 'removed' | 'leftAlone'>;

/** A run whose lock is damaged is left alone; the others are looked at all the same. */
async function collectRun(run: FoundRun, options: GcOptions): Promise<Collected> {
  try {
    return await collectClaimable(run, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { removed: [], leftAlone: [`${run.runKey}: ${error.message}`] };
  }
}

async function collectClaimable({ directory, runKey }: FoundRun, options: GcOptions): Promise<Collected> {
  const stale = lockState(directory);
  if (options.dryRun) {
    if (stale === 'held') return { removed: [], leftAlone: [] };
    if (stale === 'unknown')
      return { removed: [], leftAlone: [`${runKey}: locked by a process of another machine`] };
    const lock = join(directory, 'run.lock');
    const own = stale === 'stale' ? [{ path: lock, bytes: sizeOf(lock), kind: 'lock' as const }] : [];
    return withReadable(directory, [...own, ...asidesOf(directory)], options);
  }
  const lockPath = join(directory, 'run.lock');
  const lockBytes = sizeOf(lockPath);
  const asides = asidesOf(directory);
  // Taking the lock and giving it up again removes a stale one, and what its holder left half written.
  const claim = await acquireLock(directory, options.lock);
  if (!claim.acquired) return { removed: [], leftAlone: [] };
  try {
    const own =
      claim.lock.takenFrom === null ? [] : [{ path: lockPath, bytes: lockBytes, kind: 'lock' as const }];
    const { removed, leftAlone } = withReadable(directory, [...own, ...asides], options);
    for (const { path, kind } of removed) if (kind === 'checkpoint') rmSync(path, { force: true });
    return { removed, leftAlone };
  } finally {
    claim.lock.release();
    removeIfEmpty(directory);
  }
}

/** Adds the checkpoints, if the run's record says that nothing will go on from them. */
function withReadable(directory: string, garbage: readonly Garbage[], { trunks }: GcOptions): Collected {
  let record;
  try {
    record = readRunRecord(directory);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { removed: garbage, leftAlone: [error.message] };
  }
  if (record === null) {
    const rest = namesIn(directory).filter(
      (name) => !garbage.some(({ path }) => path === join(directory, name)),
    );
    return {
      removed:
        rest.length === 0 || rest.every((name) => name.startsWith('run.lock'))
          ? [...garbage, { path: directory, bytes: 0, kind: 'empty folder' }]
          : garbage,
      leftAlone: [],
    };
  }
  if (!hasEnded(record)) return { removed: garbage, leftAlone: [] };
  const newest = checkpointPath(directory);
  const checkpoints = [
    newest,
    previousCheckpointPath(newest),
    ...(trunks === true ? [trunkPath(directory)] : []),
  ]
    .filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined)
    .map((path): Garbage => ({ path, bytes: sizeOf(path), kind: 'checkpoint' }));
  return { removed: [...garbage, ...checkpoints], leftAlone: [] };
}

function asidesOf(directory: string): Garbage[] {
  return namesIn(directory)
    .filter(isAsideName)
    .map((name) => join(directory, name))
    .map((path) => ({ path, bytes: sizeOf(path), kind: 'half-written file' }));
}

/** Bytes that removing a file gives back: nothing where it has another name as well. */
function sizeOf(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 0 : stats.size / Math.max(1, stats.nlink);
}

function isAbandoned(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && (Date.now() - stats.mtimeMs) / 1000 > ABANDONED_SECONDS;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}
