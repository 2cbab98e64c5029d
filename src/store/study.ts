/** A study: one sweep with the records, fit rows, curves and timings of its runs. What fits and reports read. */
import type Database from 'better-sqlite3';
import type { CountedFitRow, FitRow } from '../fit/row.js';
import { timingError } from '../fit/timingNoise.js';
import { didYouMean } from '../ops/nearest.js';
import { withIndex } from './database.js';
import type { Index, IndexOptions } from './database.js';
import { UsageError } from './errors.js';
import type { ImportFacts } from './imported.js';
import type { RunRecord, SweepRecord, Timing, Timings, TrainRow } from './record.js';
import { fromRunRow } from './runRow.js';
import type { RunRow } from './runRow.js';
import { thinLogSpaced } from './thin.js';

/**
 * Everything a report shows of one sweep, as plain data.
 *
 * A run counts for every sweep whose sweep.json lists its key, under whichever folder it was trained, and appears here
 * under the label and the budget that *this* sweep gives it (`RunRecord.sweep` still names the folder it lies in).
 */
export interface Study {
  readonly sweep: SweepRecord;
  /** The runs that exist, whatever their status, in the order of `sweep.runs`. */
  readonly runs: readonly RunRecord[];
  /**
   * Ended runs (`done` and `diverged`), in the order of `sweep.runs`, and imported ones in that of their file, which are
   * not among `runs`. `lossNats` is the test loss at the last step;
   * it is `Infinity` for a diverged run, which no fit uses. Seconds are joined from `timings` by architecture and
   * shape, null where that was not timed. Laws in N count the output matrix by default, so the rows of one's own runs
   * say its size.
   */
  readonly fitRows: readonly CountedFitRow[];
  /** By run key: the training rows, thinned to at most 200 log-spaced ones (first and last included). */
  readonly curves: Readonly<Record<string, readonly TrainRow[]>>;
  readonly timings: Timings | null;
  /** Keys that the sweep lists and that no directory holds yet. */
  readonly missing: readonly string[];
  /** What could not be read, or does not agree, in a sentence each: a report shows these. */
  readonly problems: readonly string[];
}

/**
 * Loads a sweep's study, bringing the index up to date first.
 *
 * @throws UsageError where there is no such sweep, naming those there are
 */
export function loadStudy(resultsDir: string, sweepName: string, options: IndexOptions = {}): Study {
  return withIndex(resultsDir, options, (index) => readStudy(index, sweepName));
}

/**
 * Reads a study from an open index: all of it comes from there, and from nowhere else.
 *
 * @throws UsageError as `loadStudy`
 */
export function readStudy({ db, notices }: Pick<Index, 'db' | 'notices'>, sweepName: string): Study {
  const sweep = readSweep(db, sweepName);
  const runs = readRuns(db, sweepName);
  const present = new Set(runs.map((run) => run.runKey));
  const timings = readTimings(db, sweepName);
  return {
    sweep,
    runs,
    fitRows: withTimingError(withOutputMatrix(readFitRows(db, sweepName), runs), timings),
    curves: readCurves(db, sweepName),
    timings,
    missing: sweep.runs.map((run) => run.runKey).filter((runKey) => !present.has(runKey)),
    problems: [...notices, ...readProblems(db, sweepName)],
  };
}

interface SweepRow {
  readonly title: string | null;
  readonly description: string | null;
  readonly source: string;
  readonly sourceSha256: string;
  readonly resolved: string;
  readonly baselines: string;
}

function readSweep(db: Database.Database, name: string): SweepRecord {
  const row = db
    .prepare<[string], SweepRow>(
      'SELECT title, description, source, sourceSha256, resolved, baselines FROM sweeps WHERE sweep = ?',
    )
    .get(name);
  if (row === undefined) {
    const imported = readImported(db, name);
    if (imported !== null) return imported;
    const reason = readProblems(db, name)[0];
    if (reason !== undefined) throw new UsageError(reason);
    const known = db
      .prepare<[], string>('SELECT sweep FROM sweeps UNION SELECT sweep FROM imported_sets ORDER BY sweep')
      .pluck()
      .all();
    const remedy =
      known.length === 0
        ? 'None has been run yet: `isoloss run NAME` runs one.'
        : `There are: ${known.join(', ')}.`;
    throw new UsageError(`There is no sweep ${name} among the results.${didYouMean(name, known)} ${remedy}`);
  }
  const runs = db
    .prepare<[string], SweepRecord['runs'][number]>(
      `SELECT runKey, arch, positions, budgetFlops, dModel, nLayers, seed FROM sweep_runs
       WHERE sweep = ? ORDER BY ordinal`,
    )
    .all(name);
  const { resolved, baselines, ...rest } = row;
  return {
    format: 1,
    name,
    ...rest,
    resolved: JSON.parse(resolved) as SweepRecord['resolved'],
    baselines: JSON.parse(baselines) as SweepRecord['baselines'],
    runs,
  };
}

/** Imported runs as a sweep without runs of its own: `resolved.imported` says where their rows come from. */
function readImported(db: Database.Database, name: string): SweepRecord | null {
  const row = db
    .prepare<[string], { readonly title: string | null; readonly baselines: string; readonly facts: string }>(
      'SELECT title, baselines, facts FROM imported_sets WHERE sweep = ?',
    )
    .get(name);
  if (row === undefined) return null;
  const facts = JSON.parse(row.facts) as ImportFacts;
  return {
    format: 1,
    name,
    title: row.title,
    description: null,
    source: '',
    sourceSha256: facts.fileSha256,
    resolved: { imported: facts, notices: facts.notes },
    baselines: JSON.parse(row.baselines) as SweepRecord['baselines'],
    runs: [],
  };
}

