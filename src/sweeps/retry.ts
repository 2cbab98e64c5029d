/** `isoloss retry`: failed runs become planned again, so that the next `isoloss run` takes them up. */
import { UsageError } from '../store/errors.js';
import { acquireLock } from '../store/lock.js';
import {
  findRun,
  listSweepFolders,
  lookUpRun,
  readSweepRecord,
  requireResultsFolder,
  type RunCopy,
  updateRunRecord,
} from '../store/runDirectory.js';
import { allRunKeys, KEY_START, resolveRunKey } from '../store/runKeys.js';
import { didYouMean } from '../ops/nearest.js';

/** What became of one run that was to be retried. */
export interface RetriedRun {
  readonly runKey: string;
  readonly arch: string;
  /** Why it had failed. */
  readonly cause: string | null;
  /** Why it was left as it is; null where it is planned again. */
  readonly leftAlone: string | null;
  /** Whether that is because something of it is damaged, which someone has to look at. */
  readonly damaged: boolean;
}

const HINT = '`isoloss runs --status failed` lists those that failed.';

/**
 * Makes failed runs planned again. Their checkpoints and metrics stay: they go on from there.
 *
 * @param names a sweep, or run keys (or beginnings of at least 4 digits that fit one run alone), or a sweep and keys;
 *   none for the failed runs of all sweeps
 * @throws UsageError where a sweep or a run does not exist, or a run named has not failed
 */
export async function retryRuns(resultsDir: string, names: readonly string[]): Promise<RetriedRun[]> {
  requireResultsFolder(resultsDir);
  const [first] = names;
  const isSweep = first !== undefined && readSweepRecord(resultsDir, first) !== null;
  if (first !== undefined && !isSweep && !KEY_START.test(first)) {
    const known = listSweepFolders(resultsDir).filter((name) => name !== first);
    throw new UsageError(
      `There is no sweep "${first}" in ${resultsDir}, and it is no run key.${didYouMean(first, known)} Sweeps there are: ${known.join(', ') || 'none'}.`,
    );
  }
  const asked = isSweep ? names.slice(1) : names;
  const candidates = isSweep ? keysOfSweep(resultsDir, first) : allRunKeys(resultsDir);
  if (asked.length > 0) {
    const keys = [...new Set(asked.map((key) => resolveRunKey(key, candidates, resultsDir, HINT)))];
    // All of them, before the first is changed.
    for (const key of keys) requireFailed(resultsDir, key);
    return Promise.all(keys.map((key) => retryOne(resultsDir, key)));
  }
  const failed = candidates.filter((key) => findRun(resultsDir, key)?.record.status === 'failed');
  return Promise.all(failed.map((key) => retryOne(resultsDir, key)));
}

function keysOfSweep(resultsDir: string, sweep: string): string[] {
  return [...new Set(readSweepRecord(resultsDir, sweep)?.runs.map(({ runKey }) => runKey))];
}

/** A run that the user named has to be one that failed. */
function requireFailed(resultsDir: string, runKey: string): void {
  const record = recordOf(resultsDir, runKey).record;
  if (record.status === 'failed') return;
  const why =
    record.status === 'diverged'
      ? 'that is a result, which training again would give again'
      : 'only failed runs are retried';
  throw new UsageError(`Run ${runKey} (${record.arch}) is ${record.status}: ${why}.`);
}

/** @throws UsageError where there is no such run, or none of its records can be read */
function recordOf(resultsDir: string, runKey: string): RunCopy {
  const { best, damage } = lookUpRun(resultsDir, runKey);
  if (best !== null) return best;
  throw new UsageError(damage[0] ?? `There is no run ${runKey} in ${resultsDir}.`);
}

async function retryOne(resultsDir: string, runKey: string): Promise<RetriedRun> {
  const { found, record } = recordOf(resultsDir, runKey);
  const result = { runKey, arch: record.arch, cause: record.cause, damaged: false };
  let claim;
  try {
    claim = await acquireLock(found.directory);
  } catch (error) {
    // A lock that can't be read costs its own run alone.
    if (!(error instanceof UsageError)) throw error;
    return { ...result, leftAlone: error.message, damaged: true };
  }
  if (!claim.acquired) return { ...result, leftAlone: claim.reason };
  try {
    // Another runner may have taken it up, or finished it, before it was claimed here.
    const now = findRun(resultsDir, runKey)?.record;
    if (now?.status !== 'failed') return { ...result, leftAlone: `it is ${now?.status ?? 'gone'} by now` };
    updateRunRecord(found.directory, { status: 'planned', cause: null });
    return { ...result, leftAlone: null };
  } finally {
    claim.lock.release();
  }
}
