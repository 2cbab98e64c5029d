/** Real processes, real locks, a made-up trainer: crashes, stops, killed runners, two runners at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLock } from '../../src/store/lock.js';
import { findRun, listRuns } from '../../src/store/runDirectory.js';
import type { RunTask } from '../../src/sweeps/executor.js';
import type { ScheduleResult, SweepEvent } from '../../src/sweeps/scheduler.js';
import { expectedLoss } from './fakeTrainer.js';
import { JITI, runTasks } from './runTasks.js';
import { makeTask } from './tasks.js';

let resultsDir: string;
beforeEach(() => {
  resultsDir = mkdtempSync(join(tmpdir(), 'isoloss-local-'));
});
afterEach(() => rmSync(resultsDir, { recursive: true, force: true }));

function withMishap(index: number, mishap: string): RunTask {
  const task = makeTask(index, resultsDir);
  return { ...task, record: { ...task.record, keyParts: { mishap } } };
}

/** Every run has ended, exactly once, with the loss of an undisturbed run, and no lock is left. */
function expectAllSound(count: number, steps = 40): void {
  for (let i = 0; i < count; i++) {
    const task = makeTask(i, resultsDir, steps);
    const found = findRun(resultsDir, task.runKey);
    expect(found?.record.status).toBe('done');
    expect(found?.record.final?.test.lossNats).toBe(expectedLoss(task.record));
    expect(readLock(found!.found.directory)).toBeNull();
  }
  const finished = readFileSync(join(resultsDir, 'finished.log'), 'utf8').trim().split('\n');
  expect(finished.map((line) => line.split(' ')[0]).sort()).toEqual(
    Array.from({ length: count }, (_, i) => makeTask(i, resultsDir).runKey),
  );
}

function startRunner(count: number, steps: number): ChildProcess {
  const script = fileURLToPath(new URL('./fakeRunner.ts', import.meta.url));
  return spawn(process.execPath, [...JITI, script, resultsDir, String(count), String(steps)], {
    stdio: 'inherit',
  });
}

/** Steps that the checkpoints of all runs hold. */
function stepsOnDisk(): number {
  return listRuns(resultsDir, 'fake').reduce((sum, { directory }) => {
    const path = join(directory, 'checkpoint.json');
    return sum + (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { step: number }).step : 0);
  }, 0);
}

const exited = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => child.once('exit', () => resolve()));

