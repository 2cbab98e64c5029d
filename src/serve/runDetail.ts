/** One run or several, from the index: their records, curves and files. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../store/files.js';
import type { RunRecord } from '../store/record.js';
import { fromRunRow, type RunRow } from '../store/runRow.js';
import { thinLogSpaced } from '../store/thin.js';
import type { ServedIndex } from './servedIndex.js';

export interface RunDetail {
  readonly record: RunRecord;
  /** Relative to the results folder. */
  readonly directory: string;
  readonly sweeps: readonly string[];
  readonly evaluations: readonly Evaluation[];
  readonly problems: readonly string[];
}

export interface Evaluation {
  readonly split: string;
  readonly metric: string;
  readonly step: number;
  readonly tokens: number;
  readonly lossNats: number | null;
  readonly bitsPerByte: number | null;
}

/** @returns null where there is no such run */
export function readRun(index: ServedIndex, runKey: string): RunDetail | null {
  const row = index.rows<RunRow & { readonly runId: number }>('SELECT * FROM runs WHERE runKey = $runKey', {
    runKey,
  })[0];
  if (row === undefined) return null;
  return {
    record: fromRunRow(row),
    directory: row.directory,
    sweeps: index
      .rows<{ sweep: string }>('SELECT sweep FROM sweep_runs WHERE runKey = $runKey ORDER BY sweep', {
        runKey,
      })
      .map(({ sweep }) => sweep),
    evaluations: index.rows<Evaluation>(
      `SELECT split, metric, step, tokens, lossNats, bitsPerByte FROM eval_metrics WHERE runId = $runId
       ORDER BY step, metric, split`,
      { runId: row.runId },
    ),
    problems: index
      .rows<{ problem: string }>(
        `SELECT problem FROM problems WHERE substr(path, instr(path, '/') + 1) = $runKey`,
        { runKey },
      )
      .map(({ problem }) => problem),
  };
}

/** A training step as curves are drawn from it. */
export interface CurveRow {
  readonly step: number;
  readonly tokens: number;
  readonly flops: number;
  readonly lossNats: number | null;
  readonly gradNorm: number | null;
  readonly lr: number;
}

/** A run's training rows, thinned to `limit` log-spaced ones; empty where there is no such run. */
export function readCurve(index: ServedIndex, runKey: string, limit: number): readonly CurveRow[] {
  const steps = index.rows<{ step: number }>(
    'SELECT step FROM train_metrics WHERE runId = (SELECT runId FROM runs WHERE runKey = $runKey) ORDER BY step',
    { runKey },
  );
  const kept = JSON.stringify(thinLogSpaced(steps, limit).map(({ step }) => step));
  return index.rows<CurveRow>(
    `SELECT step, tokens, flops, lossNats, gradNorm, lr FROM train_metrics
     WHERE runId = (SELECT runId FROM runs WHERE runKey = $runKey) AND step IN (SELECT value FROM json_each($kept))
     ORDER BY step`,
    { runKey, kept },
  );
}

/** Files of a run that can be looked at, and their types. */
export const RUN_FILES: Readonly<Record<string, string>> = {
  'run.json': 'application/json',
  'metrics.jsonl': 'application/jsonl',
  'checkpoint.safetensors': 'application/octet-stream',
};

export interface RunFile {
  readonly name: string;
  readonly bytes: number;
  readonly download: boolean;
}

/** The files in a run's directory. */
export function listFiles(resultsDir: string, directory: string): RunFile[] {
  try {
    return readdirSync(join(resultsDir, directory)).flatMap((name): RunFile[] => {
      const stats = statSync(join(resultsDir, directory, name), { throwIfNoEntry: false });
      if (stats?.isFile() !== true) return [];
      return [{ name, bytes: stats.size, download: Object.hasOwn(RUN_FILES, name) }];
    });
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
