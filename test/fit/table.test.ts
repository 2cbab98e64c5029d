import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findBudgets } from '../../src/fit/budgets.js';
import { parseCsv } from '../../src/fit/csv.js';
import { fitRuns } from '../../src/fit/fitRuns.js';
import { runSetOfTable } from '../../src/fit/runSet.js';
import { readRunTable } from '../../src/fit/runTable.js';
import { summarise } from '../../src/fit/summary.js';

describe('parseCsv', () => {
  it('reads quotes, line ends of either kind and a byte order mark', () => {
    const table = parseCsv('\ufeffname,N\r\n"a, ""b""",1\r\n\r\n"two\nlines",2\nplain,3', 'f.csv');
    expect(table.header).toEqual(['name', 'N']);
    expect(table.records).toEqual([
      ['a, "b"', '1'],
      ['two\nlines', '2'],
      ['plain', '3'],
    ]);
    expect(table.lines).toEqual([2, 4, 6]);
    expect(parseCsv('a\tb,c\n1\t2', 'f.tsv').records).toEqual([['1', '2']]);
  });

  it('gives back whatever was written', () => {
    const field = fc
      .string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', '1') })
      .map((s) => `x${s}x`);
    const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(field, field, field), { minLength: 1 }),
        fc.constantFrom('\n', '\r\n'),
        (records, end) => {
          const text = [['a', 'b', 'c'], ...records].map((r) => r.map(quote).join(',')).join(end);
          expect(parseCsv(text, 'f.csv').records).toEqual(records);
        },
      ),
    );
  });

  it.each([
    ['a,b\n1,2\n3\n', /line 3: 1 fields, but the header has 2/],
    ['a,b\n"1,2\n', /line 2: a quoted field is not closed/],
    ['a,b\n"1"x,2\n', /line 2: text follows the closing quote/],
    ['a,a\n1,2\n', /column "a" twice/],
    ['a,b\n', /no rows/],
    ['', /is empty/],
  ])('refuses %j', (text, message) => {
    expect(() => parseCsv(text, 'f.csv')).toThrow(message);
  });
});

describe('readRunTable', () => {
  const read = (text: string, columns = {}, where = {}) =>
    readRunTable(parseCsv(text, 'f.csv'), columns, where);

  it('maps columns by name, by flag and with a unit', () => {
    const { runs, columns } = read('N,"tokens*2",D_B,my loss\n1e8,7,2.5,3.1\n', {
      tokens: 'D_B*1e9',
      loss: 'my loss',
    });
    expect(columns).toEqual({ params: 'N', tokens: 'D_B*1e9', loss: 'my loss' });
    expect(runs[0]).toMatchObject({ params: 1e8, tokens: 2.5e9, loss: 3.1, flops: null, arch: 'runs' });
    expect(read('N,"tokens*2",L\n1e8,7,3\n', { tokens: 'tokens*2' }).runs[0]!.tokens).toBe(7);
  });

  it('prefers a usual name as it is written to one in other letters', () => {
    expect(read('n,N,d,D,loss\n1,2,3,4,5\n').columns).toEqual({ params: 'N', tokens: 'D', loss: 'loss' });
    expect(read('n,d,LOSS\n1,2,3\n').columns).toEqual({ params: 'n', tokens: 'd', loss: 'LOSS' });
  });

  it('drops rows only with line and reason', () => {
    const { runs, dropped } = read(
      'N,D,L,status\n1,1,3,done\n1,,3,done\n1,x,nan,done\n1,1,-3,done\n1,1,3,diverged\n1,1,inf,\n',
    );
    expect(runs).toHaveLength(1);
    expect(dropped).toEqual([
      { line: 3, reason: 'tokens is missing' },
      { line: 4, reason: 'loss is "nan", not a number; tokens is "x", not a number' },
      { line: 5, reason: 'loss is -3, not above 0' },
      { line: 6, reason: 'status is diverged, and only finished runs are fitted' },
      { line: 7, reason: 'loss is "inf", not a number' },
    ]);
  });

  it('takes whole numbers alone for seeds', () => {
    const { dropped } = read('N,D,L,seed\n1,1,3,0\n1,1,3,0.5\n1,1,3,1e17\n');
    expect(dropped.map(({ line }) => line)).toEqual([3, 4]);
    expect(dropped[0]!.reason).toMatch(/seed is 0\.5, not a whole number/);
  });

  it('names the columns there are where one is missing', () => {
    expect(() => read('a,b\n1,2\n')).toThrow(/--loss; the columns are a, b/);
    expect(() => read('a,b\n1,2\n', { loss: 'c' })).toThrow(/no column "c" for --loss/);
    expect(() => read('L,b\n-1,2\n')).toThrow(/all 1 were dropped, the first \(line 2\)/);
    expect(() => read('L,b\n1,2\n', {}, { b: '3' })).toThrow(/no row passes --where/);
    expect(() => runSetOfTable(read('L,D\n1,2\n'), 'f')).toThrow(/--params/);
  });
});

