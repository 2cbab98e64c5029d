/**
 * How fast results of many runs are looked at: the report rendered, the report's page and the pages of `isoloss serve` in
 * Chromium, over a made-up study. `npm run bench:pages -- [RUNS]` (1000 unless told; with more than 2000 the report is
 * left out). Needs /usr/bin/chromium.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import type * as Playwright from 'playwright-core';
import { CHROMIUM_FLAGS } from '../test/chromium.js';
import { REFERENCE_DESIGN, syntheticStudy } from '../test/report/syntheticStudy.js';
import { writeStudy } from '../test/report/writeStudy.js';

// Required, since a TypeScript loader's hooks can't follow how this package loads itself.
const { chromium } = createRequire(import.meta.url)('playwright-core') as typeof Playwright;
type Page = Playwright.Page;

const REPORTED = 2000;
const ROUNDS = 5;
const wanted = Number(process.argv[2] ?? 1000);
const folder = mkdtempSync(join(tmpdir(), 'isoloss-bench-'));
const results = join(folder, 'results');
const PROGRAM = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const REPORTER = new URL('../dist/report/reportSweep.js', import.meta.url).href;

/** Eleven architectures at five budgets and five sizes, two of them repeated often enough for so many runs. */
function studyOf(runs: number) {
  const cells = 11 * 5;
  const seeds = Math.max(1, Math.round((runs / cells - 3) / 2));
  return syntheticStudy({ ...REFERENCE_DESIGN, name: 'many', seeds, timed: false, curveRows: 200 });
}

async function milliseconds(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

/** Median of some rounds. */
async function median(action: () => Promise<unknown>): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await milliseconds(action));
  return `${times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(0)} ms`;
}

const say = (what: string, value: string): void => console.log(`${what.padEnd(58)}${value}`);

/** The report's page: until all charts are drawn, and the longest wait after a press of a legend button. */
async function lookAtReport(page: Page, path: string): Promise<void> {
  const drawn = await milliseconds(async () => {
    await page.goto(`file://${path}`);
    await page.waitForSelector('html[data-drawn]', { timeout: 120_000 });
  });
  say('page: all charts drawn', `${drawn.toFixed(0)} ms`);
  const button = page.locator('#curves .legend button').first();
  const pressed = await median(async () => {
    await button.click();
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))');
  });
  say('page: an architecture hidden or shown in all charts', pressed);
  const chart = page.locator('#curves .chart canvas, #curves .chart svg').first();
  const box = (await chart.boundingBox())!;
  let at = 0;
  const hovered = await median(async () => {
    await page.mouse.move(box.x + 200 + 40 * at++, box.y + 150);
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))');
  });
  say('page: the pointer moved over the learning curves', hovered);
}

async function lookAtPages(page: Page, url: string): Promise<void> {
  const open = (path: string) => async (): Promise<void> => {
    await page.goto(new URL(path, url).href);
    await page.waitForSelector('html[data-ready]');
  };
  say('serve: first page, cold', `${(await milliseconds(open('/'))).toFixed(0)} ms`);
  for (const path of ['/', '/runs', '/runs?group=arch', '/runs?sort=val', '/runs?page=10', '/sweeps/many'])
    say(`serve: ${path}`, await median(open(path)));
  await open('/runs')();
  const arch = page.locator('select[name="arch"]');
  const names = await arch.locator('option').allTextContents();
  let next = 1;
  const filtered = await median(async () => {
    const before = page.url();
    await arch.selectOption({ label: names[next++]! });
    await page.waitForURL((address) => address.href !== before);
    await page.waitForSelector('html[data-ready]');
  });
  say('serve: runs filtered by another architecture', filtered);
  await open('/query?q=best-per-budget')();
  const asked = await median(async () => {
    await page.fill('#sql', `SELECT arch, avg(testLossNats) FROM cells WHERE ${next++} GROUP BY 1`);
    await Promise.all([page.waitForResponse(/\/api\/query/), page.click('#ask button')]);
  });
  say('serve: a question over all cells', asked);
}

/** Renders the report in a process of its own. @returns its processor time and what a clock says, both in words */
function renderReport(outDir: string, bootstraps: number): string {
  const started = performance.now();
  const script = `
    const { reportSweep } = await import(${JSON.stringify(REPORTER)});
    await reportSweep('many', ${JSON.stringify({ resultsDir: results, outDir, bootstraps })});
    const { user, system } = process.cpuUsage();
    console.log((user + system) / 1e6);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  const elapsed = (performance.now() - started) / 1000;
  return `${Number(child.stdout).toFixed(1)} s of CPU, ${elapsed.toFixed(1)} s`;
}

/** Starts `isoloss serve`. @returns its address and what ends it */
async function startServing(): Promise<{ url: string; end: () => void }> {
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--results', results]);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('isoloss serve ended')));
  });
  return { url, end: () => void child.kill() };
}

const study = studyOf(wanted);
say('runs', String(study.runs.length));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: CHROMIUM_FLAGS });
try {
  writeStudy(results, study);
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  if (study.runs.length <= REPORTED) {
    const outDir = join(folder, 'report');
    say('report: the first time, with the index', renderReport(outDir, 2000));
    say('report: again', renderReport(outDir, 2000));
    say('report: again, without the bootstrap', renderReport(outDir, 0));
    const path = join(outDir, 'index.html');
    say('page: size', `${(statSync(path).size / 1e6).toFixed(2)} MB`);
    await lookAtReport(page, path);
  }
  let served: Awaited<ReturnType<typeof startServing>> | undefined;
  const started = await milliseconds(async () => {
    served = await startServing();
  });
  say('serve: started', `${started.toFixed(0)} ms`);
  await lookAtPages(page, served!.url);
  served!.end();
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
