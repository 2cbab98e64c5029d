import { Sqlite } from '../../src/store/sqlite.js';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openIndex, reindex, withIndex } from '../../src/store/database.js';
import type { Index } from '../../src/store/database.js';
import { UsageError } from '../../src/store/errors.js';
import { MetricsLog } from '../../src/store/metricsLog.js';
import { summariseIndex } from '../../src/store/overview.js';
import {
  listSweepFolders,
  runRecordPath,
  updateRunRecord,
  writeSweepRecord,
  writeTimings,
} from '../../src/store/runDirectory.js';
import { migrations } from '../../src/store/schema.js';
import { firstLine, startChild, useTemporaryFolders } from './fixtures.js';
import { key, makeRun, makeSweep, makeTimings, trainRow } from './records.js';
import { makeMetrics, writeRun, writeSmallStudy } from './results.js';

const makeFolder = useTemporaryFolders();

function use<T>(index: Index, read: (index: Index) => T): T {
  try {
    return read(index);
  } finally {
    index.close();
  }
}

function problems(resultsDir: string): readonly string[] {
  return use(openIndex(resultsDir), summariseIndex).problems;
}

/** Everything in the index, for comparing two of them. */
function dump(index: Index): unknown {
  const tables = ['sweeps', 'sweep_runs', 'timing_sets', 'timings', 'eval_metrics', 'train_metrics', 'runs'];
  return tables.map((table) => {
    const rows = index.db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
    return rows.map((row) => JSON.stringify({ ...row, runId: null })).sort();
  });
}

describe('openIndex', () => {
  it('makes the index on first use, and holds every row of every run', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const index = openIndex(results);
    expect(index.path).toBe(join(results, 'isoloss.db'));
    expect(index.notices).toEqual([]);
    expect(use(index, summariseIndex)).toEqual({
      sweeps: 1,
      runs: 9,
      trainRows: runs.reduce((sum, run) => sum + run.stepsDone, 0),
      evalRows: 14,
      problems: [],
    });
  });

  it('writes nothing where nothing changed, and reads only what did', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const changes = (): number =>
      use(openIndex(results), ({ db }) => db.prepare<[], number>('SELECT total_changes()').pluck().get()!);
    expect(changes()).toBeGreaterThan(1000);
    expect(changes()).toBe(0);
    const log = new MetricsLog(join(results, 'quick', key(9)));
    log.append([trainRow(313)]);
    log.close();
    const appended = changes();
    expect(appended).toBeGreaterThan(312);
    expect(appended).toBeLessThan(2 * 313 + 20);
    expect(changes()).toBe(0);
  });

  it('is the same when brought up to date bit by bit as when made at once', () => {
    const results = makeFolder();
    const { runs, sweep } = writeSmallStudy(results);
    rmSync(results, { recursive: true });
    mkdirSync(results);
    for (const run of runs) {
      const half = { ...run, status: 'running' as const, final: null, stepsDone: 100 };
      writeRun(results, half);
      openIndex(results).close();
      updateRunRecord(join(results, 'quick', run.runKey), run);
      writeRun(results, run);
      openIndex(results).close();
    }
    writeSweepRecord(results, sweep);
    writeTimings(results, 'quick', makeTimings());
    const grown = use(openIndex(results), dump);
    expect(grown).toEqual(use(reindex(results), dump));
    rmSync(join(results, 'isoloss.db'));
    expect(grown).toEqual(use(openIndex(results), dump));
  });

  it('may lie elsewhere, and says so where it can not', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const dbPath = join(makeFolder(), 'cache.db');
    use(openIndex(results, { dbPath }), (index) => {
      expect(index.path).toBe(dbPath);
    });
    expect(existsSync(join(results, 'isoloss.db'))).toBe(false);
    expect(() => openIndex(results, { dbPath: join(results, 'no', 'such', 'x.db') })).toThrow(
      /x\.db can't be opened for writing .+ Name another file with --db/,
    );
  });

  it('refuses a file of somebody else, and leaves every byte of it', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const folder = makeFolder();
    const table = join(folder, 'thesis.csv');
    writeFileSync(table, 'size,loss\n1,2\n'.repeat(500));
    const short = join(folder, 'notes.txt');
    writeFileSync(short, 'buy milk');
    const foreign = join(folder, 'mine.db');
    const db = new Sqlite(foreign);
    db.exec('CREATE TABLE runs (x); CREATE VIEW best AS SELECT x FROM runs; PRAGMA user_version = 99');
    db.close();
    const marked = join(folder, 'marked.db');
    new Sqlite(marked).exec('PRAGMA application_id = 7; CREATE TABLE t (x)').close();
    for (const dbPath of [table, short, foreign, marked]) {
      const before = readFileSync(dbPath);
      for (const attempt of [openIndex, reindex]) {
        expect(() => attempt(results, { dbPath })).toThrow(UsageError);
        expect(() => attempt(results, { dbPath })).toThrow(/left as it is\. Name another file with --db/);
      }
      expect(readFileSync(dbPath).equals(before)).toBe(true);
    }
    expect(readdirSync(folder).sort()).toEqual(['marked.db', 'mine.db', 'notes.txt', 'thesis.csv']);
  });

  it('takes an empty file, an index of its own, and one from before indexes were marked', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const dbPath = join(makeFolder(), 'cache.db');
    writeFileSync(dbPath, '');
    const runs = (): number => use(openIndex(results, { dbPath }), summariseIndex).runs;
    expect(runs()).toBe(9);
    expect(runs()).toBe(9);
    const db = new Sqlite(dbPath);
    db.exec('PRAGMA application_id = 0; PRAGMA user_version = 99');
    db.close();
    expect(runs()).toBe(9);
    expect(use(reindex(results, { dbPath }), summariseIndex).runs).toBe(9);
  });

  it('refuses what can be no results folder', () => {
    const file = join(makeFolder(), 'file');
    writeFileSync(file, '');
    expect(() => openIndex(file)).toThrow(/file is a file, not a results folder/);
    expect(() => listSweepFolders(file)).toThrow(UsageError);
    expect(() => openIndex('')).toThrow(/An empty name is no results folder/);
    expect(() => listSweepFolders('')).toThrow(UsageError);
    expect(listSweepFolders(join(dirname(file), 'not yet'))).toEqual([]);
  });

  it('is made in memory where the results folder can not hold it', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    mkdirSync(join(results, 'isoloss.db'));
    use(openIndex(results), (index) => {
      expect(index.path).toBe(':memory:');
      expect(index.notices[0]).toMatch(/made in memory, this once/);
      expect(summariseIndex(index).runs).toBe(9);
    });
  });

  it('is not made again in memory, where that would change nothing', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    mkdirSync(join(results, 'isoloss.db'));
    expect(() => reindex(results)).toThrow(/isoloss\.db can't be opened for writing .+ not made again/);
  });

  it('can be made again by several processes at once', async () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const children = Array.from({ length: 2 }, () => startChild('reindexer.ts', [results]));
    expect(await Promise.all(children.map(firstLine))).toEqual(['made', 'made']);
    expect(use(openIndex(results), summariseIndex).runs).toBe(9);
  });

  it('can be opened by many processes at once that all find it missing', async () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const children = Array.from({ length: 4 }, () => startChild('opener.ts', [results]));
    expect(await Promise.all(children.map(firstLine))).toEqual(['9', '9', '9', '9']);
    expect(use(openIndex(results), summariseIndex).runs).toBe(9);
  });
});