describe('findBudgets', () => {
  it('groups equal compute, and not a scatter', () => {
    const runs = [1, 1.01, 1.02, 10, 10, 10, 100, 150].map((flops, i) => ({ flops, size: 2 ** i }));
    const budgets = findBudgets(runs);
    expect(budgets.slice(0, 3).every((b) => b !== null && Math.abs(b - 1.01) < 1e-3)).toBe(true);
    expect(budgets.slice(3, 6).every((b) => b !== null && Math.abs(b - 10) < 1e-9)).toBe(true);
    expect(budgets.slice(6)).toEqual([null, null]);
    const chain = Array.from({ length: 50 }, (_, i) => ({ flops: 1.02 ** i, size: i + 1 }));
    expect(findBudgets(chain).every((budget) => budget === null)).toBe(true);
  });
});

describe('fitRuns on a table', () => {
  const lines = [1e18, 4e18, 1.6e19, 6.4e19].flatMap((C) =>
    [0.25, 0.5, 1, 2, 4].flatMap((factor) => {
      const N = 0.1 * C ** 0.5 * factor;
      const D = C / (6 * N);
      return [`${N},${D},${C},${1.69 + 406.4 / N ** 0.34 + 410.7 / D ** 0.28}`];
    }),
  );

  it('gives every fit from N, D, C and L alone', async () => {
    const set = runSetOfTable(readRunTable(parseCsv(`N,D,C,L\n${lines.join('\n')}`, 'f.csv'), {}), 'f.csv');
    const report = await fitRuns(set, { bootstraps: 50, starts: 50 });
    const fit = report.parametric!;
    if (!('alpha' in fit)) throw new Error('wrong form');
    expect(fit.alpha.value).toBeCloseTo(0.34, 3);
    expect(report.isoflop).toHaveLength(4);
    expect(report.frontier[0]!.law!.nPoints).toBe(4);
    // The optimum of the form: N goes as C^(.28 / .62); the parabola's vertex is off by its third order.
    expect(report.frontier[0]!.optimalParamsNonEmbedding!.exponent.value).toBeCloseTo(0.28 / 0.62, 1.5);
    expect(report.speedup).toEqual([]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(summarise(report)).toMatch(/alpha 0\.34/);
  });

  it('says what it estimated', async () => {
    const noTokens = lines.map((line) =>
      line
        .split(',')
        .filter((_, i) => i !== 1)
        .join(','),
    );
    const set = runSetOfTable(readRunTable(parseCsv(`N,C,L\n${noTokens.join('\n')}`, 'f.csv'), {}), 'f.csv');
    const report = await fitRuns(set, { bootstraps: 0, starts: 50 });
    expect(report.warnings[0]).toBe('There is no column of tokens: D is estimated as C / (6 N).');
    expect('alpha' in report.parametric! && report.parametric.alpha.value).toBeCloseTo(0.34, 3);
  });

  const setOf = (header: string, rows: readonly string[]) =>
    runSetOfTable(readRunTable(parseCsv(`${header}\n${rows.join('\n')}\n`, 'f.csv'), {}), 'f.csv');

  it('has one fit in N and D only where there is one architecture, whatever its name', async () => {
    const few = setOf('N,D,C,L,arch', [...lines.map((line) => `${line},__proto__`), `${lines[0]!},b`]);
    const report = await fitRuns(few, { bootstraps: 0, starts: 5 });
    expect(report.parametric).toBeNull();
    expect(Object.keys(report.parametricByArch)).toEqual(['__proto__']);
    expect(report.warnings).toContainEqual(expect.stringMatching(/^b: no fit in N and D\. 1 row does not/));
  });

  it.each(['chinchilla', 'over-training'] as const)(
    'refuses weights that leave too few rows, and losses beyond reckoning: %s',
    async (form) => {
      const noCompute = lines.map((line, i) => {
        const [N, D, , loss] = line.split(',') as [string, string, string, string];
        return { N, D: Number(D) * (1 + i / 10), loss: Number(loss) };
      });
      const weighted = noCompute.map(({ N, D, loss }, i) => `${N},${D},${loss},${i < 3 ? 1 : 0}`);
      await expect(fitRuns(setOf('N,D,L,weight', weighted), { form })).rejects.toThrow(
        /^3 rows of 20 with a weight above 0 do not determine/,
      );
      const huge = noCompute.map(({ N, D, loss }) => `${N},${D},${loss * 1e300}`);
      await expect(fitRuns(setOf('N,D,L', huge), { form })).rejects.toThrow(
        /Row 1 has loss .*e\+300; fits take/,
      );
    },
  );

  it('throws where nothing at all can be fitted', async () => {
    const set = runSetOfTable(readRunTable(parseCsv('N,D,L\n1,2,3\n2,3,3\n', 'f.csv'), {}), 'f.csv');
    await expect(fitRuns(set)).rejects.toThrow(/2 rows do not determine 5 parameters/);
  });
});
