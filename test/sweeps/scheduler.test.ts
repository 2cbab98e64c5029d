/** The scheduler over executors that misbehave in every way they can. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/store/record.js';
import type { Executor, RunProgress, RunTask, TaskOutcome } from '../../src/sweeps/executor.js';
import { schedule, type ScheduleOptions, type SweepEvent } from '../../src/sweeps/scheduler.js';
import { finishedRecord } from './finished.js';
import { makeTask } from './tasks.js';

const tasks = (count: number): RunTask[] => Array.from({ length: count }, (_, i) => makeTask(i, '/nowhere'));
const done = (task: RunTask): TaskOutcome => ({ kind: 'ended', record: finishedRecord(task.record, 4) });
const crash = (cause: string, environment = false): TaskOutcome => ({ kind: 'crashed', cause, environment });

/** An executor that asks `behave` what becomes of each attempt, and keeps count of what is under way. */
function fakeExecutor(
  capacity: number,
  behave: (
    task: RunTask,
    attempt: number,
    onProgress: (progress: RunProgress) => void,
  ) => Promise<TaskOutcome> | TaskOutcome,
) {
  const attempts = new Map<string, number>();
  const stops: string[] = [];
  const begun: string[] = [];
  let underWay = 0;
  let most = 0;
  const executor: Executor = {
    capacity,
    run: async (task, onProgress) => {
      const attempt = (attempts.get(task.runKey) ?? 0) + 1;
      attempts.set(task.runKey, attempt);
      begun.push(task.label);
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      const outcome = await behave(task, attempt, onProgress);
      underWay--;
      return outcome;
    },
    stop: (mode) => stops.push(mode),
    close: () => Promise.resolve(),
  };
  return { executor, attempts, stops, begun, most: () => most };
}

function options(
  list: readonly RunTask[],
  executor: Executor,
  changes: Partial<ScheduleOptions> = {},
): ScheduleOptions & { events: SweepEvent[]; failures: string[]; interruptions: string[] } {
  const events: SweepEvent[] = [];
  const failures: string[] = [];
  const interruptions: string[] = [];
  return {
    tasks: list,
    executor,
    findEnded: () => null,
    recordCause: (task, status, cause) => {
      (status === 'failed' ? failures : interruptions).push(`${task.label}: ${cause}`);
      return Promise.resolve();
    },
    onEvent: (event) => events.push(event),
    stopAfterCall: new AbortController().signal,
    stopNow: new AbortController().signal,
    pollSeconds: 0.005,
    events,
    failures,
    interruptions,
    ...changes,
  };
}

