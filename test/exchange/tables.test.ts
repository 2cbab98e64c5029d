/** Tables as files: Parquet read back by another library, exports that can be fitted, the prompt of `isoloss query`. */
import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { complete, runPrompt } from '../../src/cli/queryPrompt.js';
import { exportRuns } from '../../src/exchange/exportRuns.js';
import { tableToParquet } from '../../src/exchange/parquet.js';
import { writeTable } from '../../src/exchange/tableFile.js';
import { parseCsv } from '../../src/fit/csv.js';
import { readRunTable } from '../../src/fit/runTable.js';
import { UsageError } from '../../src/store/errors.js';
import { namedQueries } from '../../src/store/namedQueries.js';
import { query, readSchema } from '../../src/store/query.js';
import { renderTable } from '../../src/store/tableText.js';
import { useSharedFolder } from '../store/fixtures.js';
import { writeSmallStudy } from '../store/results.js';

const results = useSharedFolder();
beforeAll(() => {
  writeSmallStudy(results);
});

async function readParquet(bytes: Uint8Array): Promise<Record<string, unknown>[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  return parquetReadObjects({ file });
}

describe('tableToParquet', () => {
  it('keeps every value, whole numbers as INT64 and mixed columns as text', async () => {
    const bytes = tableToParquet({
      columns: ['whole', 'real', 'text', 'mixed', 'none'],
      rows: [
        [2 ** 53 - 1, 0.1, 'é,"', 1.5, null],
        [null, -1e300, null, '9007199254740993', null],
      ],
    });
    expect(await readParquet(bytes)).toEqual([
      { whole: 9007199254740991n, real: 0.1, text: 'é,"', mixed: '1.5', none: null },
      { whole: null, real: -1e300, text: null, mixed: '9007199254740993', none: null },
    ]);
  });

  it('refuses two columns of one name, and a terminal', () => {
    expect(() => tableToParquet({ columns: ['a', 'a'], rows: [] })).toThrow(/Two columns are named a/);
    const terminal = { isTTY: true, write: () => true };
    expect(() => writeTable({ columns: ['a'], rows: [] }, 'parquet', undefined, terminal)).toThrow(
      /--out FILE/,
    );
  });

  it('holds a real table with no row', async () => {
    expect(await readParquet(tableToParquet({ columns: ['a'], rows: [] }))).toEqual([]);
  });
});

describe('exportRuns', () => {
  it('writes what isoloss fit and import read by their usual names', () => {
    const csv = renderTable(exportRuns(results, 'quick').table, 'csv');
    const table = readRunTable(parseCsv(csv, 'runs.csv'), {});
    expect(table.runs.length).toBe(7);
    expect(table.columns).toMatchObject({ loss: 'lossNats', params: 'paramsNonEmbedding', id: 'id' });
    expect(() => exportRuns(results, 'slow')).toThrow(/Sweeps with runs: quick/);
  });

  it('writes the file as a whole', async () => {
    const path = join(results, 'out.parquet');
    writeTable(exportRuns(results, undefined).table, 'parquet', path);
    const rows = await readParquet(new Uint8Array(readFileSync(path)));
    expect(rows.length).toBe(9);
    expect(rows[0]).toMatchObject({ sweep: 'quick', imported: 0n });
  });
});

describe('named queries', () => {
  it.each(namedQueries.map(({ name }) => name))('%s answers for one sweep and for all', (name) => {
    const all = query(results, name).table;
    expect(all.columns.length).toBeGreaterThan(3);
    expect(query(results, name, {}, { sweep: 'quick' }).table).toEqual(all);
    expect(query(results, name, {}, { sweep: 'no such' }).table.rows).toEqual([]);
  });

  it('so does the name of a view', () => {
    expect(query(results, 'frontier', {}, { sweep: 'quick' }).table.rows.length).toBeGreaterThan(2);
    expect(query(results, 'frontier', {}, { sweep: 'no such' }).table.rows).toEqual([]);
  });

  it('say what they promise', () => {
    const value = (name: string, column: string): unknown[] => {
      const { columns, rows } = query(results, name).table;
      return rows.map((row) => row[columns.indexOf(column)]);
    };
    // Two seeds with test losses 4.3 and 4.4: a standard deviation of 0.1 / sqrt(2).
    expect(value('seed-noise', 'standardDeviation')).toEqual([expect.closeTo(0.1 / Math.SQRT2, 12)]);
    expect(value('failed', 'status')).toEqual(['diverged', 'interrupted']);
    expect(value('learning-rates', 'best').filter((best) => best !== null).length).toBe(5);
  });
});

describe('a table for a file', () => {
  it('is refused where the name can not be one, and says so', () => {
    const write = (out: string) => () => {
      writeTable({ columns: ['a'], rows: [[1]] }, 'csv', out);
    };
    expect(write(results)).toThrow(/Can't write .*: it is a folder\. Name a file\./);
    expect(write('')).toThrow('An empty name is no file');
    const link = join(results, 'link.csv');
    symlinkSync(join(results, 'away', 'x.csv'), link);
    expect(write(link)).toThrow(UsageError);
    expect(write(link)).toThrow(/there is no folder .*away: make it, or remove the link/);
    rmSync(link);
  });
});

describe('the prompt', () => {
  async function session(text: string): Promise<string> {
    const output = new PassThrough();
    let seen = '';
    output.on('data', (chunk: Buffer) => (seen += chunk.toString('utf8')));
    const input = PassThrough.from([text]);
    await runPrompt({
      resultsDir: results,
      index: {},
      parameters: { sweep: null },
      format: 'table',
      input,
      output,
    });
    return seen;
  }

  it('answers statements over several lines, names and commands, and goes on after errors', async () => {
    const seen = await session(
      'SELECT count(*) AS n\nFROM runs;\nfailed\n.sweep quik\n.sweep quick\nseed-noise\n.format csv\nSELEC 1;\nSELECT 1 AS one;\n.exit\nSELECT 2 AS two;\n',
    );
    expect(seen).toMatch(/n\n─\n9\n1 row/);
    expect(seen).toMatch(/diverged[^]*interrupted.*\n2 rows/);
    expect(seen).toContain('There is no sweep "quik" among the results. Did you mean "quick"?');
    expect(seen).toMatch(/standardDeviation\n[^]*1 row\n/);
    expect(seen).toContain('syntax error');
    expect(seen).toContain('one\r\n1\r\n');
    expect(seen).not.toContain('two');
  });

  it('completes queries, views, columns and keywords', () => {
    const relations = readSchema(results);
    expect(complete('best-', relations)).toEqual([['best-per-budget'], 'best-']);
    expect(complete('SELECT * FROM best_', relations)).toEqual([['best_per_budget'], 'best_']);
    expect(complete('SELECT r.valLoss', relations)[0]).toEqual(['valLossNats']);
    expect(complete('sel', relations)[0]).toContain('SELECT');
    expect(complete('.sc', relations)).toEqual([['.schema'], '.sc']);
  });
});