describe('an index that is damaged, or of another version', () => {
  it('is made again, with a notice, when it is no database', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    writeFileSync(
      join(results, 'isoloss.db'),
      'This is no database, but it is long enough to be read as one. '.repeat(99),
    );
    const index = openIndex(results);
    expect(index.notices[0]).toMatch(/was damaged .+ has been made again/);
    expect(use(index, summariseIndex).runs).toBe(9);
  });

  it('is made again when the damage only shows in use', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    openIndex(results).close();
    const path = join(results, 'isoloss.db');
    const bytes = readFileSync(path);
    const db = new Sqlite(path);
    const root = db
      .prepare<[], number>(`SELECT rootpage FROM sqlite_schema WHERE name = 'train_metrics'`)
      .pluck()
      .get()!;
    const size = Number(db.pragma('page_size', { simple: true }));
    db.close();
    bytes.fill(0xff, (root - 1) * size, root * size);
    writeFileSync(path, bytes);
    expect(use(openIndex(results), ({ notices }) => notices)).toEqual([]);
    const answer = withIndex(results, {}, ({ db, notices }) => ({
      count: db.prepare('SELECT count(lossNats) FROM train_metrics').pluck().get(),
      notices,
    }));
    expect(answer.count).toBe(4 * 312 - 156 - 0 + 208 + 833 + 190 + 833 + 312 - 0);
    expect(answer.notices[0]).toMatch(/was damaged/);
  });

  it('is emptied and made again when a later isoloss made it', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    use(openIndex(results), ({ db }) => {
      db.pragma(`user_version = ${migrations.at(-1)!.version + 1}`);
      db.exec("CREATE TABLE of_the_future (x); INSERT INTO sources VALUES ('x/sweep.json', 'sweep', '1')");
    });
    use(openIndex(results), (index) => {
      expect(summariseIndex(index).runs).toBe(9);
      expect(index.db.pragma('user_version', { simple: true })).toBe(migrations.at(-1)!.version);
      expect(() => index.db.prepare('SELECT * FROM of_the_future')).toThrow('no such table');
    });
  });

  it('gets the views of this version', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    use(openIndex(results), ({ db }) => {
      db.exec('DROP VIEW frontier; CREATE VIEW frontier AS SELECT 1');
    });
    use(openIndex(results), ({ db }) => {
      expect(db.prepare('SELECT * FROM frontier').all().length).toBe(3);
    });
  });
});

