/** Runs of other tools: from a CSV file to rows that fits and reports read, whole or not at all. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importRuns, type ImportOptions } from '../../src/exchange/importRuns.js';
import { analyse } from '../../src/fit/analyse.js';
import { FitError } from '../../src/fit/error.js';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { UsageError } from '../../src/store/errors.js';
import { summariseIndex } from '../../src/store/overview.js';
import { withIndex } from '../../src/store/database.js';
import { query } from '../../src/store/query.js';
import { loadStudy } from '../../src/store/study.js';
import { useTemporaryFolders } from '../store/fixtures.js';
import { writeSmallStudy } from '../store/results.js';

const makeFolder = useTemporaryFolders();

function setUp(csv: string): {
  results: string;
  run: (options?: Partial<ImportOptions>) => ReturnType<typeof importRuns>;
} {
  const results = makeFolder();
  const file = join(results, 'theirs.csv');
  writeFileSync(file, csv);
  return {
    results,
    run: (options = {}) =>
      importRuns(file, {
        resultsDir: results,
        name: 'theirs',
        columns: {},
        now: () => new Date(0),
        ...options,
      }),
  };
}

const SMALL = `model,N,tokens_M,C,loss,seed
base,1e5,10,6e12,4.5,0
base,2e5,5,6e12,4.25,0
base,4e5,2.5,6e12,4.75,0
new,1e5,10,6e12,4.25,0
`;

/** loss = 2 + 1e3 C^-0.25 on the optimum, a parabola in ln size around it; `new` needs half the compute. */
function lawCsv(): string {
  const lines = ['arch,budget,N,D,C,loss'];
  for (const [arch, saved] of [
    ['base', 1],
    ['new', 2],
  ] as const) {
    for (const budget of [1e12, 4e12, 16e12, 64e12, 256e12]) {
      for (const step of [-1, 0, 1]) {
        const params = Math.sqrt(budget / 60) * 2 ** step;
        const loss = 1e3 * (budget * saved) ** -0.2 * (1 + 0.01 * step ** 2);
        lines.push([arch, budget, params, budget / (6 * params), budget, loss].join(','));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

describe('importRuns', () => {
  it('maps columns with factors, and marks the rows as imported', () => {
    const { results, run } = setUp(SMALL);
    const { path, set } = run({
      columns: { arch: 'model', tokens: 'tokens_M*1e6' },
      constants: { positions: 'rotary' },
    });
    expect(path).toBe(join(results, 'theirs', 'imported.json'));
    expect(set.runs[1]).toEqual({
      id: 'theirs:3',
      line: 3,
      arch: 'base',
      positions: 'rotary',
      seed: 0,
      trunk: 'theirs:3',
      dModel: null,
      nLayers: null,
      params: 2e5,
      tokens: 5e6,
      steps: null,
      flops: 6e12,
      flopsMatmul: null,
      budgetFlops: expect.closeTo(6e12, -3) as number,
      secondsPerStep: null,
      hardware: null,
      lossNats: 4.25,
    });
    const { fitRows, runs, sweep } = loadStudy(results, 'theirs');
    expect(runs).toEqual([]);
    expect(fitRows.map(({ id, lossNats, steps }) => [id, lossNats, steps])).toEqual([
      ['theirs:2', 4.5, NaN],
      ['theirs:3', 4.25, NaN],
      ['theirs:4', 4.75, NaN],
      ['theirs:5', 4.25, NaN],
    ]);
    expect(sweep.resolved['imported']).toMatchObject({
      file: 'theirs.csv',
      columns: { tokens: 'tokens_M*1e6' },
    });
    const sql = "SELECT count(*), sum(imported) FROM runs_overview WHERE sweep = 'theirs'";
    expect(query(results, sql).table.rows).toEqual([[4, 4]]);
  });

  it('is fitted like runs of one’s own: the law that the rows were made of comes back', () => {
    const { results, run } = setUp(lawCsv());
    run({ baselines: ['base'] });
    const { fitRows, sweep } = loadStudy(results, 'theirs');
    const { speedup } = analyse(fitRows, { baselines: sweep.baselines, bootstraps: 0 });
    const [comparison] = speedup.filter(({ arch }) => arch === 'new');
    const flops = comparison!.atOptimalSize.find(({ cost }) => cost === 'flops')!;
    expect(flops.factor.value).toBeCloseTo(2, 3);
  });

  it('takes in all rows or none, naming the lines that are wrong', () => {
    const { results, run } = setUp(`${SMALL}new,1e5,,6e12,4.25,0\nnew,-1,3,6e12,x,0\n`);
    const columns = { arch: 'model', tokens: 'tokens_M*1e6' };
    expect(() => run({ columns })).toThrow(
      /nothing was imported, since 2 of 6 rows are wrong:\n {2}line 6: tokens is missing\n {2}line 7: .*loss is "x", not a number/,
    );
    expect(existsSync(join(results, 'theirs'))).toBe(false);
  });

  it('names the line of a seed that is no whole number, and of numbers that give none', () => {
    const fraction = setUp('N,D,C,loss,seed\n1,2,12,3,0\n1,2,12,3,1.5\n');
    expect(() => fraction.run()).toThrow(/line 3: seed is 1\.5, not a whole number/);
    const vast = setUp('N,D,loss\n1,2,3\n1e200,1e200,3\n');
    expect(() => vast.run()).toThrow(/in line 3 flops comes to Infinity/);
  });

  it('leaves out runs that have not finished, and says so; a status it does not know is wrong', () => {
    const { run } = setUp(
      'arch,N,D,C,loss,status\na,1,2,12,3,done\na,1,2,12,,diverged\na,1,2,12,3,running\n',
    );
    expect(run().set.facts.notes[0]).toBe(
      'Left out, since only finished runs are fitted: 1 running, 1 diverged.',
    );
    const other = setUp('arch,N,D,C,loss,status\na,1,2,12,3,done\na,1,2,12,3,fine\n');
    expect(() => other.run()).toThrow(/line 3: status is "fine"; known are done, planned/);
  });

  it('refuses a taken name, repeated identifiers, unknown columns and baselines, and text that is not UTF-8', () => {
    const { results, run } = setUp(SMALL);
    const columns = { arch: 'model', tokens: 'tokens_M*1e6' };
    run({ columns });
    expect(() => run({ columns })).toThrow(/exists already.*--replace/);
    expect(run({ columns, replace: true, title: 'Theirs' }).set.title).toBe('Theirs');
    expect(loadStudy(results, 'theirs').sweep.title).toBe('Theirs');
    expect(() => setUp(SMALL.replace('new', 'constructor')).run({ columns })).toThrow(
      /line 5 has the architecture "constructor", a name that no chart can show/,
    );
    expect(() => run({ columns: { loss: 'nll' } })).toThrow(/There is no column "nll"/);
    expect(() => run({ columns, baselines: ['gpt'], replace: true })).toThrow(/There are: base, new/);
    expect(() => run({ columns, constants: { arch: 'x' }, replace: true })).toThrow(/has the column "model"/);
    expect(() => run({ columns: { ...columns, id: 'seed' }, replace: true })).toThrow(
      /lines 2 and 3 have the same/,
    );
    expect(() => run({ columns, name: '../x' })).toThrow(UsageError);
    writeFileSync(join(results, 'theirs.csv'), Buffer.from([0x61, 0xff]));
    expect(() => run({ columns, replace: true })).toThrow(/Can't read/);
    writeSmallStudy(results);
    writeFileSync(join(results, 'theirs.csv'), SMALL);
    expect(() => run({ columns, name: 'quick' })).toThrow(/holds runs of a sweep/);
  });

  it('does not mix with a sweep that takes the same name later', () => {
    const { results, run } = setUp(SMALL);
    run({ columns: { arch: 'model', tokens: 'tokens_M*1e6' }, name: 'quick' });
    writeSmallStudy(results);
    expect(loadStudy(results, 'quick').fitRows.length).toBe(8);
    const { problems } = withIndex(results, {}, summariseIndex);
    expect(problems).toEqual([expect.stringMatching(/^quick\/imported\.json: .*under another name\.$/)]);
  });

  it('reports a broken file as a problem of the index', () => {
    const { results, run } = setUp(SMALL);
    const { path } = run({ columns: { arch: 'model', tokens: 'tokens_M*1e6' } });
    writeFileSync(path, readFileSync(path, 'utf8').replace('4.25', '"low"'));
    const { problems } = withIndex(results, {}, summariseIndex);
    expect(problems.join()).toMatch(/theirs\/imported\.json.*is not as expected/s);
    expect(() => loadStudy(results, 'theirs')).toThrow(/is not as expected/);
  });
});

describe('a report of imported runs', () => {
  it('refuses losses that no fit can square', () => {
    const { results, run } = setUp(lawCsv().replaceAll(/(\d)$/gm, '$1e300'));
    run();
    expect(() => analyse(loadStudy(results, 'theirs').fitRows, { baselines: [] })).toThrow(FitError);
  });

  it('says that they are, and where they come from', () => {
    const { results, run } = setUp(lawCsv());
    run({ baselines: ['base'], title: 'Theirs' });
    const study = loadStudy(results, 'theirs');
    const analysis = analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 0 });
    const text = renderMarkdown(buildDocument(reportContext({ study, analysis })));
    expect(text).toContain('30 imported runs of 2 architectures, 5 budgets');
    expect(text).toContain('new reaches the loss of base with 2.00× less training compute');
    expect(text).toMatch(/File: theirs\.csv \(SHA-256 `[0-9a-f]{64}`\)/);
    expect(text).not.toContain('isoloss run');
  });
});