function readRuns(db: Database.Database, sweep: string): RunRecord[] {
  return db
    .prepare<[string], RunRow & { readonly label: string; readonly cellFlops: number }>(
      `SELECT r.*, m.arch AS label, m.budgetFlops AS cellFlops
       FROM sweep_runs m JOIN runs r USING (runKey) WHERE m.sweep = ? ORDER BY m.ordinal`,
    )
    .all(sweep)
    .map((row) => ({ ...fromRunRow(row), arch: row.label, budgetFlops: row.cellFlops }));
}

function readFitRows(db: Database.Database, sweep: string): FitRow[] {
  return db
    .prepare<
      [string],
      Omit<FitRow, 'lossNats' | 'steps' | 'flopsMatmul'> &
        Readonly<Record<'lossNats' | 'steps' | 'flopsMatmul', number | null>>
    >(
      `SELECT f.* FROM fit_rows f LEFT JOIN sweep_runs m ON m.sweep = f.sweep AND m.runKey = f.id
       LEFT JOIN imported_runs i ON i.sweep = f.sweep AND i.id = f.id
       WHERE f.sweep = ? AND (f.status = 'diverged' OR (f.status = 'done' AND f.lossNats IS NOT NULL))
       ORDER BY coalesce(m.ordinal, i.ordinal)`,
    )
    .all(sweep)
    .map((row) => ({
      ...row,
      // Imported rows need not say them.
      steps: row.steps ?? NaN,
      flopsMatmul: row.flopsMatmul ?? NaN,
      lossNats: row.status === 'diverged' ? Infinity : row.lossNats!,
    }));
}

/** The rows with the size of the output matrix, where their run's record tells it. */
function withOutputMatrix(rows: readonly FitRow[], runs: readonly RunRecord[]): CountedFitRow[] {
  const counts = new Map(runs.map((run) => [run.runKey, outputMatrix(run)]));
  return rows.map((row) => {
    const paramsOutput = counts.get(row.id);
    return paramsOutput === undefined ? row : { ...row, paramsOutput };
  });
}

/** The rows with the error of their seconds a step, where there are timings. */
function withTimingError(rows: readonly CountedFitRow[], timings: Timings | null): CountedFitRow[] {
  const secondsError = timingError(timings?.timings ?? []);
  return rows.map((row) =>
    row.secondsPerStep === null || secondsError === undefined ? row : { ...row, secondsError },
  );
}

/**
 * Parameters of the output matrix; a tied one is the embedding matrix, which may have rows besides those of the vocabulary
 * (sentinels). A model may have neither.
 */
function outputMatrix({ setup, paramsByGroup }: RunRecord): number | undefined {
  return paramsByGroup['output'] ?? (setup.model.tiedEmbeddings ? paramsByGroup['embedding'] : undefined);
}

function readCurves(db: Database.Database, sweep: string): Record<string, readonly TrainRow[]> {
  const members = db
    .prepare<[string], { readonly runKey: string; readonly runId: number }>(
      'SELECT m.runKey, r.runId FROM sweep_runs m JOIN runs r USING (runKey) WHERE m.sweep = ? ORDER BY m.ordinal',
    )
    .all(sweep);
  const selectSteps = db
    .prepare<[number], number>('SELECT step FROM train_metrics WHERE runId = ? ORDER BY step')
    .pluck();
  const columns =
    'SELECT step, tokens, flops, lossNats, lr, gradNorm, wallSeconds FROM train_metrics WHERE runId = ?';
  const selectAll = db.prepare<[number], Omit<TrainRow, 'kind'>>(`${columns} ORDER BY step`);
  const selectSome = db.prepare<[number, string], Omit<TrainRow, 'kind'>>(
    `${columns} AND step IN (SELECT value FROM json_each(?)) ORDER BY step`,
  );
  const curves: Record<string, readonly TrainRow[]> = {};
  for (const { runKey, runId } of members) {
    const steps = selectSteps.all(runId);
    const kept = thinLogSpaced(steps);
    const rows =
      kept.length === steps.length ? selectAll.all(runId) : selectSome.all(runId, JSON.stringify(kept));
    curves[runKey] = rows.map((row) => ({ kind: 'train', ...row }));
  }
  return curves;
}

function readTimings(db: Database.Database, sweep: string): Timings | null {
  const set = db
    .prepare<
      [string],
      { readonly hardware: string; readonly measuredAt: string; readonly probeGflops: string }
    >('SELECT hardware, measuredAt, probeGflops FROM timing_sets WHERE sweep = ?')
    .get(sweep);
  if (set === undefined) return null;
  const timings = db
    .prepare<[string], Timing>(
      `SELECT arch, dModel, nLayers, dFf, batchSize, contextLength, vocabSize, secondsPerStep, madSeconds, rounds
       FROM timings WHERE sweep = ? ORDER BY rowid`,
    )
    .all(sweep);
  return { format: 1, ...set, probeGflops: JSON.parse(set.probeGflops) as number[], timings };
}

/** Problems of the sweep's own folder, and of its runs wherever they lie. */
function readProblems(db: Database.Database, sweep: string): string[] {
  return db
    .prepare<{ sweep: string }, string>(
      `SELECT path || ': ' || problem FROM problems p
       WHERE substr(path, 1, length($sweep) + 1) = $sweep || '/'
         OR substr(path, instr(path, '/') + 1) IN (SELECT runKey FROM sweep_runs WHERE sweep = $sweep)
       ORDER BY path, problem`,
    )
    .pluck()
    .all({ sweep });
}
