/** The Slurm executor on a real cluster of one node: the built program, real models, tasks cancelled at random. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { packTasks } from '../../src/sweeps/executors/packTasks.js';
import { sbatchOptions, slurmSettings } from '../../src/sweeps/slurmSettings.js';
import { randomNumbers } from './disturbances.js';
import { IS_BUILT, outcomeOf, rowsOnDisk, runToEnd, startProgram, tinyFolder, tinySweep } from './program.js';
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
  const { env, isOwn, stop } = cluster as TestCluster;
  const onSlurm = ['--executor', 'slurm', '--slurm', 'tasksAtOnce=2', '--slurm', 'pollSeconds=0.3'];
  let folder: string;
  beforeAll(() => {
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    folder = tinyFolder(seeds, 1.5e9, 'checkpointSeconds: 0.1\n');
  });
  afterAll(() => {
    stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const slurm = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
  /** Tasks in the queue as `JOB_INDEX`. */
  const tasks = (states: string): string[] =>
    slurm('squeue', '-h', '--array', '-t', states, '-o', '%F_%K').trim().split('\n').filter(Boolean);
  const living = (): string[] => tasks('running,pending');
  const start = (results: string, ...more: string[]) =>
    startProgram(folder, ['run', 'tiny.yaml', '--results', results, ...onSlurm, ...more], { env });
  const output = async (...args: string[]): Promise<string> => {
    const program = startProgram(folder, args, { env });
    await program.exit;
    return program.output();
  };

  /** What users, administrators and other jobs do to a task. */
  const disturbances: Readonly<Record<string, (task: string) => void>> = {
    cancelled: (task) => slurm('scancel', task),
    killed: (task) => slurm('scancel', '--full', '--signal=KILL', task),
    warned: (task) => slurm('scancel', '--batch', '--signal=TERM', task),
    requeued: (task) => slurm('scontrol', 'requeue', task),
    ...(isOwn && {
      preempted: () =>
        slurm('sbatch', '--partition=urgent', '--output=/dev/null', '--cpus-per-task=1', '--wrap=sleep 0.5'),
    }),
  };
  /** Slurm lets a job that it has put back wait for two minutes. */
  const releaseRequeued = (): void => {
    for (const line of slurm('squeue', '-h', '--array', '-t', 'pending', '-o', '%F_%K %r').split('\n'))
      if (line.endsWith('BeginTime'))
        tryTo('scontrol', 'update', `JobId=${line.split(' ')[0]!}`, 'StartTime=now');
  };
  /** The task may have ended in the meantime. */
  const tryTo = (command: string, ...args: string[]): boolean => {
    try {
      slurm(command, ...args);
      return true;
    } catch {
      return false;
    }
  };

  it('40 runs whose tasks are cut off at random end as on one machine', { timeout: 300_000 }, async () => {
    await runToEnd(folder, 'local');
    const expected = outcomeOf(join(folder, 'local'));
    expect(expected).toHaveLength(40);
    const results = join(folder, 'cluster');

    // A runner that is killed leaves its jobs to the next one.
    const first = start('cluster');
    while (rowsOnDisk(results) === 0) await sleep(50);
    first.child.kill('SIGKILL');
    await first.exit;
    const orphaned = living();
    expect(orphaned.length, first.output()).toBeGreaterThan(0);
    expect(await output('status', '--results', 'cluster')).toMatch(
      /tiny: tasks in Slurm's queue: \d running/,
    );

    // Ctrl-C reaches those jobs as well, and their checkpoints are written.
    const second = start('cluster', '--json');
    while (!second.output().includes(' tokens in all')) await sleep(50);
    await sleep(300);
    second.child.kill('SIGINT');
    expect(await second.exit, second.output()).toBe(130);
    expect(living()).toEqual([]);
    expect(await output('status', '--results', 'cluster', '--json')).not.toContain('"status": "running"');

    const seed = Number(process.env['ISOLOSS_SEED'] ?? Math.floor(Math.random() * 1e6));
    const random = randomNumbers(seed);
    const story = [`ISOLOSS_SEED=${seed}`];
    const third = start('cluster');
    const progress = { ended: false };
    void third.exit.then(() => (progress.ended = true));
    const kinds = Object.keys(disturbances).sort(() => random() - 0.5);
    let most = 0;
    while (!progress.ended) {
      await sleep(300 + 600 * random());
      const running = tasks('running');
      most = Math.max(most, running.filter((task) => !task.endsWith('N/A')).length);
      const victim = running[Math.floor(random() * running.length)];
      releaseRequeued();
      if (victim === undefined || kinds.length === 0) continue;
      const kind = kinds.shift()!;
      try {
        disturbances[kind]!(victim);
        story.push(kind);
      } catch {
        // The task has ended in the meantime.
      }
    }
    const told = `${story.join(', ')}\n${third.output()}`;
    expect(await third.exit, told).toBe(0);
    expect(most).toBeLessThanOrEqual(2);
    expect(story.length, told).toBeGreaterThan(1);
    expect(outcomeOf(results), told).toEqual(expected);
    expect(living()).toEqual([]);

    // The index, which no job has opened, has all of it, once.
    const sql = "select count(*) as runs, sum(status = 'done') as done from runs";
    expect(JSON.parse(await output('query', sql, '--results', 'cluster', '--json'))).toEqual([
      { runs: 40, done: 40 },
    ]);
    expect(await output('run', 'tiny.yaml', '--results', 'cluster', ...onSlurm)).toContain(
      '40 done already, 0 to do',
    );
  });

  it('jobs have the environment that was asked for', { timeout: 60_000 }, async () => {
    const seen = join(folder, 'seen');
    const lines = [
      'tasksAtOnce=1',
      'time=5',
      'setup=export FROM_SETUP=yes',
      `setup=printenv FROM_SETUP SLURM_CPUS_PER_TASK SLURM_JOB_NAME CUDA_VISIBLE_DEVICES > ${seen} || true`,
      `container=env IN_CONTAINER=yes bash -c 'echo $IN_CONTAINER >> ${seen}; exec "$@"' container`,
      ...(isOwn ? ['gpus=1'] : []),
    ];
    const sweep = tinySweep(folder, 'one', [0], 1e8);
    const run = await output(
      'run',
      sweep,
      '--results',
      'one',
      ...onSlurm,
      ...lines.flatMap((line) => ['--slurm', line]),
    );
    expect(run).toContain('2 runs are done');
    expect(readFileSync(seen, 'utf8')).toMatch(
      isOwn ? /^yes\n1\nisoloss-one\n[01]\nyes\n$/ : /^yes\n1\nisoloss-one\n/,
    );
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