describe('workers on this machine', () => {
  it('train runs in processes of their own', async () => {
    const result = await runTasks(resultsDir, 5);
    expect(result.ended.size).toBe(5);
    expectAllSound(5);
    const pids = readFileSync(join(resultsDir, 'finished.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[1]);
    expect(new Set(pids).size).toBe(2);
  });

  it('are bound to a GPU each, and so are those that replace one that died', async () => {
    const list = Array.from({ length: 8 }, (_, i) =>
      i < 2 ? withMishap(i, 'kill') : makeTask(i, resultsDir),
    );
    const result = await runTasks(resultsDir, list, 40, {}, 2, ['GPU-a', 'GPU-b']);
    expect(result.ended.size).toBe(8);
    const lines = readFileSync(join(resultsDir, 'finished.log'), 'utf8').trim().split('\n');
    const deviceOf = new Map(lines.map((line) => [line.split(' ')[1], line.split(' ')[2]]));
    expect([...deviceOf.values()].sort()).toEqual(['GPU-a', 'GPU-b']);
    expect(lines.every((line) => deviceOf.get(line.split(' ')[1]) === line.split(' ')[2])).toBe(true);
  });

  it('are replaced when they die, name the cause, and the run goes on from its checkpoint', async () => {
    const events: SweepEvent[] = [];
    const list = ['kill', 'exit', 'abort', 'throw'].map((kind, i) => withMishap(i, kind));
    const result = await runTasks(resultsDir, list, 40, { onEvent: (event) => events.push(event) });
    expect(result.ended.size).toBe(4);
    expectAllSound(4);
    const causes = Object.fromEntries(
      events.flatMap((event) => (event.kind === 'retrying' ? [[event.task.label, event.cause]] : [])),
    );
    expect(causes['run 0']).toMatch(
      /was killed with SIGKILL, most likely since memory ran out; fewer workers/,
    );
    expect(causes['run 1']).toBe('the worker process ended with code 3; it last said: the library gave up');
    expect(causes['run 2']).toMatch(/ended by SIGABRT/);
    expect(causes['run 3']).toBe('the loss function is missing');
  });

  it('fail a run that dies twice, stop the sweep where the disk is full', async () => {
    const failing = await runTasks(resultsDir, [withMishap(0, 'exit-always'), makeTask(1, resultsDir)]);
    expect(failing.failed.map(({ task }) => task.label)).toEqual(['run 0']);
    expect(failing.ended.size).toBe(1);
    const full = await runTasks(
      resultsDir,
      [withMishap(2, 'full-disk'), makeTask(3, resultsDir), makeTask(4, resultsDir)],
      40,
      {},
      1,
    );
    expect(full.halted).toBe(
      'the disk that holds the results is full (ENOSPC: no space left on device, write)',
    );
    expect(full.ended.size).toBe(0);
    expect(full.left).toHaveLength(3);
  });

  it.each(['afterCall', 'now'] as const)(
    'stopped (%s) they leave runs that go on to the same loss',
    async (mode) => {
      const stop = new AbortController();
      const changes = mode === 'afterCall' ? { stopAfterCall: stop.signal } : { stopNow: stop.signal };
      const begun = new Set<RunTask>();
      const onEvent = (event: SweepEvent): void => {
        if (event.kind === 'progress') begun.add(event.task);
        if (begun.size === 2) stop.abort();
      };
      const stopped = await runTasks(resultsDir, 4, 400, { ...changes, onEvent });
      expect(stopped.left.length).toBeGreaterThan(0);
      expect(stopped.failed).toEqual([]);
      // A run may have ended before the other worker had loaded.
      const status = listRuns(resultsDir, 'fake').map(
        ({ runKey }) => findRun(resultsDir, runKey)?.record.status,
      );
      expect(status.filter((each) => each !== 'done')).toContain(
        mode === 'afterCall' ? 'interrupted' : 'running',
      );
      expect(status).not.toContain(mode === 'afterCall' ? 'running' : 'interrupted');
      const result = await runTasks(resultsDir, 4, 400);
      expect(result.ended.size).toBe(4);
      expectAllSound(4, 400);
    },
  );

  it('end with their runner, killed at any moment, and the next runner ends with the same losses', async () => {
    for (const pause of [10, 60, 150]) {
      const before = stepsOnDisk();
      const runner = startRunner(6, 400);
      while (stepsOnDisk() <= before) await sleep(5);
      await sleep(pause);
      runner.kill('SIGKILL');
      await exited(runner);
    }
    // Locks of workers that have just been orphaned are waited for, not stolen from the living.
    await runTasks(resultsDir, 6, 400);
    expectAllSound(6, 400);
  });

  it('of two runners on the same sweep train no run twice', async () => {
    const runner = startRunner(8, 160);
    const other = exited(runner);
    const result: ScheduleResult = await runTasks(resultsDir, 8, 160);
    await other;
    expect(result.ended.size).toBe(8);
    expectAllSound(8, 160);
  });

  it('go on where the run was begun under another sweep, and leave no empty directory', async () => {
    const elsewhere = makeTask(0, resultsDir, 400, 'other');
    const stop = new AbortController();
    await runTasks(resultsDir, [elsewhere], 400, {
      stopAfterCall: stop.signal,
      onEvent: (event) => event.kind === 'progress' && stop.abort(),
    });
    await runTasks(resultsDir, 1, 400);
    expectAllSound(1, 400);
    expect(findRun(resultsDir, elsewhere.runKey)?.found.sweep).toBe('other');
    expect(existsSync(join(resultsDir, 'fake', elsewhere.runKey))).toBe(false);
  });
});
