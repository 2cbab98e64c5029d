import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { collectGarbage } from '../../src/store/gc.js';
import { acquireLock, readLock } from '../../src/store/lock.js';
import type { LockHolder, LockResult, RunLock } from '../../src/store/lock.js';
import { isWorkedOn } from '../../src/store/workedOn.js';
import { machineIdentity } from '../../src/data/processIdentity.js';
import { firstLine, killChild, startChild, useTemporaryFolders } from './fixtures.js';
import { key } from './records.js';

const makeFolder = useTemporaryFolders();
const isLinux = process.platform === 'linux';

/** A holder on another machine, of which only the heartbeat can tell. */
function elsewhere(changes: Partial<LockHolder> = {}): LockHolder {
  return {
    format: 1,
    token: 'aaaaaaaaaaaaaaaa',
    host: 'node7',
    machine: 'another boot',
    pid: 1,
    processStart: '1',
    takenAt: '1970-01-01T00:00:00.000Z',
    beat: '000000000007',
    ...changes,
  };
}

function writeLock(directory: string, holder: LockHolder, name = 'run.lock'): void {
  writeFileSync(join(directory, name), JSON.stringify(holder));
}

function acquired(result: LockResult): RunLock {
  if (!result.acquired) throw new Error(`not acquired: ${result.reason}`);
  return result.lock;
}

