/** The page in a real browser: every chart is drawn, nothing is complained about, and the buttons do what they say. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { chartsOf } from '../../src/report/document.js';
import { renderFiles } from '../../src/report/renderReport.js';
import { CHROMIUM_FLAGS } from '../chromium.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const folder = mkdtempSync(join(tmpdir(), 'isoloss-browser-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Visit {
  readonly dom: string;
  /** What the console said. */
  readonly console: readonly string[];
}

function visit(name: string, page: string, ...flags: readonly string[]): Visit {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, page);
  const { stdout, stderr } = spawnSync(
    browser!,
    [
      '--headless',
      ...CHROMIUM_FLAGS,
      '--enable-logging=stderr',
      '--virtual-time-budget=20000',
      `--user-data-dir=${join(folder, `profile-${name}`)}`,
      ...flags,
      '--dump-dom',
      `file://${path}`,
    ],
    { encoding: 'utf8', maxBuffer: 1e8, timeout: 50_000 },
  );
  return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes(':CONSOLE')) };
}

/** Runs in the page once it is drawn, presses the buttons and leaves what it saw in the title. */
const PRESS = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
(async () => {
  while (!document.documentElement.hasAttribute('data-drawn')) await wait(20);
  const seen = { saved: [] };
  const figure = document.getElementById('chart-frontier');
  const marks = () => figure.querySelectorAll('.chart .mark-symbol path').length;
  const ticks = () => [...figure.querySelectorAll('.role-axis-label text')].map((text) => text.textContent).join();
  seen.marks = marks();
  const arch = figure.querySelector('.legend button');
  arch.click();
  await wait(200);
  seen.hiddenMarks = marks();
  seen.pressed = [...document.querySelectorAll('.legend button[data-arch="' + arch.dataset.arch + '"]')].map((b) => b.getAttribute('aria-pressed'));
  arch.click();
  await wait(200);
  seen.shownMarks = marks();
  seen.logTicks = ticks();
  figure.querySelector('[data-axis=x][data-scale=linear]').click();
  await wait(500);
  seen.linearTicks = ticks();
  const bars = () => document.querySelectorAll('#chart-parameters .chart .mark-rect path').length;
  seen.bars = bars();
  document.querySelector('#chart-parameters .legend button').click();
  await wait(300);
  seen.fewerBars = bars();
  HTMLAnchorElement.prototype.click = function () { seen.saved.push([this.download, this.href]); };
  for (const button of figure.querySelectorAll('[data-save]')) button.click();
  await wait(1500);
  seen.saved = await Promise.all(seen.saved.map(async ([name, href]) => {
    const bytes = new Uint8Array(await (await fetch(href)).arrayBuffer());
    return [name, new TextDecoder().decode(bytes.subarray(0, 60))];
  }));
  document.title = JSON.stringify(seen);
})();
`;

describe.skipIf(browser === undefined)('the page in Chromium (skipped where there is none)', () => {
  const study = syntheticStudy({ ...QUICK_DESIGN, name: 'quick' });
  const analysis = analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 200 });
  const rendered = renderFiles({ study, analysis });
  const pageOf = async (): Promise<string> =>
    String((await rendered).files.find((file) => file.path === 'index.html')!.content);

  it('is drawn without a complaint, dark and narrow', { timeout: 60_000 }, async () => {
    const flags = ['--blink-settings=preferredColorScheme=0', '--window-size=500,900'];
    const { dom, console } = visit('drawn', await pageOf(), ...flags);
    expect(console).toEqual([]);
    expect(dom).toContain('data-drawn="true"');
    expect(dom).not.toContain('>This chart could not be drawn');
    const drawn = dom.match(/<(svg|canvas)[^>]*class="marks"/g) ?? [];
    expect(drawn.length).toBe(chartsOf((await rendered).document).length);
    expect(dom).toContain('class="dark-charts"');
    // Labels of rows stand above them, on one line.
    expect(dom).toContain('>primer-ez, over transformer</text>');
  });

  it('hides, switches and saves on its buttons', { timeout: 60_000 }, async () => {
    const page = (await pageOf()).replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '');
    const end = page.lastIndexOf('</body>');
    const pressing = `${page.slice(0, end)}<script>${PRESS}</script>${page.slice(end)}`;
    const { dom, console } = visit('pressed', pressing);
    expect(console).toEqual([]);
    expect(dom).not.toContain('class="dark-charts"');
    const title = /<title>(.*?)<\/title>/s.exec(dom)![1]!.replaceAll('&lt;', '<').replaceAll('&gt;', '>');
    const seen = JSON.parse(title.replaceAll('&amp;', '&')) as {
      marks: number;
      hiddenMarks: number;
      shownMarks: number;
      pressed: string[];
      logTicks: string;
      linearTicks: string;
      bars: number;
      fewerBars: number;
      saved: [string, string][];
    };
    // Four architectures with 4 sizes and an optimum at each of 3 budgets: 60 marks, 15 of them the hidden one's.
    expect([seen.marks, seen.hiddenMarks, seen.shownMarks]).toEqual([60, 45, 60]);
    expect(new Set(seen.pressed)).toEqual(new Set(['false']));
    expect(seen.pressed.length).toBeGreaterThan(3);
    // Four groups of parameters of six architectures, one of the groups hidden.
    expect([seen.bars, seen.fewerBars]).toEqual([24, 18]);
    expect(seen.logTicks).toContain('3×10¹¹');
    expect(seen.linearTicks).toContain('8×10¹¹');
    const saved = Object.fromEntries(seen.saved);
    expect(Object.keys(saved).sort()).toEqual([
      'quick-frontier.csv',
      'quick-frontier.png',
      'quick-frontier.svg',
      'quick-frontier.vl.json',
    ]);
    expect(saved['quick-frontier.csv']).toMatch(/^arch,budgetFlops,/);
    expect(saved['quick-frontier.svg']).toMatch(/^<svg/);
    expect(saved['quick-frontier.png']).toContain('PNG');
    expect(saved['quick-frontier.vl.json']).toContain('vega-lite');
  });
});
