/** The statements that write to the index, prepared once for a whole synchronisation. */
import type Database from 'better-sqlite3';
import type { ImportedSet } from './imported.js';
import type { MetricRow, RunRecord, SweepRecord, Timings } from './record.js';
import { runColumns, toRunRow } from './runRow.js';
import type { Source } from './sources.js';

/** One directory that holds a run; two sweep folders may each hold a copy of the same one. */
export interface RunCopy {
  readonly directory: string;
  readonly runKey: string;
  readonly sweep: string;
  readonly status: RunRecord['status'];
  readonly stepsDone: number;
  readonly testLossNats: number | null;
}

export interface IndexWriter {
  putSource(source: Source): void;
  removeSource(path: string): void;
  addProblem(path: string, problem: string): void;
  clearProblems(path: string): void;
  /** Replaces a sweep and its list of runs; null removes it. */
  putSweep(sweep: string, record: SweepRecord | null): void;
  /** Replaces a sweep's timings; null removes them. */
  putTimings(sweep: string, timings: Timings | null): void;
  /** Replaces a set of imported runs; null removes it. */
  putImported(name: string, set: ImportedSet | null): void;
  putCopy(copy: RunCopy): void;
  removeCopy(directory: string): void;
  copies(runKey: string): RunCopy[];
  /** Replaces a run and all of its metric rows. */
  putRun(
    record: RunRecord,
    place: { readonly homeSweep: string; readonly directory: string },
    rows: readonly MetricRow[],
  ): void;
  removeRun(runKey: string): void;
  /** The directory whose content the index holds for a run. */
  directoryOf(runKey: string): string | undefined;
}

export function prepareWriter(db: Database.Database): IndexWriter {
  const insertSource = db.prepare(
    'INSERT OR REPLACE INTO sources (path, kind, fingerprint) VALUES (?, ?, ?)',
  );
  const deleteSource = db.prepare('DELETE FROM sources WHERE path = ?');
  const insertProblem = db.prepare('INSERT INTO source_problems (path, problem) VALUES (?, ?)');
  const deleteProblems = db.prepare('DELETE FROM source_problems WHERE path = ?');
  const insertCopy = db.prepare(
    `INSERT OR REPLACE INTO run_copies (directory, runKey, sweep, status, stepsDone, testLossNats)
     VALUES ($directory, $runKey, $sweep, $status, $stepsDone, $testLossNats)`,
  );
  const deleteCopy = db.prepare('DELETE FROM run_copies WHERE directory = ?');
  const selectCopies = db.prepare<[string], RunCopy>('SELECT * FROM run_copies WHERE runKey = ?');
  const deleteRun = db.prepare('DELETE FROM runs WHERE runKey = ?');
  const selectDirectory = db.prepare<[string], string>('SELECT directory FROM runs WHERE runKey = ?').pluck();
  return {
    putSource: ({ path, kind, fingerprint }) => {
      insertSource.run(path, kind, fingerprint);
    },
    removeSource: (path) => {
      deleteSource.run(path);
    },
    addProblem: (path, problem) => {
      insertProblem.run(path, problem);
    },
    clearProblems: (path) => {
      deleteProblems.run(path);
    },
    putSweep: prepareSweep(db),
    putTimings: prepareTimings(db),
    putImported: prepareImported(db),
    putCopy: (copy) => {
      insertCopy.run(copy);
    },
    removeCopy: (directory) => {
      deleteCopy.run(directory);
    },
    copies: (runKey) => selectCopies.all(runKey),
    putRun: prepareRun(db),
    removeRun: (runKey) => {
      deleteRun.run(runKey);
    },
    directoryOf: (runKey) => selectDirectory.get(runKey),
  };
}

