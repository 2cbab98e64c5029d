/**
 * How fast the index is: takes in 10,000 runs with 1,000 metric rows each, in ten sweeps, and asks it what people ask most.
 * `npm run bench:index -- [RUNS] [ROWS]`; needs 3.5 GB of disk for the while, and some minutes.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIndex } from '../src/store/database.js';
import { namedQueries } from '../src/store/namedQueries.js';
import type { RunRecord } from '../src/store/record.js';
import { metricsPath, runDirectory, runRecordPath, writeSweepRecord } from '../src/store/runDirectory.js';
import { renderTable } from '../src/store/tableText.js';
import { views } from '../src/store/views.js';
import { key, makeRun, makeSweep } from '../test/store/records.js';

const SWEEPS = 10;
const GOAL_ROWS_PER_SECOND = 100_000;
const GOAL_MS = 100;
const ROUNDS = 5;

const [runCount = 10_000, rowCount = 1000] = process.argv.slice(2).map(Number);
const results = join(mkdtempSync(join(tmpdir(), 'isoloss-bench-')), 'results');

/** Architectures x sizes x budgets x seeds, as a large sweep has them. */
function makeRuns(sweep: number): RunRecord[] {
  const count = runCount / SWEEPS;
  return Array.from({ length: count }, (_, i) =>
    makeRun({
      runKey: key(sweep * count + i),
      sweep: `sweep${sweep}`,
      arch: ['transformer', 'primer-ez', 'switch', 'synthesizer'][i % 4]!,
      dModel: 16 * (1 + (Math.floor(i / 4) % 10)),
      budgetFlops: 1e10 * 2 ** (Math.floor(i / 40) % 5),
      seed: Math.floor(i / 200),
      steps: rowCount,
      valLossNats: 4 + ((i * 37) % 101) / 100,
      testLossNats: 4 + ((i * 53) % 101) / 100,
    }),
  );
}

/** Not synced to disk: only reading is measured. */
function write(run: RunRecord): void {
  const directory = runDirectory(results, run.sweep, run.runKey);
  mkdirSync(directory, { recursive: true });
  writeFileSync(runRecordPath(directory), `${JSON.stringify(run, null, 2)}\n`);
  const lines = Array.from({ length: rowCount }, (_, i) => {
    const step = i + 1;
    const noise = Math.sin(step * run.setup.model.dModel);
    return JSON.stringify({
      kind: 'train',
      step,
      tokens: step * run.tokensPerStep,
      flops: step * run.flopsPerStep,
      lossNats: 4 + 3 / Math.sqrt(step) + 0.1 * noise,
      lr: (0.01 * step) / rowCount,
      gradNorm: 1 + 0.5 * noise,
      wallSeconds: step * 0.0123456789,
    });
  });
  writeFileSync(metricsPath(directory), `${lines.join('\n')}\n`);
}

/** Median of some rounds after one that is not counted. */
function milliseconds(work: () => void): number {
  work();
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

try {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const runs = makeRuns(sweep);
    for (const run of runs) write(run);
    writeSweepRecord(results, makeSweep(`sweep${sweep}`, runs));
  }
  const started = performance.now();
  openIndex(results).close();
  const seconds = (performance.now() - started) / 1000;
  const rowsPerSecond = (runCount * rowCount) / seconds;
  const size = statSync(join(results, 'isoloss.db')).size;
  console.log(
    `${runCount} runs with ${rowCount} rows each taken in within ${seconds.toFixed(1)} s: ` +
      `${Math.round(rowsPerSecond)} rows/s (goal ${GOAL_ROWS_PER_SECOND}); the index has ${(size / 2 ** 20).toFixed(0)} MiB`,
  );
  console.log(`opened with nothing new: ${milliseconds(() => openIndex(results).close()).toFixed(0)} ms`);

  const { db, close } = openIndex(results);
  const ask = (sql: string, sweep: string | null): number => {
    const statement = db.prepare(sql).raw();
    const parameters = sql.includes('$sweep') ? [{ sweep }] : [];
    return milliseconds(() => statement.all(...parameters));
  };
  const rows = [
    ...namedQueries.map(({ name, sql }) => [name, ask(sql, 'sweep3'), ask(sql, null)]),
    ...views.map(({ name }) => {
      const ofOne =
        name === 'problems' ? null : ask(`SELECT * FROM ${name} WHERE sweep = $sweep LIMIT 1000`, 'sweep3');
      return [name, ofOne, ask(`SELECT * FROM ${name} LIMIT 1000`, null)];
    }),
    [
      'a learning curve',
      ask(
        `SELECT step, lossNats FROM learning_curves WHERE sweep = $sweep AND runKey = '${key(runCount / 2 - 1)}'`,
        'sweep4',
      ),
      null,
    ],
  ];
  close();
  const columns = ['question', 'of a sweep, ms', 'of all sweeps, ms'];
  console.log(renderTable({ columns, rows }, 'markdown'));
  const slow = rows.filter(([, ofOne]) => typeof ofOne === 'number' && ofOne > GOAL_MS);
  if (rowsPerSecond < GOAL_ROWS_PER_SECOND || slow.length > 0) process.exitCode = 1;
} finally {
  rmSync(join(results, '..'), { recursive: true });
}
