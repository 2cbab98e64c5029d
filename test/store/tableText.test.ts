import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNumber, renderTable } from '../../src/store/tableText.js';
import type { Table } from '../../src/store/tableText.js';

const table: Table = {
  columns: ['arch', 'lossNats'],
  rows: [
    ['a|b <i>\n', 4.123456789],
    ['"q", \u001b[31mred', null],
  ],
};

describe('renderTable', () => {
  it('aligns text to the left and numbers to the right, and shows control characters', () => {
    expect(renderTable(table, 'table')).toBe(
      [
        'arch                lossNats',
        '──────────────────  ────────',
        'a|b <i>⏎             4.12346',
        '"q", \\u001b[31mred',
        '',
      ].join('\n'),
    );
  });

  it('writes CSV with all digits, by RFC 4180', () => {
    expect(renderTable(table, 'csv')).toBe(
      'arch,lossNats\r\n"a|b <i>\n",4.123456789\r\n"""q"", \u001b[31mred",\r\n',
    );
  });

  it('writes JSON that reads back equal', () => {
    expect(JSON.parse(renderTable(table, 'json'))).toEqual([
      { arch: 'a|b <i>\n', lossNats: 4.123456789 },
      { arch: '"q", \u001b[31mred', lossNats: null },
    ]);
    expect(() => renderTable({ columns: ['a', 'a'], rows: [] }, 'json')).toThrow('Two columns are named a');
  });

  it('writes Markdown that no name can break out of', () => {
    expect(renderTable(table, 'markdown')).toBe(
      '| arch | lossNats |\n| --- | ---: |\n| a\\|b &lt;i>⏎ | 4.12346 |\n| "q", \\\\u001b\\[31mred |  |\n',
    );
  });

  it('writes CSV that a reader of RFC 4180 gets the same fields from', () => {
    const field = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', 'é', ' ') }),
      fc.integer(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { maxLength: 5 }), (rows) => {
        const text = renderTable({ columns: ['x', 'y'], rows }, 'csv');
        const expected = [['x', 'y'], ...rows.map((row) => row.map(String))];
        expect(parseCsv(text)).toEqual(expected);
      }),
    );
  });
});

/** A reading of RFC 4180 by its grammar: quoted fields end at a quote that no quote follows. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let rest = text;
  while (rest !== '') {
    const record: string[] = [];
    for (;;) {
      const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest)!;
      record.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
      rest = rest.slice(match[0].length);
      if (match[3] !== ',') break;
    }
    records.push(record);
  }
  return records;
}

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [-12, '-12'],
    [123456789, '123456789'],
    [1e12, '1e12'],
    [9.984e9, '9.984e9'],
    [1234567891, '1.23457e9'],
    [0.1 + 0.2, '0.3'],
    [4.0000001, '4'],
    [123456.7, '123457'],
    [1234567.8, '1.23457e6'],
    [0.00012345678, '0.000123457'],
    [0.00001, '1e-5'],
    [-2.5e-8, '-2.5e-8'],
  ])('%f', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
