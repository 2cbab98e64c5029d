/**
 * The built program with real models, killed again and again at moments drawn by chance: nothing is lost, nothing counted
 * twice, and the results are those of an undisturbed sweep, bit for bit.
 *
 * A few disturbances here; `ISOLOSS_SOAK=300 npx vitest run test/sweeps/killedSweep` goes on for so many seconds, sweep
 * after sweep. `ISOLOSS_SEED` draws the same disturbances again, if not at the same instants.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRuns, readRunRecord } from '../../src/store/runDirectory.js';
import { disturb, DISTURBANCES, randomNumbers, rowsSeen } from './disturbances.js';
import { IS_BUILT, isoloss, outcomeOf, rowsOnDisk, runToEnd, startProgram, tinyFolder } from './program.js';

const SOAK_SECONDS = Number(process.env['ISOLOSS_SOAK'] ?? 0);
const FIRST_SEED = Number(process.env['ISOLOSS_SEED'] ?? Math.floor(Math.random() * 1e6));
const DISTURBANCES_A_SWEEP = SOAK_SECONDS > 0 ? 12 : 4;

describe.skipIf(!IS_BUILT || process.platform !== 'linux')(
  'a sweep that is killed at random (needs `npm run build`)',
  { timeout: SOAK_SECONDS * 1000 + 180_000 },
  () => {
    let folder: string;
    let expected: ReturnType<typeof outcomeOf>;
    beforeAll(async () => {
      folder = tinyFolder([0, 1], 6e9, 'checkpointSeconds: 0.05\n');
      await runToEnd(folder, 'undisturbed');
      expected = outcomeOf(join(folder, 'undisturbed'));
    }, 120_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('ends with the same bits', async () => {
      const started = performance.now();
      for (let seed = FIRST_SEED; ; seed++) {
        await disturbedSweep(seed);
        if ((performance.now() - started) / 1000 < SOAK_SECONDS) continue;
        if (SOAK_SECONDS > 0)
          console.info(`${seed + 1 - FIRST_SEED} sweeps, each disturbed ${DISTURBANCES_A_SWEEP} times`);
        return;
      }
    });

    async function disturbedSweep(seed: number): Promise<void> {
      const random = randomNumbers(seed);
      const results = join(folder, `seed-${seed}`);
      const story: string[] = [`ISOLOSS_SEED=${seed}`];
      const seen = new Map<string, string>();
      const look = (): void => {
        for (const [name, row] of rowsSeen(results, 'tiny')) {
          expect(seen.get(name) ?? row, story.join('; ')).toBe(row);
          seen.set(name, row);
        }
      };
      for (let count = 0; count < DISTURBANCES_A_SWEEP; count++) {
        const programs = Array.from({ length: random() < 0.25 ? 2 : 1 }, () =>
          startProgram(folder, ['run', 'tiny.yaml', '--results', results]),
        );
        const what = DISTURBANCES[Math.floor(random() * DISTURBANCES.length)]!;
        // Mostly while it trains; sometimes while it loads.
        const rows = rowsOnDisk(results);
        if (random() < 0.8)
          await until(() => rowsOnDisk(results) > rows || programs[0]!.child.exitCode !== null);
        await sleep(random() * 800);
        story.push(`${programs.length} runners, ${what}`);
        await disturb(programs[0]!, what, random);
        if (what === 'worker' || what === 'workers') {
          await sleep(random() * 1000);
          await disturb(programs[0]!, 'everything', random);
        }
        if (programs[1] !== undefined) await disturb(programs[1], 'everything', random);
        await Promise.all(programs.map(({ exit }) => exit));
        look();
      }
      await runToEnd(folder, results);
      look();
      expect(outcomeOf(results), story.join('; ')).toEqual(expected);
      // Every row that was ever seen on disk is there in the end, and none twice.
      expect([...rowsSeen(results, 'tiny')].sort(), story.join('; ')).toEqual([...seen].sort());
      await expectCountedOnce(results);
      rmSync(results, { recursive: true });
    }

    async function until(condition: () => boolean): Promise<void> {
      while (!condition()) await sleep(20);
    }

    async function expectCountedOnce(results: string): Promise<void> {
      const steps = expected.reduce((sum, { stepsDone }) => sum + stepsDone, 0);
      const sql =
        'select (select count(*) from runs) as runs, (select count(*) from train_metrics) as steps, (select count(*) from problems) as problems';
      const counted = JSON.parse(
        await isoloss(folder, 'query', sql, '--results', results, '--json'),
      ) as unknown;
      expect(counted).toEqual([{ runs: expected.length, steps, problems: 0 }]);
      for (const { directory } of listRuns(results, 'tiny')) {
        expect(
          readdirSync(directory).filter((name) => name.includes('aside') || name.includes('lock')),
        ).toEqual([]);
        const { execution } = readRunRecord(directory)!;
        for (const { cause } of execution!.interruptions ?? [])
          expect(cause).toMatch(/ended without a word|was killed|stopped by request/);
      }
    }
  },
);
