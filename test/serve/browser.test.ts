/** The pages in a real browser: live view, filters, query page, themes and a narrow screen. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM_FLAGS } from '../chromium.js';
import { key } from '../store/records.js';
import { HOSTILE, startRun, startSite, writeHostileSweep, type TestSite } from './site.js';

const CHROMIUM = '/usr/bin/chromium';

describe.skipIf(!existsSync(CHROMIUM))(`the pages in ${CHROMIUM} (skipped where there is none)`, () => {
  let site: TestSite;
  let browser: Browser;
  const complaints: string[] = [];
  beforeAll(async () => {
    site = await startSite();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  /** Opens a page of its own; what the console says against it, and what the policy forbids, is collected. */
  async function open(path: string, options: { dark?: boolean; width?: number } = {}): Promise<Page> {
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1200, height: 900 },
      colorScheme: options.dark === true ? 'dark' : 'light',
    });
    page.on('console', (message) => {
      const expected = message.text().includes('status of 400');
      if (['error', 'warning'].includes(message.type()) && !expected)
        complaints.push(`${path}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`));
    await page.goto(site.at(path));
    await page.waitForSelector('html[data-ready]');
    return page;
  }

  it('follow a run while it is trained', { timeout: 60_000 }, async () => {
    const live = await startRun(site.results);
    const page = await open('/');
    live.train(30);
    const row = page.locator(`#workers tr[data-key="${live.runKey}"]`);
    await row.waitFor();
    await expect.poll(() => row.textContent()).toContain('30 of 400');
    await page.waitForSelector('#live-chart svg path.mark-line, #live-chart svg .mark-line path');
    const drawn = (): Promise<string | null> =>
      page.locator('#live-chart svg .mark-line path').first().getAttribute('d');
    const before = await drawn();
    live.train(100);
    await expect.poll(() => row.textContent()).toContain('130 of 400');
    await expect.poll(drawn).not.toBe(before);
    expect(await page.locator('#sweeps tr[data-key="live"]').textContent()).toMatch(/1 running, 1 planned/);
    // An update leaves the elements of a row, and with them the focus, where they are.
    await row.locator('a').focus();
    live.train(10);
    await expect.poll(() => row.textContent()).toContain('140 of 400');
    expect(await page.evaluate('document.activeElement.textContent')).toBe(live.runKey);
    live.end();
    await expect.poll(() => page.locator('#idle').isVisible(), { timeout: 10_000 }).toBe(true);
    expect(await page.locator('#sweeps tr[data-key="live"]').textContent()).toContain('1 interrupted');
    await page.close();
  });

  it('filter, sort and compare runs', { timeout: 60_000 }, async () => {
    const page = await open('/runs');
    await page.selectOption('select[name="arch"]', 'primer-ez');
    await page.waitForURL(/\?arch=primer-ez$/);
    await page.selectOption('select[name="group"]', 'size');
    await page.waitForURL(/group=size/);
    expect(await page.locator('table.groups tbody tr').count()).toBe(4);
    await page.getByRole('link', { name: 'Validation' }).click();
    await page.waitForURL(/sort=val/);
    expect(await page.locator('th[aria-sort="ascending"]').textContent()).toBe('Validation ↑');
    expect(await page.locator('#compare button').isDisabled()).toBe(true);
    await page.check(`input[value="${key(5)}"]`);
    await page.check(`input[value="${key(7)}"]`);
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.waitForSelector('html[data-ready]');
    await page.waitForSelector('#charts svg .mark-line');
    expect(await page.locator('#charts svg').count()).toBe(3);
    await page.selectOption('#x-axis', 'flops');
    await expect.poll(() => page.locator('#charts svg').first().textContent()).toContain('Training FLOPs');
    await page.close();
  });

  it('answer questions, draw and save answers, and refuse what writes', { timeout: 60_000 }, async () => {
    const page = await open('/query?q=best-per-budget&sweep=quick');
    await page.waitForSelector('#rows tbody tr');
    expect(await page.locator('#rows tbody tr').count()).toBe(4);
    await page.selectOption('#mark', 'line');
    await page.waitForSelector('#chart svg .mark-line');
    expect(await page.locator('#chart svg').textContent()).toContain('testLossNats');
    const saving = page.waitForEvent('download');
    await page.click('#save-csv');
    expect((await saving).suggestedFilename()).toBe('answer.csv');
    await page.fill('#sql', 'DELETE FROM runs');
    await page.press('#sql', 'Control+Enter');
    await expect.poll(() => page.locator('#wrong').textContent()).toContain('A query only reads');
    expect(await page.locator('#answer').isVisible()).toBe(false);
    await page.fill('#sql', `SELECT '${HOSTILE.replaceAll("'", "''")}' AS "<b>a.b[0]</b>", 1 AS n`);
    await page.click('#ask button');
    await page.waitForSelector('#rows tbody tr');
    expect(await page.locator('#rows tbody td').first().textContent()).toBe(HOSTILE);
    await page.selectOption('#mark', 'bar');
    await page.waitForSelector('#chart svg .mark-rect');
    expect(await page.title()).toBe('Query – isoloss');
    await page.close();
  });

  it('take no name for markup', { timeout: 60_000 }, async () => {
    const run = writeHostileSweep(site.results);
    const wait = await open('/');
    await expect.poll(() => wait.locator('#sweeps').textContent(), { timeout: 10_000 }).toContain('<script>');
    expect(await wait.title()).toBe('Overview – isoloss');
    await wait.close();
    for (const path of ['/runs?group=arch', `/runs/${run.runKey}`, '/sweeps/hostile', '/query?q=failed']) {
      const page = await open(path);
      expect(await page.title()).toMatch(/ – isoloss$/);
      expect(await page.locator('img').count()).toBe(0);
      await page.close();
    }
  });

  it('fit a narrow screen, and follow the theme', { timeout: 60_000 }, async () => {
    const paths = ['/', '/runs?group=arch', `/runs/${key(1)}`, '/query?q=progress', '/sweeps/quick'];
    const colors = new Set<string>();
    for (const dark of [false, true]) {
      for (const path of paths) {
        const page = await open(path, { dark, width: 400 });
        expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(400);
        colors.add(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
        await page.close();
      }
    }
    expect([...colors]).toEqual(['rgb(255, 255, 255)', 'rgb(20, 23, 28)']);
  });

  it('are used with the keyboard alone', { timeout: 60_000 }, async () => {
    const page = await open('/runs');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(new URL(page.url()).hash).toBe('#main');
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate('document.activeElement.name === "run"')) break;
    }
    await page.keyboard.press('Space');
    expect(await page.locator('#chosen').textContent()).toBe('1 of at most 12 chosen');
    await page.close();
  });

  it('show a report, whose scripts reach nothing of theirs', { timeout: 60_000 }, async () => {
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(`report: ${error.message}`));
    await page.goto(site.at('/reports/quick'), { timeout: 50_000 });
    await page.waitForSelector('html[data-drawn]', { timeout: 20_000 });
    expect(await page.evaluate('self.origin')).toBe('null');
    await page.getByRole('link', { name: '← quick' }).click();
    await page.waitForURL(/\/sweeps\/quick$/);
    await page.close();
  });

  it('have given no cause for complaint', () => {
    expect(complaints).toEqual([]);
  });
});
