/** A report from what `isoloss pack` wrote, in another folder: the same bytes each time. */
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { reportSweep } from '../../src/report/reportSweep.js';
import { packSweep } from '../../src/store/pack.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';
import { writeStudy } from './writeStudy.js';

const folder = mkdtempSync(join(tmpdir(), 'isoloss-regenerate-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('regenerates a report from packed results byte for byte', { timeout: 300_000 }, async () => {
  const resultsDir = join(folder, 'results');
  const archs = QUICK_DESIGN.archs.filter(({ preset }) => preset === 'transformer' || preset === 'primer-ez');
  // More rows than pack keeps, so that it has to thin them.
  writeStudy(resultsDir, syntheticStudy({ ...QUICK_DESIGN, name: 'small', archs, curveRows: 320 }));
  packSweep(resultsDir, 'small', join(folder, 'packed'));
  const reportOf = async (results: string, outDir: string): Promise<Map<string, Buffer>> => {
    const options = { resultsDir: results, outDir, bootstraps: 100, paper: true };
    const { files } = await reportSweep('small', options);
    return new Map(files.map((file) => [file, readFileSync(join(outDir, file))]));
  };
  const whole = await reportOf(resultsDir, join(folder, 'report'));
  // A checkout elsewhere, where nothing has been read yet.
  const moved = join(mkdtempSync(join(folder, 'elsewhere-')), 'results');
  renameSync(join(folder, 'packed'), moved);
  const again = await reportOf(moved, join(folder, 'again'));
  expect([...again.keys()]).toEqual([...whole.keys()]);
  for (const [path, content] of whole) expect(content.equals(again.get(path)!), path).toBe(true);
  expect(whole.get('report.md')!.toString()).not.toContain(folder);
  expect(whole.get('index.html')!.toString()).not.toContain(folder);
});
