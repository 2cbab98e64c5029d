/** Reads the run directories into the index: what changed since it was last brought up to date, and nothing else. */
import type Database from 'better-sqlite3';
import { UsageError } from './errors.js';
import { canonicalJson } from './files.js';
import { readImportedSet } from './imported.js';
import { readMetrics } from './metricsLog.js';
import { hasEnded, type MetricRow, type RunRecord, type Timings } from './record.js';
import { compareCopies, readRunRecord, readSweepRecord, readTimings } from './runDirectory.js';
import { fingerprint, scanSources } from './sources.js';
import type { Source } from './sources.js';
import { isWorkedOn, ORPHANED } from './workedOn.js';
import { prepareWriter } from './writer.js';
import type { IndexWriter } from './writer.js';

export interface SyncOptions {
  /** Called now and then while much has to be read. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Metric rows in one transaction: few enough to keep the write-ahead log small, enough to make commits cheap. */
const ROWS_PER_TRANSACTION = 200_000;

/**
 * Brings the index up to date with the results folder. Processes may do so at the same time: each change is made in a
 * transaction that reads the files within it, so the last one to commit has read the newest.
 */
export function synchronise(db: Database.Database, resultsDir: string, options: SyncOptions): void {
  const known = new Map(
    db
      .prepare<[], Source>('SELECT path, kind, fingerprint FROM sources')
      .all()
      .map((source) => [source.path, source]),
  );
  const changed: Source[] = [];
  for (const source of scanSources(resultsDir)) {
    if (known.get(source.path)?.fingerprint !== source.fingerprint) changed.push(source);
    known.delete(source.path);
  }
  const pending = [...[...known.values()].map((source) => ({ ...source, fingerprint: '' })), ...changed];
  if (pending.length > 0) takeSources(db, resultsDir, pending, options);
  interruptOrphans(db, resultsDir);
}

function takeSources(
  db: Database.Database,
  resultsDir: string,
  pending: readonly Source[],
  options: SyncOptions,
): void {
  const writer = prepareWriter(db);
  let done = 0;
  const takeBatch = db.transaction(() => {
    let rows = 0;
    while (done < pending.length && rows < ROWS_PER_TRANSACTION) {
      rows += 1 + takeSource(writer, resultsDir, pending[done]!);
      done += 1;
    }
  });
  while (done < pending.length) {
    takeBatch.immediate();
    options.onProgress?.({ done, total: pending.length });
  }
  db.pragma('optimize');
}

/**
 * Runs whose run.json says that they run, and that nobody works on, are interrupted: their process died before it could
 * write so. Whoever goes on with one writes its run.json again, and it is taken in anew.
 */
function interruptOrphans(db: Database.Database, resultsDir: string): void {
  const orphans = db
    .prepare<[], { runId: number; directory: string }>(
      "SELECT runId, directory FROM runs WHERE status = 'running'",
    )
    .all()
    .filter(({ directory }) => !isWorkedOn(`${resultsDir}/${directory}`));
  if (orphans.length === 0) return;
  const interrupt = db.prepare<[string, number]>(
    "UPDATE runs SET status = 'interrupted', cause = coalesce(cause, ?) WHERE runId = ?",
  );
  for (const { runId } of orphans) interrupt.run(ORPHANED, runId);
}

/** @returns how many metric rows were written */
function takeSource(writer: IndexWriter, resultsDir: string, source: Source): number {
  const { path, kind } = source;
  writer.clearProblems(path);
  // Taken before the file is read: a change while it is read shows as a difference the next time.
  const current = fingerprint(resultsDir, source);
  if (current === '') writer.removeSource(path);
  else writer.putSource({ path, kind, fingerprint: current });
  const sweep = path.split('/')[0]!;
  switch (kind) {
    case 'sweep': {
      const record = reportBroken(writer, path, () => readSweepRecord(resultsDir, sweep));
      writer.putSweep(sweep, record ?? null);
      if (record !== undefined && record !== null) reportSweep(writer, path, sweep, record.name, record.runs);
      return 0;
    }
    case 'timings': {
      const timings = reportBroken(writer, path, () => readTimings(resultsDir, sweep)) ?? null;
      writer.putTimings(sweep, timings);
      if (timings !== null) reportTimings(writer, path, timings);
      return 0;
    }
    case 'imported': {
      const set = reportBroken(writer, path, () => readImportedSet(resultsDir, sweep)) ?? null;
      writer.putImported(sweep, set);
      if (set !== null && set.name !== sweep)
        writer.addProblem(path, `imported.json names itself ${set.name}, but lies in the folder ${sweep}.`);
      return set?.runs.length ?? 0;
    }
    case 'run':
      return takeRun(writer, resultsDir, path);
    default:
      return kind satisfies never;
  }
}

function reportSweep(
  writer: IndexWriter,
  path: string,
  folder: string,
  name: string,
  runs: readonly { readonly runKey: string }[],
): void {
  if (name !== folder)
    writer.addProblem(path, `sweep.json names the sweep ${name}, but lies in the folder ${folder}.`);
  const seen = new Set<string>();
  for (const { runKey } of runs) {
    if (seen.has(runKey))
      writer.addProblem(path, `sweep.json lists run ${runKey} more than once; the first counts.`);
    seen.add(runKey);
  }
}

function reportTimings(writer: IndexWriter, path: string, { timings }: Timings): void {
  const seen = new Set<string>();
  for (const timing of timings) {
    const { arch, dModel, nLayers, dFf, batchSize, contextLength, vocabSize } = timing;
    const name = canonicalJson({ arch, dModel, nLayers, dFf, batchSize, contextLength, vocabSize });
    if (seen.has(name))
      writer.addProblem(path, `timings.json times ${name} more than once; the first counts.`);
    seen.add(name);
  }
}

/** Takes in one run directory, and settles which copy of the run counts. */
function takeRun(writer: IndexWriter, resultsDir: string, directory: string): number {
  const [sweep = '', runKey = ''] = directory.split('/');
  const record = reportBroken(writer, directory, () => readRunRecord(`${resultsDir}/${directory}`)) ?? null;
  if (record !== null && record.runKey !== runKey) {
    writer.addProblem(
      directory,
      `run.json is of run ${record.runKey}, so it does not count. Remove the directory.`,
    );
    writer.removeCopy(directory);
  } else if (record === null) {
    writer.removeCopy(directory);
  } else {
    const { status, stepsDone, final } = record;
    writer.putCopy({
      directory,
      runKey,
      sweep,
      status,
      stepsDone,
      testLossNats: final?.test.lossNats ?? null,
    });
  }
  const copies = writer.copies(runKey).sort(compareCopies);
  const winner = copies[0];
  if (winner === undefined) {
    writer.removeRun(runKey);
    return 0;
  }
  if (winner.directory === directory && record !== null)
    return writeRun(writer, resultsDir, directory, sweep, record);
  if (writer.directoryOf(runKey) === winner.directory) return 0;
  const other = reportBroken(writer, winner.directory, () =>
    readRunRecord(`${resultsDir}/${winner.directory}`),
  );
  return other ? writeRun(writer, resultsDir, winner.directory, winner.sweep, other) : 0;
}

function writeRun(
  writer: IndexWriter,
  resultsDir: string,
  directory: string,
  homeSweep: string,
  record: RunRecord,
): number {
  const { status, final } = record;
  if (
    status === 'done' &&
    ((final?.val.lossNats ?? null) === null || (final?.test.lossNats ?? null) === null)
  ) {
    writer.addProblem(
      directory,
      'run.json says that the run is done, but has no final losses: it enters no fit.',
    );
  }
  const rows = reportBroken(writer, directory, () =>
    readRows(writer, `${resultsDir}/${directory}`, directory, record),
  );
  writer.putRun(record, { homeSweep, directory }, rows ?? []);
  return rows?.length ?? 0;
}

function readRows(
  writer: IndexWriter,
  path: string,
  directory: string,
  record: RunRecord,
): readonly MetricRow[] {
  const { rows, torn } = readMetrics(path);
  if (torn !== null && hasEnded(record)) {
    writer.addProblem(
      directory,
      `metrics.jsonl of an ended run is cut off in line ${torn.line} (${torn.reason}).`,
    );
  } else if (rows.length === 0 && hasEnded(record) && record.stepsDone > 0) {
    writer.addProblem(
      directory,
      'metrics.jsonl of an ended run is missing or empty: it has no curve and no evaluations. ' +
        'Remove the run directory to train this run again.',
    );
  }
  let step = 0;
  for (const row of rows) {
    if (row.kind !== 'train') continue;
    if (row.step <= step) {
      throw new UsageError(`metrics.jsonl has step ${row.step} after step ${step}: its rows were left out.`);
    }
    step = row.step;
  }
  return rows;
}

/** Reads a file; one that is broken becomes a problem of the index, and undefined here. */
function reportBroken<T>(writer: IndexWriter, path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    writer.addProblem(path, error.message);
    return undefined;
  }
}
