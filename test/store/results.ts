/** Results folders for the tests of the index. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { EvalRow, MetricRow, RunRecord, SweepRecord, Timings } from '../../src/store/record.js';
import {
  metricsPath,
  runDirectory,
  runRecordPath,
  writeSweepRecord,
  writeTimings,
} from '../../src/store/runDirectory.js';
import { key, makeRun, makeSweep, makeTimings, trainRow } from './records.js';

/** The rows of a run of `makeRun`: all of its steps, and the evaluations of a finished one. */
export function makeMetrics(run: RunRecord): MetricRow[] {
  const rows: MetricRow[] = Array.from({ length: run.stepsDone }, (_, index) =>
    trainRow(index + 1, run.setup.model.dModel),
  );
  if (run.final === null) return rows;
  for (const split of ['val', 'test'] as const) {
    const { lossNats, bitsPerByte, tokens } = run.final[split];
    const row: EvalRow = {
      kind: 'eval',
      split,
      metric: 'loss',
      step: run.stepsDone,
      tokens,
      lossNats,
      bitsPerByte,
    };
    rows.push(row);
  }
  return rows;
}

/** Writes a run directory, metrics and all; not synced to disk, which would make the tests slow. */
export function writeRun(
  resultsDir: string,
  run: RunRecord,
  rows: readonly MetricRow[] = makeMetrics(run),
): string {
  const directory = runDirectory(resultsDir, run.sweep, run.runKey);
  mkdirSync(directory, { recursive: true });
  writeFileSync(runRecordPath(directory), JSON.stringify(run));
  writeFileSync(metricsPath(directory), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return directory;
}

export interface SmallStudy {
  readonly sweep: SweepRecord;
  readonly runs: readonly RunRecord[];
  readonly timings: Timings;
}

/**
 * The sweep `quick`, of two architectures at two budgets. By hand, from the losses below:
 *
 * - transformer, 1e10: d 32 has validation losses 4.0 and 4.2 (mean 4.1, test mean 4.35), d 48 has 4.05 (test 4.3): the
 *   best single run is d 32's, the best cell d 48's, the larger of two sizes;
 * - transformer, 4e10: d 48 (3.9, test 4.0) alone;
 * - primer-ez, 1e10: d 32 diverged with seed 1, so d 48 (3.95) is the best cell; 4e10: d 48 is worse (3.96), so it is
 *   best at its budget, but not on the frontier.
 */
export function writeSmallStudy(resultsDir: string): SmallStudy {
  const t = { arch: 'transformer' };
  const p = { arch: 'primer-ez' };
  const runs = [
    makeRun({ ...t, runKey: key(1), dModel: 32, seed: 0, steps: 312, valLossNats: 4.0, testLossNats: 4.3 }),
    makeRun({ ...t, runKey: key(2), dModel: 32, seed: 1, steps: 312, valLossNats: 4.2, testLossNats: 4.4 }),
    makeRun({ ...t, runKey: key(3), dModel: 48, steps: 208, valLossNats: 4.05, testLossNats: 4.3 }),
    makeRun({
      ...t,
      runKey: key(4),
      dModel: 48,
      steps: 833,
      budgetFlops: 4e10,
      valLossNats: 3.9,
      testLossNats: 4.0,
    }),
    makeRun({ ...p, runKey: key(5), dModel: 32, seed: 0, steps: 312, valLossNats: 3.8, testLossNats: 3.9 }),
    makeRun({ ...p, runKey: key(6), dModel: 32, seed: 1, steps: 312, status: 'diverged' }),
    makeRun({ ...p, runKey: key(7), dModel: 48, steps: 190, valLossNats: 3.95, testLossNats: 4.1 }),
    makeRun({
      ...p,
      runKey: key(8),
      dModel: 48,
      steps: 833,
      budgetFlops: 4e10,
      valLossNats: 3.96,
      testLossNats: 4.05,
    }),
    makeRun({ ...p, runKey: key(9), dModel: 64, steps: 625, budgetFlops: 4e10, status: 'interrupted' }),
  ];
  for (const run of runs) writeRun(resultsDir, run);
  const waiting = makeRun({ ...p, runKey: key(10), dModel: 96, budgetFlops: 4e10 });
  const sweep = makeSweep('quick', [...runs, waiting]);
  const timings = makeTimings();
  writeSweepRecord(resultsDir, sweep);
  writeTimings(resultsDir, 'quick', timings);
  return { sweep, runs, timings };
}
