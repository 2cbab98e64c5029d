/** The worker loop within one process: what is claimed, gone on with, and never done twice, whatever goes wrong. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readLock } from '../../src/store/lock.js';
import { hasEnded, type RunRecord } from '../../src/store/record.js';
import { findRun, writeRunRecord } from '../../src/store/runDirectory.js';
import type { Executor, RunTask, TaskOutcome } from '../../src/sweeps/executor.js';
import type { FromWorker, ToWorker } from '../../src/sweeps/messages.js';
import { schedule } from '../../src/sweeps/scheduler.js';
import { EnvironmentError, serveRuns, type Trainer } from '../../src/sweeps/workerLoop.js';
import { finishedRecord } from './finished.js';
import { makeTask } from './tasks.js';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function newResults(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-loop-'));
  folders.push(folder);
  return folder;
}

/** A worker of this process: sends it a task, and gives what it says in the end. */
function worker(train: Trainer) {
  let tell: (message: ToWorker) => void = () => undefined;
  let heard: (message: FromWorker) => void = () => undefined;
  serveRuns(
    {
      send: (message) => heard(message),
      onMessage: (listener) => {
        tell = listener;
      },
    },
    train,
  );
  return {
    stop: () => tell({ kind: 'stop' }),
    run: (task: RunTask) =>
      new Promise<FromWorker>((resolve) => {
        heard = (message) => {
          if (message.kind !== 'progress' && message.kind !== 'ready') resolve(message);
        };
        tell({ kind: 'run', task });
      }),
  };
}

const finishing: Trainer = ({ record, directory }) => {
  const final = finishedRecord(record, 4);
  writeRunRecord(directory, final);
  return Promise.resolve(final);
};

describe('a worker', () => {
  it('trains a run in its directory and gives the lock back', async () => {
    const results = newResults();
    const task = makeTask(1, results);
    const said = await worker(finishing).run(task);
    expect(said.kind).toBe('ended');
    const found = findRun(results, task.runKey)!;
    expect(found.found.directory).toBe(join(results, 'fake', task.runKey));
    expect(readLock(found.found.directory)).toBeNull();
  });

  it('does not train what has ended under another sweep', async () => {
    const results = newResults();
    await worker(finishing).run(makeTask(1, results, 40, 'other'));
    const never: Trainer = () => Promise.reject(new Error('trained again'));
    const said = await worker(never).run(makeTask(1, results));
    expect(said).toMatchObject({ kind: 'ended', record: { sweep: 'other', status: 'done' } });
    expect(existsSync(join(results, 'fake'))).toBe(false);
  });

  it('writes nothing more once another has taken its run over, which it sees after a call that took long', async () => {
    const results = newResults();
    const taken: Trainer = (options) => {
      rmSync(join(options.directory, 'run.lock'));
      const later = performance.now() + 3000;
      const clock = vi.spyOn(performance, 'now').mockReturnValue(later);
      try {
        options.requireHeld();
      } finally {
        clock.mockRestore();
      }
      return finishing(options);
    };
    const task = makeTask(1, results);
    const said = await worker(taken).run(task);
    expect(said).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('took this run over') as string,
    });
    expect(findRun(results, task.runKey)).toBeNull();
  });

  it('leaves a run alone that another one has claimed', async () => {
    const results = newResults();
    let release: (() => void) | undefined;
    const slow: Trainer = async (options) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return finishing(options);
    };
    const first = worker(slow).run(makeTask(1, results));
    while (release === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await worker(finishing).run(makeTask(1, results))).toMatchObject({ kind: 'busy' });
    expect(await worker(finishing).run(makeTask(1, results, 40, 'other'))).toMatchObject({ kind: 'busy' });
    expect(existsSync(join(results, 'other', makeTask(1, results).runKey))).toBe(false);
    release();
    expect((await first).kind).toBe('ended');
  });

  it('says what went wrong, and whether it would for every run', async () => {
    const failing = (error: Error): Promise<FromWorker> =>
      worker(() => Promise.reject(error)).run(makeTask(1, newResults()));
    expect(await failing(new Error('no such layer'))).toMatchObject({
      kind: 'error',
      message: 'no such layer',
      environment: false,
    });
    expect(await failing(new EnvironmentError('the text has changed'))).toMatchObject({ environment: true });
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    expect(await failing(full)).toMatchObject({ kind: 'error', environment: true });
  });

  it('is told to stop while it trains', async () => {
    const results = newResults();
    const task = makeTask(1, results);
    const patient: Trainer = async ({ record, shouldStop }) => {
      while (!shouldStop()) await new Promise((resolve) => setTimeout(resolve, 1));
      return { ...record, status: 'interrupted' };
    };
    const one = worker(patient);
    const said = one.run(task);
    one.stop();
    expect(await said).toEqual({ kind: 'stopped' });
  });
});

