/** A control group of Linux whose processes get so much memory and no more from when they are in it: the kernel kills one that needs it. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

/** @returns null where none can be made: no right to, or no controller of memory */
export function memoryGroup(bytes: number): {
  readonly put: (pid: number) => void;
  readonly remove: () => Promise<void>;
} | null {
  for (const [root, limit] of [
    [V1, 'memory.limit_in_bytes'],
    [V2, 'memory.max'],
  ] as const) {
    const folder = join(root, `isoloss-test-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    try {
      readFileSync(join(folder, limit));
      writeFileSync(join(folder, limit), String(bytes));
    } catch {
      rmdirSync(folder);
      continue;
    }
    return {
      put: (pid) => writeFileSync(join(folder, 'cgroup.procs'), String(pid)),
      remove: () => removeGroup(folder),
    };
  }
  return null;
}

/** The kernel takes a moment to notice that the last process of a group is gone. */
async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
  }
}
