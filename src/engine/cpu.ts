/** The processor that results and seconds belong to. */
import { closeSync, openSync, readSync } from 'node:fs';
import { cpus } from 'node:os';

/** The CPU's model as the system names it; runs and timings are compared by it. */
export const cpuModel = (): string => cpus()[0]?.model.trim() ?? 'unknown';

/** What instructions it has, as Linux lists them; empty elsewhere. Virtual machines of one model may differ in them. */
export function cpuFeatures(): string {
  try {
    const fd = openSync('/proc/cpuinfo', 'r');
    try {
      // The first core's entry: making up those of all cores takes the kernel long.
      const head = Buffer.alloc(8192);
      const length = readSync(fd, head, 0, head.length, 0);
      return /^(?:flags|Features)\s*:\s*(.*)$/m.exec(head.toString('latin1', 0, length))?.[1] ?? '';
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
