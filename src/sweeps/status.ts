/** `isoloss status`: where the runs of the sweeps in the results stand. */
import { statfsSync } from 'node:fs';
import { UsageError } from '../store/errors.js';
import { readableMetrics } from '../store/metricsLog.js';
import type { RunRecord, SweepRecord } from '../store/record.js';
import { listSweepFolders, readSweepRecord } from '../store/runDirectory.js';
import { renderTable } from '../store/tableText.js';
import { didYouMean } from '../ops/nearest.js';
import { surveyRun } from './survey.js';

/** One run of a sweep as it stands. */
export interface RunState {
  readonly runKey: string;
  readonly arch: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly budgetFlops: number;
  readonly seed: number;
  readonly status: RunRecord['status'];
  readonly stepsDone: number;
  readonly steps: number | null;
  readonly lossNats: number | null;
  readonly cause: string | null;
}

export interface SweepState {
  readonly sweep: string;
  readonly counts: Readonly<Record<RunRecord['status'], number>>;
  readonly runs: readonly RunState[];
}

/**
 * Looks at the sweeps in the results.
 *
 * @param name one sweep; all where undefined
 * @param onDamage told of each sweep that can't be read, where all are looked at
 * @throws UsageError where there is no such sweep in the results, or the one asked for can't be read
 */
export function sweepStates(
  resultsDir: string,
  name: string | undefined,
  onDamage: (message: string) => void = () => undefined,
): SweepState[] {
  const known = listSweepFolders(resultsDir);
  const records = (name === undefined ? known : [name]).flatMap((folder) => {
    try {
      return readSweepRecord(resultsDir, folder) ?? [];
    } catch (error) {
      if (name !== undefined || !(error instanceof UsageError)) throw error;
      onDamage(error.message);
      return [];
    }
  });
  if (name !== undefined && records.length === 0) {
    // Its folder may be there, without a sweep.json.
    const others = known.filter((folder) => folder !== name);
    throw new UsageError(
      `There is no sweep "${name}" in ${resultsDir}.${didYouMean(name, others)} ` +
        (others.length > 0
          ? `Sweeps there are: ${others.join(', ')}.`
          : `\`isoloss run ${name}\` starts it.`),
    );
  }
  return records.map((record) => sweepState(resultsDir, record));
}

function sweepState(resultsDir: string, sweep: SweepRecord): SweepState {
  const counts = { planned: 0, running: 0, interrupted: 0, done: 0, diverged: 0, failed: 0 };
  const runs = sweep.runs.map(({ runKey, arch, dModel, nLayers, budgetFlops, seed }): RunState => {
    const { found, record, status, cause } = surveyRun(resultsDir, runKey);
    counts[status] += 1;
    const { rows, damage } =
      found !== null && status !== 'done' ? readableMetrics(found.directory) : { rows: [], damage: null };
    // run.json is only written when the status changes.
    const last = rows.findLast((row) => row.kind === 'train');
    return {
      runKey,
      arch,
      dModel,
      nLayers,
      budgetFlops,
      seed,
      status,
      stepsDone: last?.step ?? record?.stepsDone ?? 0,
      steps: record?.setup.steps ?? null,
      lossNats: record?.final?.test.lossNats ?? last?.lossNats ?? null,
      cause: cause ?? damage,
    };
  });
  return { sweep: sweep.name, counts, runs };
}

/** Less free space than a run of any size needs. */
const FULL_BYTES = 2 ** 20;

/** A sentence where the disk of the results is full, so that no sweep can go on; null where it is not. */
export function fullDiskText(resultsDir: string): string | null {
  const { bavail, bsize } = statfsSync(resultsDir);
  const free = bavail * bsize;
  return free >= FULL_BYTES ? null : `The disk that holds ${resultsDir} is full: ${free} bytes are free.`;
}

/** The states as people read them: a line a sweep, and a table of the runs that are neither done nor untouched. */
export function statusText(states: readonly SweepState[]): string {
  return states
    .map(({ sweep, counts, runs }) => {
      const parts = Object.entries(counts).filter(([, count]) => count > 0);
      const line = `${sweep}: ${parts.map(([status, count]) => `${count} ${status}`).join(', ')}`;
      const notable = runs.filter(
        ({ status, cause }) => cause !== null || (status !== 'done' && status !== 'planned'),
      );
      if (notable.length === 0) return line;
      const columns = [
        'run',
        'architecture',
        'dModel',
        'nLayers',
        'budget',
        'seed',
        'status',
        'stepsDone',
        'steps',
        'loss',
        'cause',
      ];
      const rows = notable.map((run) => [
        run.runKey,
        run.arch,
        run.dModel,
        run.nLayers,
        run.budgetFlops,
        run.seed,
        run.status,
        run.stepsDone,
        run.steps,
        run.lossNats,
        run.cause,
      ]);
      return `${line}\n${renderTable({ columns, rows }, 'table').trimEnd()}`;
    })
    .join('\n\n');
}
