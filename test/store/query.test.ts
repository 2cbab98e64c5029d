import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { listRunsOverview } from '../../src/store/overview.js';
import { describeSchema, query } from '../../src/store/query.js';
import { migrations } from '../../src/store/schema.js';
import { useSharedFolder } from './fixtures.js';
import { key } from './records.js';
import { writeSmallStudy } from './results.js';

const small = useSharedFolder();
beforeAll(() => {
  writeSmallStudy(small);
});

describe('query', () => {
  it('answers with columns and rows, and takes parameters', () => {
    const sql =
      'SELECT runKey AS "the key", seed, cause FROM runs WHERE dModel = $d AND status = $s ORDER BY runKey';
    expect(query(small, sql, {}, { d: 32, s: 'done' }).table).toEqual({
      columns: ['the key', 'seed', 'cause'],
      rows: [
        [key(1), 0, null],
        [key(2), 1, null],
        [key(5), 0, null],
      ],
    });
  });

  it('takes the bare name of a view, with dashes too', () => {
    expect(query(small, ' best-per-budget ').table.rows.length).toBe(4);
    expect(() => query(small, 'best-per-buget')).toThrow(
      /There is no named query, view or table best-per-buget\. There are: .*best_per_budget/,
    );
  });

  it('never rounds whole numbers', () => {
    const sql = "SELECT 9007199254740991, 9007199254740993, 0.1, 1e300, x'c3a9'";
    expect(query(small, sql).table.rows).toEqual([
      [9007199254740991, '9007199254740993', 0.1, 1e300, 'c3a9'],
    ]);
  });

  it.each([
    'DELETE FROM runs',
    'INSERT INTO source_problems VALUES (1, 2) RETURNING path',
    'UPDATE runs SET testLossNats = 0',
    'DROP TABLE runs',
    'CREATE TABLE x (y)',
    "ATTACH DATABASE 'other.db' AS other",
    "VACUUM INTO 'copy.db'",
    'BEGIN',
    'PRAGMA user_version = 7',
    'PRAGMA journal_mode = DELETE',
    'PRAGMA query_only = OFF',
    'WITH x AS (SELECT 1) DELETE FROM runs',
  ])('refuses what writes: %s', (sql) => {
    expect(() => query(small, sql)).toThrow(UsageError);
    expect(query(small, 'SELECT count(*), sum(testLossNats) > 0 FROM runs').table.rows).toEqual([[9, 1]]);
    expect(query(small, 'PRAGMA user_version').table.rows).toEqual([[migrations.at(-1)!.version]]);
    expect(existsSync('copy.db') || existsSync('other.db')).toBe(false);
  });

  it('explains what is wrong with a statement', () => {
    expect(() => query(small, 'SELEC 1')).toThrow(/near "SELEC": syntax error/);
    expect(() => query(small, 'SELECT loss FROM runs')).toThrow(/no such column: loss/);
    expect(() => query(small, 'SELECT * FROM run')).toThrow(
      /no such table: run\. There are: .*runs_overview/,
    );
    expect(() => query(small, 'SELECT 1; DELETE FROM runs')).toThrow(/one question at a time/);
    expect(() => query(small, '')).toThrow(UsageError);
    expect(() => query(small, 'SELECT $x')).toThrow(UsageError);
    expect(() => query(join(small, 'nowhere'), 'SELECT 1')).toThrow(/There is no results folder/);
  });

  it('describes the schema', () => {
    const text = describeSchema(small);
    expect(text).toMatch(/best_per_budget: For each architecture.+\n {4}sweep, arch, .*edge, fewSteps/);
    expect(text).toMatch(/ {2}runs\n {4}runId, runKey, .*dModel, nLayers/);
    expect(text).not.toContain('run_copies');
  });
});

describe('listRunsOverview', () => {
  it('filters by sweep, architecture and status', () => {
    const keys = (filter: Parameters<typeof listRunsOverview>[1]): unknown[] =>
      listRunsOverview(small, filter, 'brief').table.rows.map((row) => row.at(-1));
    expect(keys({ sweep: 'quick' }).length).toBe(10);
    expect(keys({ arch: 'primer-ez', status: 'done' })).toEqual([5, 7, 8].map(key));
    expect(keys({ status: 'failed' })).toEqual([]);
  });

  it('names what there is where the filter names what there is not', () => {
    expect(() => listRunsOverview(small, { status: 'dead' }, 'all')).toThrow(/There are: planned, running/);
    expect(() => listRunsOverview(small, { arch: 'primer' }, 'all')).toThrow(
      'There are: primer-ez, transformer.',
    );
    expect(() => listRunsOverview(small, { sweep: 'slow' }, 'all')).toThrow('There are: quick.');
  });
});
