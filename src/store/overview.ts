/** The list of runs, as `isoloss runs` shows it. */
import type { Index, IndexOptions } from './database.js';
import { didYouMean } from '../ops/nearest.js';
import { UsageError } from './errors.js';
import { query } from './query.js';
import type { QueryAnswer } from './query.js';
import { runStatusSchema } from './record.js';

export interface RunFilter {
  readonly sweep?: string;
  readonly arch?: string;
  readonly status?: string;
}

/** What fits a terminal; everything else is in the view `runs_overview`. */
const BRIEF =
  'sweep, arch, budgetFlops, dModel, nLayers, seed, status, stepsDone, steps, valLossNats, testLossNats, ' +
  'testBitsPerByte, round(tokensPerSecond) AS tokensPerSecond, runKey';

/**
 * Lists the runs that match, by sweep in the order of its file's cells, runs that no sweep lists at the end.
 *
 * @param columns `brief` for a terminal, `all` for programs
 * @throws UsageError where the filter names a sweep, an architecture or a status that there is not
 */
export function listRunsOverview(
  resultsDir: string,
  filter: RunFilter,
  columns: 'brief' | 'all',
  options: IndexOptions = {},
): QueryAnswer {
  checkFilter(resultsDir, filter, options);
  return query(
    resultsDir,
    `SELECT ${columns === 'brief' ? BRIEF : '*'} FROM runs_overview
     WHERE ($sweep IS NULL OR sweep = $sweep) AND ($arch IS NULL OR arch = $arch)
       AND ($status IS NULL OR status = $status)
     ORDER BY sweep IS NULL, sweep, arch, budgetFlops, dModel, nLayers, seed, learningRate, runKey`,
    options,
    { sweep: filter.sweep ?? null, arch: filter.arch ?? null, status: filter.status ?? null },
  );
}

function checkFilter(resultsDir: string, filter: RunFilter, options: IndexOptions): void {
  const statuses: readonly string[] = runStatusSchema.options;
  if (filter.status !== undefined && !statuses.includes(filter.status)) {
    throw new UsageError(`There is no status ${filter.status}. There are: ${statuses.join(', ')}.`);
  }
  for (const column of ['sweep', 'arch'] as const) {
    const wanted = filter[column];
    if (wanted === undefined) continue;
    const sql = `SELECT DISTINCT ${column} FROM runs_overview WHERE ${column} IS NOT NULL ORDER BY ${column}`;
    const known = query(resultsDir, sql, options).table.rows.map((row) => String(row[0]));
    if (known.includes(wanted)) continue;
    const what = column === 'sweep' ? 'sweep' : 'architecture';
    throw new UsageError(
      `No run is of ${what} ${wanted}.${didYouMean(wanted, known)} There are: ${known.join(', ') || 'none'}.`,
    );
  }
}

/** @throws UsageError where no sweep of this name is among the results, trained here or imported */
export function requireSweep(resultsDir: string, sweep: string, options: IndexOptions = {}): void {
  const sql = 'SELECT sweep FROM sweeps UNION SELECT sweep FROM imported_sets ORDER BY sweep';
  const known = query(resultsDir, sql, options).table.rows.map((row) => String(row[0]));
  if (known.includes(sweep)) return;
  const problems = "SELECT path || ': ' || problem FROM problems WHERE path = $sweep || '/sweep.json'";
  const [damage] = query(resultsDir, problems, options, { sweep }).table.rows;
  if (damage !== undefined) throw new UsageError(String(damage[0]));
  throw new UsageError(
    `There is no sweep "${sweep}" among the results.${didYouMean(sweep, known)} Sweeps there are: ${known.join(', ') || 'none'}.`,
  );
}

/** What an index holds, in numbers. */
export interface IndexSummary {
  readonly sweeps: number;
  readonly runs: number;
  readonly trainRows: number;
  readonly evalRows: number;
  /** Files that could not be read or do not agree, in a sentence each. */
  readonly problems: readonly string[];
}

export function summariseIndex({ db }: Index): IndexSummary {
  const count = (table: string): number =>
    db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  return {
    sweeps: count('sweeps'),
    runs: count('runs'),
    trainRows: count('train_metrics'),
    evalRows: count('eval_metrics'),
    problems: db
      .prepare<[], string>(`SELECT path || ': ' || problem FROM problems ORDER BY path`)
      .pluck()
      .all(),
  };
}
