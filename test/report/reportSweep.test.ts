import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sqlite } from '../../src/store/sqlite.js';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { addReportCommand } from '../../src/cli/report.js';
import { loadInput, reportSweep } from '../../src/report/reportSweep.js';
import { renderTerminal } from '../../src/report/terminal/terminal.js';
import { writeReportFolder } from '../../src/report/writeReport.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';
import { writeStudy } from './writeStudy.js';

const folder = mkdtempSync(join(tmpdir(), 'isoloss-report-'));
const resultsDir = join(folder, 'results');
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const study = syntheticStudy({
  ...QUICK_DESIGN,
  name: 'small',
  archs: QUICK_DESIGN.archs.filter(({ arch }) => arch === 'transformer' || arch === 'primer-ez'),
  curveRows: 20,
});

describe('reportSweep', () => {
  const outDir = join(folder, 'report');
  let before: Awaited<ReturnType<typeof reportSweep>>;
  const read = (path: string): string => readFileSync(join(outDir, path), 'utf8');
  beforeAll(async () => {
    writeStudy(resultsDir, study);
    before = await reportSweep('small', { resultsDir, outDir, bootstraps: 200 });
  }, 240_000);

  it('writes the page, Markdown, figures and data', () => {
    expect(before.htmlPath).toBe(join(outDir, 'index.html'));
    expect(readdirSync(outDir).sort()).toEqual(['data', 'figures', 'index.html', 'report.md']);
    for (const file of before.files) expect(existsSync(join(outDir, file)), file).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['report', 'results']);
    expect(readFileSync(join(outDir, 'figures/speedup.png')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('shows a changed loss of one run in every place that shows it', { timeout: 120_000 }, async () => {
    // The best size at the largest budget of the architecture that everything is compared with.
    const run = study.runs.find(
      (r) => r.arch === 'transformer' && r.budgetFlops === 1e12 && r.setup.model.dModel === 48,
    )!;
    const contents = (): Map<string, Buffer> =>
      new Map(before.files.map((path) => [path, readFileSync(join(outDir, path))]));
    const old = contents();
    const terminal = (): string => renderTerminal(loadInput('small', { resultsDir, bootstraps: 50 }), 100);
    const oldTerminal = terminal();

    const changed = run.final!.test.lossNats! - 0.1234;
    const db = new Sqlite(join(resultsDir, 'isoloss.db'));
    const { changes } = db
      .prepare('UPDATE runs SET testLossNats = ? WHERE runKey = ?')
      .run(changed, run.runKey);
    db.close();
    expect(changes).toBe(1);
    const after = await reportSweep('small', { resultsDir, outDir, bootstraps: 200 });
    expect(after.files).toEqual(before.files);

    // Everything that was written changes but what no test loss enters: training curves, counts, speed, tuning.
    const same = [...contents()].filter(([path, content]) => content.equals(old.get(path)!));
    expect(same.map(([path]) => path).sort()).toEqual(
      [
        'data/curves.csv',
        'data/tuned-rates.json',
        ...['parameters', 'flops', 'throughput', 'tuning'].flatMap((id) => [
          `figures/${id}.svg`,
          `figures/${id}.png`,
          `data/${id}.csv`,
        ]),
      ].sort(),
    );
    expect(terminal()).not.toBe(oldTerminal);
    const line = read('data/runs.csv')
      .split('\r\n')
      .find((row) => row.startsWith(run.runKey))!;
    expect(line).toContain(String(Number(changed.toPrecision(6))));
    const cells = `<td>${run.runKey}</td>`;
    const rows = read('index.html')
      .split('<tr>')
      .filter((row) => row.startsWith(cells) && row.includes('done'));
    expect(rows.length).toBe(2);
    for (const row of rows) expect(row).toContain(`<td class="n">${changed.toFixed(3)}</td>`);
  });

  it('names the sweeps there are where there is none of that name', async () => {
    await expect(reportSweep('nosuch', { resultsDir, outDir })).rejects.toThrow(/nosuch.*There are: small/s);
  });
});

describe('isoloss report', () => {
  it('prints the path of the page last, or everything as JSON', async () => {
    const printed: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
    const report = (...args: readonly string[]): Promise<Command> => {
      const program = new Command();
      addReportCommand(program);
      const flags = ['--results', resultsDir, '--out', join(folder, 'cli'), '--bootstraps', '0'];
      return program.parseAsync(['report', 'small', ...flags, ...args], { from: 'user' });
    };
    try {
      await report();
      await report('--json');
    } finally {
      log.mockRestore();
    }
    expect(printed[0]).toBe(join(folder, 'cli', 'index.html'));
    const json = JSON.parse(printed[1]!) as { files: string[]; analysis: { speedup: { arch: string }[] } };
    expect(json.files).toContain('report.md');
    expect(json.analysis.speedup.map((entry) => entry.arch)).toEqual(['primer-ez']);
  }, 240_000);
});

describe('writing a report', () => {
  const page = '<!doctype html>\n<meta name="generator" content="isoloss 1">\n';

  it('refuses a folder whose entries no report wrote', () => {
    const foreign = join(folder, 'foreign');
    mkdirSync(join(foreign, 'data'), { recursive: true });
    writeFileSync(join(foreign, 'data', 'mine.csv'), 'a');
    const odd = join(folder, 'odd');
    mkdirSync(join(odd, 'index.html'), { recursive: true });
    expect(() => writeReportFolder(odd, [{ path: 'index.html', content: page }])).toThrow(
      /has index\.html that no report wrote/,
    );
    expect(() => writeReportFolder(foreign, [{ path: 'index.html', content: page }])).toThrow(
      /has data that no report wrote.*--out/,
    );
    expect(readFileSync(join(foreign, 'data', 'mine.csv'), 'utf8')).toBe('a');
  });

  it('replaces an earlier report as a whole, and leaves other files', () => {
    const out = join(folder, 'again');
    writeReportFolder(out, [
      { path: 'index.html', content: `${page}old` },
      { path: 'data/gone.csv', content: 'x' },
    ]);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    writeReportFolder(out, [
      { path: 'index.html', content: `${page}new` },
      { path: 'data/new.csv', content: 'y' },
    ]);
    expect(readFileSync(join(out, 'index.html'), 'utf8')).toBe(`${page}new`);
    expect(readdirSync(join(out, 'data'))).toEqual(['new.csv']);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('leaves the earlier report where the new one can not be written', () => {
    const out = join(folder, 'kept');
    writeReportFolder(out, [{ path: 'index.html', content: `${page}old` }]);
    // A file can not be a folder too, so the second write fails.
    const impossible = [
      { path: 'index.html', content: `${page}new` },
      { path: 'index.html/x', content: '' },
    ];
    expect(() => writeReportFolder(out, impossible)).toThrow(/could not be written/);
    expect(readFileSync(join(out, 'index.html'), 'utf8')).toBe(`${page}old`);
    expect(readdirSync(folder).filter((name) => name.startsWith('.report'))).toEqual([]);
  });
});
