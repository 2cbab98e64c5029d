/** `isoloss retry` and `isoloss gc`: what they change, what they free, and what they never touch. */
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../src/store/gc.js';
import { acquireLock } from '../../src/store/lock.js';
import type { RunRecord } from '../../src/store/record.js';
import { readRunRecord, runDirectory, writeRunRecord } from '../../src/store/runDirectory.js';
import { retryRuns } from '../../src/sweeps/retry.js';
import { makeTask } from './tasks.js';

let results: string;
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'isoloss-gc-'));
});
afterEach(() => rmSync(results, { recursive: true }));

function put(index: number, changes: Partial<RunRecord>): string {
  const { record, runKey } = makeTask(index, results);
  const directory = runDirectory(results, 'fake', runKey);
  writeRunRecord(directory, { ...record, ...changes });
  return directory;
}

/** A checkpoint of 1000 bytes with its previous one. */
function checkpoints(directory: string): void {
  writeFileSync(join(directory, 'checkpoint.safetensors'), Buffer.alloc(1000));
  writeFileSync(join(directory, 'checkpoint.safetensors.previous'), Buffer.alloc(500));
}

/** Pid 2^22 is above Linux's largest. */
const deadLock = (holder: object): string =>
  `${JSON.stringify({ ...holder, token: '0123456789abcdef', pid: 4194304, processStart: '1' })}\n`;

describe('retry', () => {
  it('makes failed runs planned again, and no others', async () => {
    const failed = put(1, { status: 'failed', cause: 'the worker process was ended by SIGSEGV' });
    const diverged = put(2, { status: 'diverged', cause: 'the loss is not finite' });
    writeFileSync(join(failed, 'metrics.jsonl'), '');
    expect(await retryRuns(results, [])).toEqual([
      {
        runKey: makeTask(1, results).runKey,
        arch: 'transformer',
        cause: 'the worker process was ended by SIGSEGV',
        leftAlone: null,
        damaged: false,
      },
    ]);
    expect(readRunRecord(failed)).toMatchObject({ status: 'planned', cause: null });
    expect(readRunRecord(diverged)?.status).toBe('diverged');
    expect(existsSync(join(failed, 'run.lock'))).toBe(false);
    expect(await retryRuns(results, [])).toEqual([]);
  });

  it('takes run keys, refuses those that have not failed, and leaves what another process works on', async () => {
    const failed = put(0xabcd, { status: 'failed', cause: 'x' });
    put(2, { status: 'diverged', cause: 'the loss is not finite' });
    const key = (index: number): string => makeTask(index, results).runKey;
    await expect(retryRuns(results, [key(2)])).rejects.toThrow(/is diverged: that is a result/);
    await expect(retryRuns(results, ['ffffffff'])).rejects.toThrow(/There is no run ffffffff/);
    await expect(retryRuns(results, ['0000'])).rejects.toThrow(/0000 fits 2 runs/);
    await expect(retryRuns(results, ['quik'])).rejects.toThrow(/no sweep "quik"/);
    const claim = await acquireLock(failed);
    expect((await retryRuns(results, [key(0xabcd)]))[0]?.leftAlone).toMatch(/holds it/);
    expect(readRunRecord(failed)?.status).toBe('failed');
    if (claim.acquired) claim.lock.release();
    expect((await retryRuns(results, [key(0xabcd)]))[0]?.leftAlone).toBeNull();
  });
});

describe('a results folder that there is not', () => {
  it('is most likely another one mistyped', async () => {
    const absent = join(results, 'absent');
    await expect(retryRuns(absent, [])).rejects.toThrow(/There is no results folder .*absent/);
    await expect(collectGarbage(absent, undefined, { dryRun: false })).rejects.toThrow(
      /There is no results folder .*absent/,
    );
    expect(existsSync(absent)).toBe(false);
  });
});

