import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FitRow } from '../../src/fit/row.js';
import { query } from '../../src/store/query.js';
import { views } from '../../src/store/views.js';
import { useSharedFolder, useTemporaryFolders } from './fixtures.js';
import { key, makeRun } from './records.js';
import { writeRun, writeSmallStudy } from './results.js';

const makeFolder = useTemporaryFolders();

/** The columns of the fit row, in its order; the compiler sees to it that none is missing. */
const fitColumns = Object.keys({
  id: true,
  sweep: true,
  arch: true,
  positions: true,
  seed: true,
  trunk: true,
  dModel: true,
  nLayers: true,
  paramsTotal: true,
  paramsNonEmbedding: true,
  paramsActive: true,
  tokens: true,
  steps: true,
  flops: true,
  flopsMatmul: true,
  budgetFlops: true,
  secondsPerStep: true,
  hardware: true,
  lossNats: true,
  bitsPerByte: true,
  status: true,
} satisfies Record<keyof FitRow, true>);

const small = useSharedFolder();
beforeAll(() => {
  writeSmallStudy(small);
});

function rowsOf(results: string, sql: string): unknown[][] {
  return query(results, sql).table.rows.map((row) => [...row]);
}

describe('the views', () => {
  it('fit_rows has exactly the columns of the fit row', () => {
    const { columns, rows } = query(small, 'fit_rows').table;
    expect(columns).toEqual(fitColumns);
    expect(rows.length).toBe(9);
  });

  it('cells are means over seeds', () => {
    const sql = `SELECT dModel, seeds, diverged, round(valLossNats, 9), round(testLossNats, 9) FROM cells
      WHERE arch = 'transformer' OR dModel = 32 ORDER BY arch DESC, budgetFlops, dModel`;
    expect(rowsOf(small, sql)).toEqual([
      [32, 2, 0, 4.1, 4.35],
      [48, 1, 0, 4.05, 4.3],
      [48, 1, 0, 3.9, 4],
      [32, 1, 1, 3.8, 3.9],
    ]);
  });

  it('best_per_budget is chosen by mean validation loss, without cells that diverged, its edge named', () => {
    const sql = `SELECT arch, budgetFlops, dModel, valLossNats, testLossNats, cells, edge, fewSteps
      FROM best_per_budget ORDER BY arch DESC, budgetFlops`;
    expect(rowsOf(small, sql)).toEqual([
      ['transformer', 1e10, 48, 4.05, 4.3, 2, 'largest', 0],
      ['transformer', 4e10, 48, 3.9, 4, 1, 'only', 0],
      ['primer-ez', 1e10, 48, 3.95, 4.1, 1, 'only', 1],
      ['primer-ez', 4e10, 48, 3.96, 4.05, 1, 'only', 0],
    ]);
  });

  it('a finished run without a finite loss counts as diverged: it is the best of nothing', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const broken = makeRun({ runKey: key(3), arch: 'transformer', dModel: 48, steps: 208 });
    const nothing = { lossNats: null, bitsPerByte: null, tokens: 32_640 };
    writeRun(results, { ...broken, final: { val: nothing, test: nothing } });
    const cells = `SELECT dModel, seeds, diverged FROM cells WHERE arch = 'transformer' AND budgetFlops = 1e10 ORDER BY dModel`;
    expect(rowsOf(results, cells)).toEqual([
      [32, 2, 0],
      [48, 0, 1],
    ]);
    const best = `SELECT dModel FROM best_per_budget WHERE arch = 'transformer' AND budgetFlops = 1e10`;
    expect(rowsOf(results, best)).toEqual([[32]]);
    expect(rowsOf(results, `SELECT dModel FROM frontier WHERE arch = 'transformer'`)).toEqual([[32], [48]]);
  });

  it('frontier leaves out what a cheaper cell beats', () => {
    expect(rowsOf(small, 'SELECT arch, flops, testLossNats FROM frontier')).toEqual([
      ['primer-ez', 190 * 48e6, 4.1],
      ['transformer', 208 * 48e6, 4.3],
      ['transformer', 833 * 48e6, 4],
    ]);
  });

  it('runs_overview has the runs that wait and those that no sweep lists', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    writeRun(results, makeRun({ runKey: key(99), steps: 120, sweep: 'old', testLossNats: 5 }));
    const sql = `SELECT sweep, runKey, status, stepsDone, steps, round(trainLossNats, 6), tokensPerSecond
      FROM runs_overview WHERE runKey IN ('${key(4)}', '${key(9)}', '${key(10)}', '${key(99)}') ORDER BY runKey`;
    expect(rowsOf(results, sql)).toEqual([
      ['quick', key(4), 'done', 833, 833, Number((4 + 3 / 833).toFixed(6)), (833 * 1000) / 60],
      ['quick', key(9), 'interrupted', 312, 625, Number((4 + 3 / 312).toFixed(6)), 312_000 / 60],
      ['quick', key(10), 'planned', 0, null, null, null],
      [null, key(99), 'done', 120, 120, Number((4 + 3 / 120).toFixed(6)), 2000],
    ]);
  });

  it('learning_curves has every step', () => {
    const sql = `SELECT step, tokens, flops, lossNats FROM learning_curves WHERE runKey = '${key(7)}' ORDER BY step`;
    const rows = rowsOf(small, sql);
    expect(rows.length).toBe(190);
    expect(rows[2]).toEqual([3, 3000, 144e6, 5]);
  });
});

describe('docs/database.md', () => {
  const text = readFileSync(new URL('../../docs/database.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/```sql\n(.*?)```/gs)]
    .flatMap((match) => match[1]!.split(';'))
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '');

  it('explains every view', () => {
    for (const { name } of views) expect(text).toContain(`**\`${name}\`**`);
    expect(examples.length).toBeGreaterThanOrEqual(views.length);
  });

  it.each(examples)('has an example that works: %s', (sql) => {
    const { rows } = query(small, sql.replace('4.5e11', '1e10').replace('KEY', key(4))).table;
    expect(rows.length === 0).toBe(sql.includes('FROM problems'));
  });
});