describe('schedule', () => {
  it('runs everything once, in order, as many at once as there is room for', async () => {
    const fake = fakeExecutor(3, done);
    const result = await schedule(options(tasks(8), fake.executor));
    expect(result.ended.size).toBe(8);
    expect(fake.begun).toEqual(tasks(8).map((task) => task.label));
    expect(fake.most()).toBe(3);
  });

  it('does not train again what has ended', async () => {
    const list = tasks(3);
    const fake = fakeExecutor(2, done);
    const known = finishedRecord(list[1]!.record, 3);
    const opts = options(list, fake.executor, {
      findEnded: (key) => (key === list[1]!.runKey ? known : null),
    });
    const result = await schedule(opts);
    expect(fake.begun).toEqual(['run 0', 'run 2']);
    expect(result.ended.get(list[1]!.runKey)).toBe(known);
    expect(opts.events.filter((event) => event.kind === 'ended' && event.reused)).toHaveLength(1);
  });

  it('begins a run of a trunk when the next shorter one has ended, or failed', async () => {
    const list = tasks(5).map((task, i) =>
      i === 0
        ? task
        : {
            ...task,
            trunkRuns: tasks(i)
              .map(({ runKey }) => runKey)
              .reverse(),
          },
    );
    const alone = makeTask(9, '/nowhere');
    const fake = fakeExecutor(3, (task) => (task.label === 'run 2' ? crash('no reason') : done(task)));
    const result = await schedule(options([...list.toReversed(), alone], fake.executor));
    expect(fake.begun).toEqual(['run 0', 'run 9', 'run 1', 'run 2', 'run 2', 'run 3', 'run 4']);
    expect(result.ended.size).toBe(5);
    expect(result.left).toEqual([]);
  });

  it('tries a crashed run once more, then calls it failed and goes on with the rest', async () => {
    const fake = fakeExecutor(1, (task, attempt) => {
      if (task.label === 'run 0') return crash(`attempt ${attempt}`);
      if (task.label === 'run 1' && attempt === 1) return crash('once');
      return done(task);
    });
    const opts = options(tasks(3), fake.executor);
    const result = await schedule(opts);
    expect(fake.begun).toEqual(['run 0', 'run 0', 'run 1', 'run 1', 'run 2']);
    expect(opts.failures).toEqual(['run 0: attempt 2']);
    expect(opts.interruptions).toEqual(['run 0: attempt 1', 'run 1: once']);
    expect(result.failed.map(({ task, cause }) => [task.label, cause])).toEqual([['run 0', 'attempt 2']]);
    expect([...result.ended.keys()]).toHaveLength(2);
    expect(result.left).toEqual([]);
  });

  it('tries one that crashes again and again as long as each attempt gets further', async () => {
    const fake = fakeExecutor(1, (_, attempt, onProgress) => {
      const stepsDone = [8, 16, 24, 24, 32][attempt - 1]!;
      onProgress({ stepsDone, steps: 40, lossNats: 4, tokensPerSecond: 1 });
      return crash(`attempt ${attempt}`);
    });
    const opts = options(tasks(1), fake.executor);
    await schedule(opts);
    expect(opts.failures).toEqual(['run 0: attempt 4']);
    expect(opts.interruptions).toHaveLength(3);
  });

  it('stops the sweep where the next run would fail for the same reason', async () => {
    const fake = fakeExecutor(1, (task) =>
      task.label === 'run 1' ? crash('no space left on device', true) : done(task),
    );
    const opts = options(tasks(4), fake.executor);
    const result = await schedule(opts);
    expect(result.halted).toBe('no space left on device');
    expect(fake.begun).toEqual(['run 0', 'run 1']);
    expect(fake.stops).toEqual(['afterCall']);
    expect(opts.failures).toEqual([]);
    expect(opts.interruptions).toEqual(['run 1: no space left on device']);
    expect(result.left.map((task) => task.label)).toEqual(['run 1', 'run 2', 'run 3']);
  });

  it('leaves a run that another process trains to it, and takes it over when that process is gone', async () => {
    const list = tasks(2);
    let ended: RunRecord | null = null;
    const fake = fakeExecutor(2, (task, attempt) => {
      if (task.label === 'run 0') {
        if (attempt === 3) ended = finishedRecord(task.record, 5);
        return { kind: 'busy', reason: 'process 7 holds it' };
      }
      return attempt < 3 ? { kind: 'busy', reason: 'process 8 holds it' } : done(task);
    });
    const result = await schedule(
      options(list, fake.executor, { findEnded: (key) => (key === list[0]!.runKey ? ended : null) }),
    );
    expect(result.ended.get(list[0]!.runKey)).toBe(ended);
    expect(fake.attempts.get(list[0]!.runKey)).toBe(3);
    expect(result.ended.has(list[1]!.runKey)).toBe(true);
  });

  it('begins nothing after a stop, waits for what is under way, and tells it when to drop everything', async () => {
    const afterCall = new AbortController();
    const now = new AbortController();
    let finish: (() => void) | null = null;
    const fake = fakeExecutor(1, (task) => {
      if (task.label !== 'run 1') return done(task);
      afterCall.abort();
      return new Promise((resolve) => {
        finish = () => resolve({ kind: 'stopped' });
      });
    });
    const opts = options(tasks(4), fake.executor, { stopAfterCall: afterCall.signal, stopNow: now.signal });
    const running = schedule(opts);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fake.stops).toEqual(['afterCall']);
    now.abort();
    expect(fake.stops).toEqual(['afterCall', 'now']);
    finish!();
    const result = await running;
    expect(fake.begun).toEqual(['run 0', 'run 1']);
    expect(result.left.map((task) => task.label)).toEqual(['run 1', 'run 2', 'run 3']);
    expect(result.failed).toEqual([]);
  });

  it('does not count against a run what happens to it while the sweep is stopped', async () => {
    const stop = new AbortController();
    const fake = fakeExecutor(2, (task) => {
      stop.abort();
      return crash(`${task.label} was ended by SIGINT`);
    });
    const opts = options(tasks(2), fake.executor, { stopAfterCall: stop.signal });
    const result = await schedule(opts);
    expect(result.left).toHaveLength(2);
    expect(opts.failures).toEqual([]);
    expect(opts.events.filter((event) => event.kind === 'retrying')).toEqual([]);
  });

  it('gets every run to one of its ends, whatever the attempts come to', async () => {
    const outcome = fc.constantFrom('done', 'crash', 'busy', 'stopped' as const);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(outcome, { maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (scripts, capacity) => {
          const list = tasks(scripts.length);
          const finishes = new Map<string, number>();
          const fake = fakeExecutor(capacity, (task, attempt) => {
            switch (scripts[Number(task.label.slice(4))]![attempt - 1] ?? 'done') {
              case 'crash':
                return crash('crash');
              case 'busy':
                return { kind: 'busy', reason: 'held' };
              case 'stopped':
                return { kind: 'stopped' };
              default:
                finishes.set(task.runKey, (finishes.get(task.runKey) ?? 0) + 1);
                return done(task);
            }
          });
          const opts = options(list, fake.executor, { pollSeconds: 0.0005 });
          const result = await schedule(opts);
          const failed = result.failed.map(({ task }) => task.runKey);
          expect([...result.ended.keys(), ...failed].sort()).toEqual(list.map((task) => task.runKey));
          for (const count of finishes.values()) expect(count).toBe(1);
          for (const [i, script] of scripts.entries()) {
            // Two attempts that crash, or are stopped from outside, before one that ends: failed.
            const upToEnd = script.includes('done') ? script.slice(0, script.indexOf('done')) : script;
            const lost = upToEnd.filter((kind) => kind === 'crash' || kind === 'stopped').length;
            expect(failed.includes(list[i]!.runKey)).toBe(lost >= 2);
          }
          expect(fake.most()).toBeLessThanOrEqual(capacity);
          expect(opts.failures).toHaveLength(failed.length);
        },
      ),
      { numRuns: 100 },
    );
  });
});
