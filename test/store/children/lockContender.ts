/**
 * Takes and leaves a directory's lock for a second, as fast as it can, together with others that do: half of the time
 * it gives the lock back, half of the time it leaves it as a process would whose pid another one has now. Says how
 * often it held it, and how often it was not alone in doing so.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLock } from '../../../src/store/lock.js';

const directory = process.argv[2] ?? '';
const lockPath = join(directory, 'run.lock');
const alonePath = join(directory, 'alone');
let held = 0;
let notAlone = 0;
const end = performance.now() + 1000;
while (performance.now() < end) {
  const result = await acquireLock(directory, { heartbeatSeconds: 1000 });
  if (!result.acquired) {
    await sleep(1);
    continue;
  }
  const { lock } = result;
  held += 1;
  try {
    closeSync(openSync(alonePath, 'wx'));
  } catch {
    notAlone += 1;
  }
  if (!lock.isHeld()) notAlone += 1;
  await sleep(Math.random() * 2);
  rmSync(alonePath, { force: true });
  if (Math.random() < 0.5) {
    lock.release();
  } else {
    // As long as before: who reads the file while it grows finds half of it.
    const processStart = '0'.repeat(lock.holder.processStart!.length);
    const fd = openSync(lockPath, 'r+');
    writeSync(fd, `${JSON.stringify({ ...lock.holder, processStart })}\n`, 0);
    closeSync(fd);
  }
}
console.log(JSON.stringify({ held, notAlone }));
process.exit(0);