/** Each step adds its number: the sum is right only if every step was done once after its predecessor. */
function summingTrainer(crashAt: (runKey: string, step: number) => boolean, finished: string[]): Trainer {
  return async ({ task, record, directory, shouldStop }) => {
    const path = join(directory, 'checkpoint.json');
    let { step, sum } = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as { step: number; sum: number })
      : { step: 0, sum: 0 };
    writeRunRecord(directory, { ...record, status: 'running', stepsDone: step });
    while (step < record.setup.steps) {
      if (shouldStop()) return { ...record, status: 'interrupted' } satisfies RunRecord;
      await new Promise((resolve) => setImmediate(resolve));
      sum += ++step;
      writeFileSync(path, JSON.stringify({ step, sum }));
      if (crashAt(task.runKey, step)) throw new Error(`crashed at step ${step}`);
    }
    finished.push(task.runKey);
    const final = finishedRecord(record, sum);
    writeRunRecord(directory, final);
    return final;
  };
}

function loopExecutor(count: number, train: Trainer): Executor {
  const idle = Array.from({ length: count }, () => worker(train));
  return {
    capacity: count,
    run: async (task): Promise<TaskOutcome> => {
      const one = idle.pop()!;
      const said = await one.run(task);
      idle.push(one);
      if (said.kind === 'error')
        return { kind: 'crashed', cause: said.message, environment: said.environment };
      if (said.kind === 'ended' || said.kind === 'stopped' || said.kind === 'busy') return said;
      throw new Error(`a worker said ${said.kind}`);
    },
    stop: () => undefined,
    close: () => Promise.resolve(),
  };
}

describe('runners that share results', () => {
  it(
    'end every run once and soundly, whatever crashes and whichever sweep they run it for',
    { timeout: 30_000 },
    async () => {
      const steps = 6;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 }), {
            minLength: 1,
            maxLength: 3,
          }),
          fc.integer({ min: 1, max: 3 }),
          fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: steps })), {
            maxLength: 4,
          }),
          async (runners, workers, crashes) => {
            const results = newResults();
            const finished: string[] = [];
            // A crash that is met once a run: with two attempts for each runner, every run ends.
            const pending = new Map(crashes.map(([run, step]) => [makeTask(run, results).runKey, step]));
            const train = summingTrainer(
              (runKey, step) => pending.get(runKey) === step && pending.delete(runKey),
              finished,
            );
            await Promise.all(
              runners.map((wanted, i) =>
                schedule({
                  tasks: [...new Set(wanted)].map((run) => makeTask(run, results, steps, `sweep${i}`)),
                  executor: loopExecutor(workers, train),
                  findEnded: (runKey) => {
                    const record = findRun(results, runKey)?.record;
                    return record !== undefined && hasEnded(record) ? record : null;
                  },
                  recordCause: (task, status, cause) =>
                    status === 'failed'
                      ? Promise.reject(new Error(`${task.label}: ${cause}`))
                      : Promise.resolve(),
                  onEvent: () => undefined,
                  stopAfterCall: new AbortController().signal,
                  stopNow: new AbortController().signal,
                  pollSeconds: 0.004,
                }),
              ),
            );
            const wanted = [...new Set(runners.flat())].map((run) => makeTask(run, results).runKey).sort();
            expect([...finished].sort()).toEqual(wanted);
            for (const runKey of wanted) {
              expect(findRun(results, runKey)!.record.final?.test.lossNats).toBe((steps * (steps + 1)) / 2);
            }
          },
        ),
        { numRuns: 15 },
      );
    },
  );
});
