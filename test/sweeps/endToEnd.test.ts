/**
 * The program itself, killed in every way: the built command trains real models on a small text, and a sweep that was
 * cut off again and again ends with the same rows and losses, bit for bit, as one that never was.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRuns, readSweepRecord } from '../../src/store/runDirectory.js';
import {
  IS_BUILT,
  outcomeOf,
  rowsOnDisk,
  runToEnd,
  startProgram,
  tinyFolder,
  type RunningProgram,
} from './program.js';

let folder: string;
beforeAll(() => {
  folder = tinyFolder([0, 1], 2.5e9);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (results: string, ...more: string[]): RunningProgram =>
  startProgram(folder, ['run', 'tiny.yaml', '--results', results, ...more]);
const outcome = (results: string) => outcomeOf(join(folder, results));
const stepsOnDisk = (results: string): number => rowsOnDisk(join(folder, results));

describe.skipIf(!IS_BUILT)('isoloss run (needs `npm run build`)', () => {
  it('ends with the same bits however often it is cut off', { timeout: 120_000 }, async () => {
    await runToEnd(folder, 'undisturbed');
    const expected = outcome('undisturbed');
    expect(expected).toHaveLength(4);
    for (const { status, rows, stepsDone } of expected) {
      expect(status).toBe('done');
      expect(rows.filter((row) => row.kind === 'train').map((row) => row.step)).toEqual(
        Array.from({ length: stepsDone }, (_, i) => i + 1),
      );
      expect(rows.filter((row) => row.kind === 'eval')).toHaveLength(2);
    }
    const sweep = readSweepRecord(join(folder, 'undisturbed'), 'tiny')!;
    expect(sweep.runs.map(({ runKey }) => runKey).sort()).toEqual(
      expected.map(({ runKey }) => runKey).sort(),
    );
    // Two architectures of one seed read the same tokens, so they differ by more than their seeds do at the start.
    expect(new Set(expected.map(({ final }) => final?.test.lossNats)).size).toBe(4);

    for (const [signal, pause] of [
      ['SIGKILL', 30],
      ['SIGKILL', 120],
      ['SIGINT', 60],
    ] as const) {
      const before = stepsOnDisk('disturbed');
      const { child, gone } = start('disturbed');
      while (stepsOnDisk('disturbed') <= before && child.exitCode === null) await sleep(5);
      await sleep(pause);
      child.kill(signal);
      await gone;
    }
    const [one, other] = [start('disturbed'), start('disturbed')];
    expect([await one.exit, await other.exit], one.output() + other.output()).toEqual([0, 0]);
    expect(outcome('disturbed')).toEqual(expected);
  });

  it('names what keeps a run from being trained, and ends the others', { timeout: 60_000 }, async () => {
    const [broken] = listRuns(join(folder, 'disturbed'), 'tiny');
    writeFileSync(join(broken!.directory, 'run.json'), '{ "half');
    const { exit, output } = start('disturbed', '--json');
    expect(await exit, output()).toBe(1);
    expect(output()).toContain('run.json is not JSON');
    expect(output()).toContain('Remove the run directory to train this run again');
    expect(output()).toContain('"done": 3');
    expect(readFileSync(join(broken!.directory, 'run.json'), 'utf8')).toBe('{ "half');
  });

  it('trains nothing a second time, and says how a sweep file is wrong', { timeout: 60_000 }, async () => {
    const again = start('undisturbed', '--json');
    expect(await again.exit, again.output()).toBe(0);
    expect(again.output()).toContain('4 done already, 0 to do');
    const plan = start('undisturbed', '--dry-run', '--json');
    expect(await plan.exit).toBe(0);
    const planned = JSON.parse(plan.output().slice(plan.output().indexOf('{'))) as {
      runs: { status: string; flops: number; steps: number; budgetFlops: number }[];
    };
    for (const { status, flops, steps, budgetFlops } of planned.runs) {
      expect(status).toBe('done');
      expect(Math.abs(flops - budgetFlops)).toBeLessThanOrEqual(flops / steps / 2);
    }
    const tiny = readFileSync(join(folder, 'tiny.yaml'), 'utf8');
    writeFileSync(
      join(folder, 'wrong.yaml'),
      tiny.replace('name: tiny', 'name: wrong').replace('primer-ez', 'primer-es'),
    );
    const wrong = startProgram(folder, ['plan', 'wrong.yaml']);
    expect(await wrong.exit).toBe(2);
    expect(wrong.output()).toMatch(
      /wrong\.yaml:12:34 {2}cells\[0\]\.architectures\[1\]: there is no architecture "primer-es"\. Did you mean "primer-ez"\?/,
    );
  });
});
