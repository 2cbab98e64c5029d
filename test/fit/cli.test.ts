import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { addFitCommand } from '../../src/cli/fit.js';
import type { FitReport } from '../../src/fit/fitRuns.js';
import { addSimulateCommand } from '../../src/cli/simulate.js';
import { QUICK_DESIGN, syntheticStudy } from '../report/syntheticStudy.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-fit-'));
  const lines = [1e18, 4e18, 1.6e19].flatMap((C) =>
    [0.25, 0.5, 1, 2, 4].flatMap((factor) =>
      ['a', 'b'].flatMap((arch) =>
        [0, 1].map((seed) => {
          const N = 0.1 * C ** 0.5 * factor;
          const D = C / (6 * N);
          const loss =
            (arch === 'a' ? 1 : 0.98) * (1.69 + 406.4 / N ** 0.34 + 410.7 / D ** 0.28) +
            (seed ? 0.002 : -0.002);
          return `${arch},${seed},${N},${D / 1e9},${C},${loss}`;
        }),
      ),
    ),
  );
  writeFileSync(join(folder, 'runs.csv'), `variant,s,size,D_B,C,L\n${lines.join('\n')}\n`);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  const program = new Command('isoloss').exitOverride();
  addFitCommand(program);
  addSimulateCommand(program);
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await program.parseAsync(['node', 'isoloss', ...args]);
  } finally {
    write.mockRestore();
  }
  return out;
}

const columns = ['--params', 'size', '--tokens', 'D_B*1e9', '--loss', 'L', '--starts', '25'];

describe('isoloss fit', () => {
  it('prints everything as JSON under the names that programs read', async () => {
    const out = await run(
      'fit',
      join(folder, 'runs.csv'),
      ...columns,
      '--where',
      'variant=a',
      '--seed',
      's',
      '--bootstraps',
      '50',
      '--json',
    );
    const report = JSON.parse(out) as Record<string, Record<string, unknown>>;
    expect(Object.keys(report['parametric']!)).toEqual(
      expect.arrayContaining(['E', 'A', 'B', 'alpha', 'beta', 'objective']),
    );
    expect(report['parametric']!['alpha']).toMatchObject({
      value: expect.closeTo(0.34, 2) as number,
      low: expect.any(Number) as number,
    });
    expect(report['isoflop']).toHaveLength(3);
    expect(report['frontier']).toHaveLength(1);
    expect(report['speedup']).toEqual([]);
    expect(Array.isArray(report['warnings'])).toBe(true);
  });

  it('compares architectures with a baseline', async () => {
    const args = ['--arch', 'variant', '--seed', 's', '--baselines', 'a', '--bootstraps', '100'];
    const out = await run('fit', join(folder, 'runs.csv'), ...columns, ...args);
    expect(out).toMatch(/b over a\n {2}in flops: [\d.]+ \(95%: /);
  });

  it('fits a sweep by name, N by the convention asked for', async () => {
    const study = syntheticStudy({ ...QUICK_DESIGN, name: 'small', curveRows: 2 });
    const sweepFolder = join(folder, 'results', 'small');
    mkdirSync(sweepFolder, { recursive: true });
    writeFileSync(join(sweepFolder, 'sweep.json'), JSON.stringify(study.sweep));
    for (const record of study.runs) {
      mkdirSync(join(sweepFolder, record.runKey));
      writeFileSync(join(sweepFolder, record.runKey, 'run.json'), JSON.stringify(record));
      const rows = study.curves[record.runKey]!.map((row) => `${JSON.stringify(row)}\n`);
      writeFileSync(join(sweepFolder, record.runKey, 'metrics.jsonl'), rows.join(''));
    }
    const args = [
      'fit',
      'small',
      '--results',
      join(folder, 'results'),
      '--bootstraps',
      '50',
      '--starts',
      '25',
      '--json',
    ];
    const report = JSON.parse(await run(...args)) as FitReport;
    expect(report.paramsConvention).toBe('non-embedding+output parameters');
    expect(report.speedup.length).toBeGreaterThan(2);
    expect(Object.keys(report.parametricByArch)).toContain('transformer');
    const law = report.frontier.find(({ arch }) => arch === 'transformer')!;
    expect(law.optimalParams.map(({ convention }) => convention)).toEqual([
      'non-embedding plus output matrix',
      'non-embedding',
      'total',
    ]);
    await expect(run(...args, '--params', 'active')).rejects.toThrow(/--params of a sweep is one of/);
    await expect(run('fit', 'nothing', '--results', join(folder, 'results'))).rejects.toThrow(/nothing/);
  });

  it.each([
    [['fit', 'nowhere.csv'], /no file nowhere.csv/],
    [
      ['fit', 'FILE', '--loss', 'nothing'],
      /no column "nothing" for --loss; the columns are variant, s, size/,
    ],
    [['fit', 'FILE', ...columns, '--fix', 'gamma=1'], /--fix knows E, A, alpha, B, beta/],
    [['fit', 'FILE', ...columns, '--bootstraps', 'many'], /--bootstraps needs a number/],
    [['fit', 'FILE', ...columns, '--where', 'variant=c'], /no row passes --where/],
  ])('refuses %j', async (args, message) => {
    await expect(
      run(...args.map((arg) => (arg === 'FILE' ? join(folder, 'runs.csv') : arg))),
    ).rejects.toThrow(message);
  });
});

describe('isoloss simulate', () => {
  it('prints coverage and verdicts', async () => {
    const out = await run('simulate', 'quick-design', '--studies', '5', '--bootstraps', '50', '--json');
    const report = JSON.parse(out) as { coverage: unknown[]; verdicts: unknown[] };
    expect(report.coverage).toHaveLength(4);
    expect(report.verdicts.length).toBeGreaterThan(5);
  });
});
