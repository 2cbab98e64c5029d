import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { addFitCommand } from '../../src/cli/fit.js';
import type { FitReport } from '../../src/fit/fitRuns.js';
import { addSimulateCommand } from '../../src/cli/simulate.js';
import { runDirectory, runRecordPath, writeSweepRecord } from '../../src/store/runDirectory.js';
import { QUICK_DESIGN, syntheticStudy } from '../report/syntheticStudy.js';
import { makeRun } from '../store/records.js';
import { writeRun, writeSmallStudy } from '../store/results.js';

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

  it('says which runs of a sweep it is without, and takes no flag that it would not heed', async () => {
    const results = join(folder, 'unfinished');
    const { sweep, runs } = writeSmallStudy(results);
    writeFileSync(runRecordPath(runDirectory(results, 'quick', runs[0]!.runKey)), '');
    const args = ['fit', 'quick', '--results', results, '--bootstraps', '0', '--starts', '5'];
    const { warnings } = JSON.parse(await run(...args, '--json')) as FitReport;
    expect(warnings).toContainEqual(expect.stringContaining(runs[0]!.runKey));
    expect(warnings).toContain(
      "3 of 10 planned runs have not ended, or can't be read: the fits are without them.",
    );
    await expect(run(...args, '--where', 'arch=primer-ez')).rejects.toThrow(/--where is about the columns/);
    await expect(run(...args, '--flops-matmul', 'x')).rejects.toThrow(/--flops-matmul is about the columns/);
    const begun = join(folder, 'begun');
    const interrupted = makeRun({ status: 'interrupted' });
    writeRun(begun, interrupted);
    writeSweepRecord(begun, {
      ...sweep,
      runs: sweep.runs.filter((one) => one.runKey === interrupted.runKey),
    });
    await expect(run('fit', 'quick', '--results', begun)).rejects.toThrow(
      /No run of quick is done.*isoloss status quick.*\n1 of 1 planned runs has not ended/,
    );
  });

  it('takes a folder for no table', async () => {
    await expect(run('fit', 'src', '--results', folder)).rejects.toThrow(/There is no sweep src/);
  });

  it('refuses text that is not UTF-8, by its line', async () => {
    const file = join(folder, 'latin1.csv');
    writeFileSync(file, Buffer.from('arch,N,D,L\na,1,2,3\n\xe9,1,2,3\n', 'latin1'));
    await expect(run('fit', file)).rejects.toThrow(/latin1\.csv, line 3: it is not UTF-8/);
  });

  it.each([
    [['fit', 'nowhere.csv'], /no file nowhere.csv/],
    [
      ['fit', 'FILE', '--loss', 'nothing'],
      /no column "nothing" for --loss; the columns are variant, s, size/,
    ],
    [['fit', 'FILE', ...columns, '--fix', 'gamma=1'], /--fix knows E, A, alpha, B, beta/],
    [
      ['fit', 'FILE', ...columns, '--bootstraps', 'many'],
      /--bootstraps takes a whole number of at least 0, not "many"/,
    ],
    [['fit', 'FILE', ...columns, '--where', 'variant=c'], /no row passes --where/],
    [
      ['fit', 'FILE', ...columns, '--arch', 'variant', '--baselines', 'a,bb'],
      /No run of \S+runs\.csv is of bb\. Did you mean "b"\? Its architectures are a and b\./,
    ],
    [
      ['fit', 'FILE', ...columns, '--where', 'variant=a', '--where', 'variant=b'],
      /--where gives variant twice/,
    ],
    [['fit', 'FILE', ...columns, '--fix', 'E=1.7', '--fix', 'E=1.6'], /--fix gives E twice/],
    [['fit', 'FILE', ...columns, '--fix', 'alpha=-1'], /--fix alpha takes a number above 0, not "-1"/],
    [['fit', 'FILE', ...columns, '--starts', '1.5'], /--starts takes a whole number of at least 1/],
    [['fit', 'FILE', ...columns, '--delta', '0'], /--delta takes a number above 0/],
    [['fit', 'FILE', ...columns, '--threads', '-3'], /--threads takes a whole number of at least 1/],
    [['fit', 'FILE', ...columns, '--bootstrap-seed', '1.5'], /--bootstrap-seed takes a whole number/],
    [
      ['fit', 'FILE', ...columns, '--form', 'over-training', '--interval', 'bca'],
      /--interval is not for --form over-training/,
    ],
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
