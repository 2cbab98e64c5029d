/** The Slurm executor on a real cluster of one node: the built program, real models, tasks cancelled at random. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { packTasks } from '../../src/sweeps/executors/packTasks.js';
import { sbatchOptions, slurmSettings } from '../../src/sweeps/slurmSettings.js';
import { IS_BUILT, outcomeOf, rowsOnDisk, runToEnd, startProgram, tinyFolder } from './program.js';
import { startTestCluster, type TestCluster } from './testCluster.js';

describe('packing', () => {
  it('makes tasks of similar length, as many as may run at once', () => {
    const seconds = [9, 8, 7, 6, 5, 4, 3, 2, 1];
    const tasks = packTasks(seconds, (one) => one, 15, 1);
    expect(tasks.map((task) => task.reduce((sum, one) => sum + one, 0))).toEqual([16, 15, 14]);
    expect(packTasks(seconds, (one) => one, 1e6, 4)).toHaveLength(4);
    expect(
      packTasks(seconds, (one) => one, 1, 1)
        .flat()
        .sort(),
    ).toEqual([...seconds].sort());
    expect(packTasks([], () => 1, 1, 4)).toEqual([]);
  });
});

describe('settings', () => {
  it('take flags over the file, and become options of sbatch', () => {
    const file = slurmSettings(undefined, ['partition=cpu', 'time=01:00:00', 'setup=module load a']);
    const settings = slurmSettings(file, ['partition=gpu', 'gpus=1', 'options=--constraint=zen4']);
    expect(settings).toMatchObject({ partition: 'gpu', time: '01:00:00', setup: ['module load a'] });
    expect(sbatchOptions(settings)).toEqual([
      '--partition=gpu',
      '--time=01:00:00',
      '--gpus=1',
      '--signal=B:TERM@60',
      '--constraint=zen4',
    ]);
  });

  it('name what is wrong with a flag', () => {
    expect(() => slurmSettings(undefined, ['partion=x'])).toThrow(
      /no "partion"\. Did you mean "partition"\?/,
    );
    expect(() => slurmSettings(undefined, ['tasksAtOnce=two'])).toThrow(UsageError);
    expect(() => slurmSettings(undefined, ['time=soon'])).toThrow(/time/);
  });
});

const cluster: TestCluster | string = IS_BUILT
  ? startTestCluster()
  : 'the program is not built (npm run build)';
if (typeof cluster === 'string') console.warn(`Slurm is not tested: ${cluster}`);

describe.skipIf(typeof cluster === 'string')('on a cluster', () => {
  const { env, stop } = cluster as TestCluster;
  const onSlurm = ['--executor', 'slurm', '--slurm', 'tasksAtOnce=2', '--slurm', 'pollSeconds=0.3'];
  let folder: string;
  beforeAll(() => {
    folder = tinyFolder([0, 1, 2, 3, 4, 5], 2.5e9);
  });
  afterAll(() => {
    stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const slurm = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
  const living = (): string[] =>
    slurm('squeue', '-h', '--array', '-t', 'running,pending', '-o', '%F_%K')
      .trim()
      .split('\n')
      .filter(Boolean);
  const start = (results: string, ...more: string[]) =>
    startProgram(folder, ['run', 'tiny.yaml', '--results', results, ...onSlurm, ...more], { env });

  it('a sweep whose tasks are cancelled at random ends as on one machine', { timeout: 120_000 }, async () => {
    await runToEnd(folder, 'local');
    const expected = outcomeOf(join(folder, 'local'));
    expect(expected).toHaveLength(12);
    const results = join(folder, 'cluster');

    // A runner that is killed leaves its jobs to the next one.
    const first = start('cluster');
    while (rowsOnDisk(results) === 0) await sleep(50);
    first.child.kill('SIGKILL');
    await first.exit;
    const orphaned = living();
    expect(orphaned.length, first.output()).toBeGreaterThan(0);

    // Ctrl-C reaches those jobs as well, and their checkpoints are written.
    const second = start('cluster', '--json');
    while (!second.output().includes(' tokens in all')) await sleep(50);
    await sleep(1500);
    second.child.kill('SIGINT');
    expect(await second.exit, second.output()).toBe(130);
    expect(living()).toEqual([]);
    const status = startProgram(folder, ['status', '--results', 'cluster', '--json'], { env });
    await status.exit;
    expect(status.output()).not.toContain('"status": "running"');

    const third = start('cluster');
    const progress = { ended: false };
    void third.exit.then(() => (progress.ended = true));
    let cancelled = 0;
    let most = 0;
    while (!progress.ended) {
      await sleep(1200);
      const tasks = living();
      most = Math.max(
        most,
        slurm('squeue', '-h', '--array', '-t', 'running', '-o', '%K').trim().split('\n').length,
      );
      const victim = tasks[Math.floor(Math.random() * tasks.length)];
      if (victim === undefined || cancelled === 2) continue;
      slurm('scancel', ...(cancelled % 2 === 0 ? [victim] : ['--full', '--signal=KILL', victim]));
      cancelled += 1;
    }
    expect(await third.exit, third.output()).toBe(0);
    expect(most).toBeLessThanOrEqual(2);
    expect(cancelled, third.output()).toBeGreaterThan(0);
    expect(outcomeOf(results)).toEqual(expected);
    expect(living()).toEqual([]);

    // The index, which no job has opened, has all of it.
    const query = startProgram(
      folder,
      [
        'query',
        'select count(*) as runs from runs where status = $$done$$'.replaceAll('$$', "'"),
        '--results',
        'cluster',
        '--json',
      ],
      { env },
    );
    await query.exit;
    expect(query.output()).toMatch(/"runs": ?12/);
    const again = start('cluster');
    expect(await again.exit).toBe(0);
    expect(again.output()).toContain('12 done already, 0 to do');
  });

  it('names why a job could not begin', { timeout: 60_000 }, async () => {
    const wrongPartition = start('refused', '--slurm', 'partition=nowhere');
    expect(await wrongPartition.exit).toBe(1);
    expect(wrongPartition.output()).toMatch(/can't go on: sbatch failed: .*invalid partition/s);
    const wrongSetup = start('refused', '--slurm', 'setup=module-of-mine load nodejs');
    expect(await wrongSetup.exit).toBe(1);
    expect(wrongSetup.output()).toMatch(/ended as FAILED; it last said: .*module-of-mine: command not found/);
    expect(existsSync(join(folder, 'refused', 'tiny', 'slurm'))).toBe(true);
    expect(
      readdirSync(join(folder, 'refused', 'tiny')).filter((name) => /^[0-9a-f]{16}$/.test(name)),
    ).toEqual([]);
  });
});