describe('retry beside damage', () => {
  it('goes on with the other runs, and names the lock that is damaged', async () => {
    const [damaged, sound] = [1, 2].map((index) => put(index, { status: 'failed', cause: 'x' }));
    writeFileSync(join(damaged!, 'run.lock'), '{ "half');
    const [first, second] = await retryRuns(results, []);
    expect(first).toMatchObject({ runKey: makeTask(1, results).runKey, damaged: true });
    expect(first?.leftAlone).toMatch(/run\.lock is no lock of this version of isoloss/);
    expect(second).toMatchObject({ leftAlone: null, damaged: false });
    expect(readRunRecord(damaged!)?.status).toBe('failed');
    expect(readRunRecord(sound!)?.status).toBe('planned');
  });

  it('changes no run where one of those named has not failed, or can not be read', async () => {
    const failed = put(1, { status: 'failed', cause: 'x' });
    put(2, { status: 'done' });
    const key = (index: number): string => makeTask(index, results).runKey;
    await expect(retryRuns(results, [key(1), key(2)])).rejects.toThrow(/is done: only failed runs/);
    writeFileSync(join(put(3, {}), 'run.json'), '{ "half');
    await expect(retryRuns(results, [key(1), key(3)])).rejects.toThrow(/run\.json is not JSON/);
    expect(readRunRecord(failed)?.status).toBe('failed');
  });
});

describe('gc', () => {
  it('frees checkpoints of ended runs, stale locks and half-written files, and says how much', async () => {
    const done = put(1, { status: 'done', stepsDone: 40 });
    const interrupted = put(2, { status: 'interrupted' });
    const running = put(3, { status: 'running' });
    const orphan = put(4, { status: 'running' });
    for (const directory of [done, interrupted, running, orphan]) checkpoints(directory);
    writeFileSync(join(orphan, 'checkpoint.safetensors.aside-4194304-00000000'), Buffer.alloc(70));
    const claim = await acquireLock(running);
    if (!claim.acquired) throw new Error('the lock is free');
    const stale = deadLock(claim.lock.holder);
    writeFileSync(join(orphan, 'run.lock'), stale);
    const empty = join(results, 'fake', 'f'.repeat(16));
    mkdirSync(empty);

    const expected = { checkpoint: 1500, lock: stale.length, 'half-written file': 70, 'empty folder': 0 };
    for (const dryRun of [true, false]) {
      const { removed, bytes, leftAlone } = await collectGarbage(results, 'fake', { dryRun });
      const sums = Object.fromEntries(
        Object.keys(expected).map((kind) => [
          kind,
          removed.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.bytes, 0),
        ]),
      );
      expect(sums).toEqual(expected);
      expect(bytes).toBe(1570 + stale.length);
      expect(leftAlone).toEqual([]);
      expect(existsSync(join(done, 'checkpoint.safetensors'))).toBe(dryRun);
      expect(existsSync(join(orphan, 'run.lock'))).toBe(dryRun);
      expect(existsSync(empty)).toBe(dryRun);
    }
    expect(existsSync(join(done, 'checkpoint.safetensors.previous'))).toBe(false);
    for (const directory of [interrupted, running, orphan]) {
      expect(readFileSync(join(directory, 'checkpoint.safetensors'))).toHaveLength(1000);
    }
    expect(existsSync(join(running, 'run.lock'))).toBe(true);
    expect((await collectGarbage(results, undefined, { dryRun: false })).bytes).toBe(0);
    claim.lock.release();
  });

  it('leaves a broken record and its files alone, counts shared files once, and knows the sweeps', async () => {
    const done = put(1, { status: 'done', stepsDone: 40 });
    writeFileSync(join(done, 'checkpoint.safetensors'), Buffer.alloc(1000));
    linkSync(join(done, 'checkpoint.safetensors'), join(done, 'checkpoint.safetensors.previous'));
    const broken = put(2, {});
    checkpoints(broken);
    writeFileSync(join(broken, 'run.json'), '{ "half');
    const { bytes, leftAlone } = await collectGarbage(results, undefined, { dryRun: false });
    expect(bytes).toBe(1000);
    expect(leftAlone[0]).toMatch(/run\.json is not JSON/);
    expect(existsSync(join(broken, 'checkpoint.safetensors'))).toBe(true);
    await expect(collectGarbage(results, 'quick', { dryRun: true })).rejects.toThrow(/There are: fake/);
  });
});