function prepareSweep(db: Database.Database): IndexWriter['putSweep'] {
  const remove = db.prepare('DELETE FROM sweeps WHERE sweep = ?');
  const insert = db.prepare(
    `INSERT INTO sweeps (sweep, title, description, source, sourceSha256, resolved, baselines)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertMember = db.prepare(
    `INSERT OR IGNORE INTO sweep_runs (sweep, ordinal, runKey, arch, positions, budgetFlops, dModel, nLayers, seed)
     VALUES ($sweep, $ordinal, $runKey, $arch, $positions, $budgetFlops, $dModel, $nLayers, $seed)`,
  );
  return (sweep, record) => {
    remove.run(sweep);
    if (record === null) return;
    const { title, description, source, sourceSha256, resolved, baselines } = record;
    const json = [resolved, baselines].map((value) => JSON.stringify(value));
    insert.run(sweep, title, description, source, sourceSha256, ...json);
    for (const [ordinal, run] of record.runs.entries()) insertMember.run({ ...run, sweep, ordinal });
  };
}

function prepareTimings(db: Database.Database): IndexWriter['putTimings'] {
  const remove = db.prepare('DELETE FROM timing_sets WHERE sweep = ?');
  const insertSet = db.prepare(
    'INSERT INTO timing_sets (sweep, hardware, measuredAt, probeGflops) VALUES (?, ?, ?, ?)',
  );
  const insert = db.prepare(
    `INSERT OR IGNORE INTO timings (sweep, arch, dModel, nLayers, dFf, batchSize, contextLength, vocabSize, secondsPerStep,
       madSeconds, rounds)
     VALUES ($sweep, $arch, $dModel, $nLayers, $dFf, $batchSize, $contextLength, $vocabSize, $secondsPerStep,
       $madSeconds, $rounds)`,
  );
  return (sweep, timings) => {
    remove.run(sweep);
    if (timings === null) return;
    insertSet.run(sweep, timings.hardware, timings.measuredAt, JSON.stringify(timings.probeGflops));
    for (const timing of timings.timings) insert.run({ ...timing, sweep });
  };
}

function prepareImported(db: Database.Database): IndexWriter['putImported'] {
  const remove = db.prepare('DELETE FROM imported_sets WHERE sweep = ?');
  const insertSet = db.prepare(
    'INSERT INTO imported_sets (sweep, title, baselines, facts) VALUES (?, ?, ?, ?)',
  );
  const insert = db.prepare(
    `INSERT OR REPLACE INTO imported_runs (sweep, ordinal, id, arch, positions, seed, trunk, dModel, nLayers, params, tokens,
       steps, flops, flopsMatmul, budgetFlops, secondsPerStep, hardware, lossNats)
     VALUES ($sweep, $ordinal, $id, $arch, $positions, $seed, $trunk, $dModel, $nLayers, $params, $tokens,
       $steps, $flops, $flopsMatmul, $budgetFlops, $secondsPerStep, $hardware, $lossNats)`,
  );
  return (sweep, set) => {
    remove.run(sweep);
    if (set === null) return;
    insertSet.run(sweep, set.title, JSON.stringify(set.baselines), JSON.stringify(set.facts));
    for (const [ordinal, run] of set.runs.entries()) insert.run({ ...run, sweep, ordinal });
  };
}

function prepareRun(db: Database.Database): IndexWriter['putRun'] {
  const upsert = db
    .prepare<[object], number>(
      `INSERT INTO runs (${runColumns.join(', ')}) VALUES (${runColumns.map((column) => `$${column}`).join(', ')})
       ON CONFLICT (runKey) DO UPDATE SET ${runColumns.map((column) => `${column} = excluded.${column}`).join(', ')}
       RETURNING runId`,
    )
    .pluck();
  const deleteTrain = db.prepare('DELETE FROM train_metrics WHERE runId = ?');
  const deleteEval = db.prepare('DELETE FROM eval_metrics WHERE runId = ?');
  const insertTrain = db.prepare(
    `INSERT INTO train_metrics (runId, step, tokens, flops, lossNats, lr, gradNorm, wallSeconds)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertEval = db.prepare(
    `INSERT OR REPLACE INTO eval_metrics (runId, split, metric, step, tokens, lossNats, bitsPerByte, byDocument)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return (record, place, rows) => {
    const runId = upsert.get(toRunRow(record, place));
    deleteTrain.run(runId);
    deleteEval.run(runId);
    for (const row of rows) {
      if (row.kind === 'train') {
        const { step, tokens, flops, lossNats, lr, gradNorm, wallSeconds } = row;
        insertTrain.run(runId, step, tokens, flops, lossNats, lr, gradNorm, wallSeconds);
      } else {
        const { split, metric, step, tokens, lossNats, bitsPerByte, byDocument } = row;
        const documents = byDocument === undefined ? null : JSON.stringify(byDocument);
        insertEval.run(runId, split, metric, step, tokens, lossNats, bitsPerByte, documents);
      }
    }
  };
}
