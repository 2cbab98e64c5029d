/** `isoloss pack`: the part of a sweep's results that is worth committing to a repository. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { didYouMean } from '../ops/nearest.js';
import { UsageError } from './errors.js';
import { writeFileAtomic } from './files.js';
import { readableMetrics } from './metricsLog.js';
import type { MetricRow, RunRecord, TrainRow } from './record.js';
import {
  checkResultsFolder,
  listSweepFolders,
  lookUpRun,
  metricsPath,
  readSweepRecord,
  readTimings,
  runDirectory,
  sweepDirectory,
  writeRunRecord,
  writeSweepRecord,
  writeTimings,
} from './runDirectory.js';
import { thinLogSpaced } from './thin.js';

export interface PackResult {
  /** The sweep's folder in the target. */
  readonly directory: string;
  /** Runs written. */
  readonly packed: number;
  /** Runs of the sweep that were left out, and why. */
  readonly skipped: readonly { readonly runKey: string; readonly reason: string }[];
}

/** Statuses that nothing will change any more. */
const ENDED: readonly RunRecord['status'][] = ['done', 'diverged'];

/**
 * Writes a sweep's sweep.json, timings.json and ended runs into another results folder of the same layout: run.json,
 * all evaluation rows, and at most 200 log-spaced training rows a run. Runs that lie under other sweeps' folders are
 * brought together in this one's.
 *
 * @throws UsageError where there is no such sweep, or the target is the results folder itself (its full curves would
 *   be lost)
 */
export function packSweep(resultsDir: string, sweepName: string, targetDir: string): PackResult {
  checkResultsFolder(resultsDir);
  checkResultsFolder(targetDir);
  if (canonicalPath(resultsDir) === canonicalPath(targetDir)) {
    throw new UsageError(
      `${targetDir} is the results folder itself: packing into it would thin its learning curves.`,
    );
  }
  const sweep = readSweepRecord(resultsDir, sweepName);
  if (sweep === null) {
    // Its folder may be there, without a sweep.json.
    const known = listSweepFolders(resultsDir).filter((name) => name !== sweepName);
    throw new UsageError(
      `There is no sweep "${sweepName}" in ${resultsDir}.${didYouMean(sweepName, known)} There are: ${known.join(', ') || 'none'}.`,
    );
  }
  const skipped: { runKey: string; reason: string }[] = [];
  let packed = 0;
  for (const runKey of new Set(sweep.runs.map((run) => run.runKey))) {
    const { best: run, damage } = lookUpRun(resultsDir, runKey);
    if (run === null || !ENDED.includes(run.record.status)) {
      skipped.push({ runKey, reason: run?.record.status ?? damage[0] ?? 'not started' });
      continue;
    }
    const { rows, damage: reason } = readableMetrics(run.found.directory);
    if (reason !== null) {
      skipped.push({ runKey, reason });
      continue;
    }
    const directory = runDirectory(targetDir, sweepName, runKey);
    writeFileAtomic(metricsPath(directory), metricsText(thinned(rows)));
    // Last: a directory without run.json is no run, should packing be cut off here.
    writeRunRecord(directory, { ...run.record, sweep: sweepName });
    packed += 1;
  }
  const timings = readTimings(resultsDir, sweepName);
  if (timings !== null) writeTimings(targetDir, sweepName, timings);
  writeSweepRecord(targetDir, sweep);
  return { directory: sweepDirectory(targetDir, sweepName), packed, skipped };
}

/** Keeps the order of the rows. */
function thinned(rows: readonly MetricRow[]): readonly MetricRow[] {
  const kept = new Set<MetricRow>(thinLogSpaced(rows.filter((row): row is TrainRow => row.kind === 'train')));
  return rows.filter((row) => row.kind === 'eval' || kept.has(row));
}

function metricsText(rows: readonly MetricRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

function canonicalPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