describe('acquireLock', () => {
  it('takes a free lock, keeps others out, and gives it back', async () => {
    const directory = makeFolder();
    const lock = acquired(await acquireLock(directory));
    expect(lock.isHeld()).toBe(true);
    expect(lock.takenFrom).toBeNull();
    expect(readLock(directory)).toMatchObject({ pid: process.pid, token: lock.holder.token });
    expect(await acquireLock(directory)).toMatchObject({ acquired: false, holder: { pid: process.pid } });
    lock.release();
    lock.release();
    expect(lock.isHeld()).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
    acquired(await acquireLock(directory)).release();
  });

  it('clears away what killed processes left of locks that they were placing', async () => {
    const directory = makeFolder();
    for (const name of ['run.lock.aside-1-00000000', 'run.lock.aaaaaaaaaaaaaaaa.aside-2-00000000'])
      writeFileSync(join(directory, name), '');
    const lock = acquired(await acquireLock(directory));
    expect(readdirSync(directory)).toEqual(['run.lock']);
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('beats in place, without changing the size of the file', async () => {
    const directory = makeFolder();
    const lock = acquired(await acquireLock(directory, { heartbeatSeconds: 1000 }));
    const before = readFileSync(join(directory, 'run.lock'), 'utf8');
    lock.beat();
    const after = readFileSync(join(directory, 'run.lock'), 'utf8');
    expect(after).toBe(before.replace('000000000000', '000000000001'));
    lock.release();
  });

  it('is held by a living process, and taken over at once when it is killed', async () => {
    const directory = makeFolder();
    const child = startChild('lockHolder.ts', [directory]);
    expect(await firstLine(child)).toBe('acquired');
    expect(await acquireLock(directory)).toMatchObject({ acquired: false, holder: { pid: child.pid } });
    await killChild(child);
    const started = performance.now();
    const lock = acquired(await acquireLock(directory));
    expect(performance.now() - started).toBeLessThan(2000);
    expect(lock.takenFrom?.pid).toBe(child.pid);
    expect(readdirSync(directory)).toEqual(['run.lock']);
    lock.release();
  });

  it.runIf(isLinux)('takes over from a process whose pid another one has now', async () => {
    const directory = makeFolder();
    writeLock(directory, elsewhere({ machine: machineIdentity(), pid: process.pid, processStart: '1' }));
    acquired(await acquireLock(directory)).release();
  });

  it('takes over a lock of another machine only after its heartbeat has stood still for long enough', async () => {
    const directory = makeFolder();
    writeLock(directory, elsewhere());
    const started = performance.now();
    const lock = acquired(await acquireLock(directory, { heartbeatSeconds: 0.05, staleSeconds: 0.4 }));
    expect(performance.now() - started).toBeGreaterThanOrEqual(400);
    expect(lock.takenFrom?.host).toBe('node7');
    lock.release();
  });

  it('leaves a lock of another machine alone while its heartbeat goes on', async () => {
    const directory = makeFolder();
    writeLock(directory, elsewhere());
    const attempt = acquireLock(directory, { heartbeatSeconds: 0.05, staleSeconds: 10 });
    setTimeout(() => {
      writeLock(directory, elsewhere({ beat: '000000000008' }));
    }, 100);
    expect(await attempt).toMatchObject({
      acquired: false,
      reason: expect.stringContaining('node7') as string,
    });
  });

  it('takes over from a thief that was killed before it had finished', async () => {
    const directory = makeFolder();
    writeLock(directory, elsewhere());
    writeLock(directory, elsewhere({ token: 'bbbbbbbbbbbbbbbb' }), 'run.lock.aaaaaaaaaaaaaaaa');
    expect(readLock(directory)?.token).toBe('bbbbbbbbbbbbbbbb');
    const lock = acquired(await acquireLock(directory, { heartbeatSeconds: 0.02, staleSeconds: 0.1 }));
    expect(lock.takenFrom?.token).toBe('bbbbbbbbbbbbbbbb');
    expect(readdirSync(directory)).toEqual(['run.lock']);
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('tells a holder that stood still for too long that it lost the lock, and keeps its release from hurting', async () => {
    const directory = makeFolder();
    const slow = acquired(await acquireLock(directory, { heartbeatSeconds: 1000 }));
    writeLock(directory, { ...slow.holder, machine: 'another boot' });
    const thief = acquired(await acquireLock(directory, { heartbeatSeconds: 0.02, staleSeconds: 0.1 }));
    expect(slow.isHeld()).toBe(false);
    expect(thief.isHeld()).toBe(true);
    slow.beat();
    slow.release();
    expect(thief.isHeld()).toBe(true);
    expect(readLock(directory)?.token).toBe(thief.holder.token);
    thief.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('lets exactly one of many take a stale lock', async () => {
    for (let round = 0; round < 5; round += 1) {
      const directory = makeFolder();
      writeLock(directory, elsewhere());
      const options = { heartbeatSeconds: 0.02, staleSeconds: 0.08 };
      const children = Array.from({ length: 20 }, () => acquireLock(directory, options));
      const results = await Promise.all(children);
      const winners = results.filter((result) => result.acquired);
      expect(winners.length).toBe(1);
      expect(winners[0]!.lock.isHeld()).toBe(true);
      winners[0]!.lock.release();
    }
  });

  it.runIf(isLinux)(
    'is held by one process at a time, while several take, leave and abandon it',
    async () => {
      const directory = makeFolder();
      const children = Array.from({ length: 3 }, () => startChild('lockContender.ts', [directory]));
      const counts = (await Promise.all(children.map(firstLine))).map(
        (line) => JSON.parse(line) as { held: number; notAlone: number },
      );
      expect(counts.reduce((sum, { notAlone }) => sum + notAlone, 0)).toBe(0);
      expect(counts.reduce((sum, { held }) => sum + held, 0)).toBeGreaterThan(10);
    },
  );

  it('says which file is in the way where it is no lock', async () => {
    const directory = makeFolder();
    writeFileSync(join(directory, 'run.lock'), 'what');
    await expect(acquireLock(directory)).rejects.toThrow(/run\.lock is no lock of this version/);
  });

  it('keeps what is no lock from no run but its own', async () => {
    const results = makeFolder();
    const [broken, other] = [1, 2].map((index) => join(results, 'quick', key(index))) as [string, string];
    for (const directory of [broken, other]) mkdirSync(directory, { recursive: true });
    writeFileSync(join(broken, 'run.lock'), '');
    writeFileSync(join(other, 'run.json.aside-1-aaaaaaaa'), 'half');
    await expect(acquireLock(broken)).rejects.toThrow(UsageError);
    expect(isWorkedOn(broken)).toBe(false);
    for (const dryRun of [true, false]) {
      const { removed, leftAlone } = await collectGarbage(results, undefined, { dryRun });
      expect(removed.map(({ kind }) => kind)).toContain('half-written file');
      expect(leftAlone).toEqual([expect.stringMatching(/^0+1: .+run\.lock is no lock .+ remove the file/)]);
    }
    expect(readdirSync(broken)).toEqual(['run.lock']);
  });
});
