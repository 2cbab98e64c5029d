/** The live view in Chromium while the built program trains a real sweep: what it shows grows, and ends with the sweep. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type RunningServer } from '../../src/serve/server.js';
import { listRuns } from '../../src/store/runDirectory.js';
import { CHROMIUM_FLAGS } from '../chromium.js';
import { IS_BUILT, startProgram, tinyFolder } from '../sweeps/program.js';

const CHROMIUM = '/usr/bin/chromium';
const CLIENT = 'dist/serve/client';

describe.skipIf(!existsSync(CHROMIUM) || !IS_BUILT)(
  `the live view in ${CHROMIUM} (skipped where there is none)`,
  () => {
    let folder: string;
    let server: RunningServer;
    let browser: Browser;
    const complaints: string[] = [];
    beforeAll(async () => {
      folder = tinyFolder([0, 1], 2e10);
      mkdirSync(join(folder, 'results'));
      server = await startServer({ resultsDir: join(folder, 'results'), port: 0, clientDir: CLIENT });
      browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    }, 60_000);
    afterAll(async () => {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('follows a sweep from its first step to its end', { timeout: 180_000 }, async () => {
      const page = await browser.newPage();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(server.url);
      await page.waitForSelector('html[data-ready]');
      expect(await page.locator('#idle').isVisible()).toBe(true);

      const sweep = startProgram(folder, ['run', 'tiny.yaml', '--results', join(folder, 'results')]);
      const slow = { timeout: 90_000 };
      const rows = page.locator('#workers tbody tr');
      const firstCells = async (): Promise<string[]> =>
        (await rows.first().locator('td').allTextContents()).map((text) => text.trim());
      // Run, architecture, size, budget, seed, steps, loss, tokens a second, time left, worker.
      await expect
        .poll(
          async () => (await rows.count()) > 0 && /^[1-9]\d* of \d+/.test((await firstCells())[5] ?? ''),
          slow,
        )
        .toBe(true);
      await expect.poll(async () => ((await firstCells())[7] ?? '–') !== '–', slow).toBe(true);
      const [key, , size, , , steps, loss, speed, left, worker] = await firstCells();
      expect(listRuns(join(folder, 'results'), 'tiny').map(({ runKey }) => runKey)).toContain(key);
      expect(size).toBe('8 × 1');
      expect(Number(loss)).toBeGreaterThan(1);
      expect(speed).toMatch(/^[\d.]+[kM]?$/);
      expect(left).toMatch(/\d+ (s|min)/);
      expect(worker).toMatch(/, process \d+$/);
      const row = page.locator(`#workers tr[data-key="${key!}"]`);
      await expect
        .poll(async () => {
          // It moves on, or has ended already.
          const now =
            (await row.count()) === 0 ? 'ended' : (await row.locator('td').nth(5).textContent())?.trim();
          return now !== steps;
        }, slow)
        .toBe(true);
      await page.locator('#live-chart svg .mark-line path').first().waitFor(slow);

      expect(await sweep.exit, sweep.output()).toBe(0);
      await expect
        .poll(() => page.locator('#sweeps tr[data-key="tiny"]').textContent(), slow)
        .toContain('4 of 4');
      await expect.poll(() => page.locator('#idle').isVisible(), slow).toBe(true);
      expect(complaints).toEqual([]);
    });
  },
);