describe('what the index makes of directories that are not as they should be', () => {
  it('counts the copy of a run that got furthest, and goes on without it', () => {
    const results = makeFolder();
    const run = makeRun({ runKey: key(1), sweep: 'a', status: 'interrupted' });
    const copy = makeRun({ runKey: key(1), sweep: 'b' });
    writeRun(results, run);
    writeRun(results, copy);
    const home = (): unknown =>
      use(openIndex(results), ({ db }) => db.prepare('SELECT homeSweep, status FROM runs').all());
    expect(home()).toEqual([{ homeSweep: 'b', status: 'done' }]);
    rmSync(join(results, 'b'), { recursive: true });
    expect(home()).toEqual([{ homeSweep: 'a', status: 'interrupted' }]);
    rmSync(join(results, 'a'), { recursive: true });
    expect(home()).toEqual([]);
  });

  it('reports copies that differ, for as long as they do', () => {
    const results = makeFolder();
    writeRun(results, makeRun({ runKey: key(1), sweep: 'a', testLossNats: 4.2 }));
    writeRun(results, makeRun({ runKey: key(1), sweep: 'b', testLossNats: 4.25 }));
    expect(problems(results)).toEqual([
      expect.stringMatching(/^a\/0+1: b\/0+1 holds the same run with another test loss/),
    ]);
    updateRunRecord(join(results, 'b', key(1)), makeRun({ runKey: key(1), sweep: 'b', testLossNats: 4.2 }));
    expect(problems(results)).toEqual([]);
  });

  it('reports a directory under another run’s name, and a finished run without losses', () => {
    const results = makeFolder();
    writeRun(results, makeRun({ runKey: key(1) }));
    cpSync(join(results, 'quick', key(1)), join(results, 'quick', key(2)), { recursive: true });
    writeRun(results, { ...makeRun({ runKey: key(3) }), final: null });
    expect(problems(results)).toEqual([
      expect.stringMatching(/^quick\/0+2: run\.json is of run 0+1/),
      expect.stringMatching(/^quick\/0+3: run\.json says that the run is done, but has no final losses/),
    ]);
  });

  it('reports metrics that are damaged, repeated or cut off, and keeps the run', () => {
    const results = makeFolder();
    const run = makeRun({ runKey: key(1), steps: 20 });
    const metrics = join(writeRun(results, run, [...makeMetrics(run), trainRow(7)]), 'metrics.jsonl');
    expect(problems(results)[0]).toMatch(/has step 7 after step 20/);
    writeFileSync(metrics, '{}\n{}\n');
    expect(problems(results)[0]).toMatch(/metrics\.jsonl, line 1: the line is no metric row/);
    writeFileSync(metrics, `${JSON.stringify(trainRow(1))}\n{"kind"`);
    expect(problems(results)[0]).toMatch(/is cut off in line 2/);
    expect(use(openIndex(results), summariseIndex)).toMatchObject({ runs: 1, trainRows: 1 });
    writeRun(results, run);
    expect(problems(results)).toEqual([]);
  });

  it('reports an ended run without metrics, and not one that has none yet', () => {
    const results = makeFolder();
    const ended = writeRun(results, makeRun({ runKey: key(1) }), []);
    writeRun(results, makeRun({ runKey: key(2), status: 'interrupted' }), []);
    const missing = [
      expect.stringMatching(/^quick\/0+1: metrics\.jsonl of an ended run is missing or empty/),
    ];
    expect(problems(results)).toEqual(missing);
    rmSync(join(ended, 'metrics.jsonl'));
    expect(problems(results)).toEqual(missing);
  });

  it('reports a sweep that lists a run twice, a misplaced one, and timings measured twice', () => {
    const results = makeFolder();
    const run = makeRun({ runKey: key(1) });
    writeRun(results, run);
    writeSweepRecord(results, makeSweep('quick', [run, run]));
    const timings = makeTimings();
    writeTimings(results, 'quick', { ...timings, timings: [...timings.timings, timings.timings[0]!] });
    expect(problems(results)).toEqual([
      expect.stringMatching(/lists run 0+1 more than once/),
      expect.stringMatching(/timings\.json: timings\.json times .+ more than once/),
    ]);
    renameSync(join(results, 'quick'), join(results, 'slow'));
    expect(problems(results)[0]).toMatch(/slow\/sweep\.json: sweep\.json names the sweep quick/);
  });

  it('leaves alone what is no run', () => {
    const results = makeFolder();
    mkdirSync(join(results, 'quick', 'notes'), { recursive: true });
    mkdirSync(join(results, 'quick', key(1)));
    writeFileSync(join(results, 'README.md'), '');
    expect(problems(results)).toEqual([]);
    expect(existsSync(runRecordPath(join(results, 'quick', key(1))))).toBe(false);
  });
});
