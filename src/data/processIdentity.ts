/** Whether a process named by another one is still that process: for run locks, and for corpora left half prepared. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names the space in which a pid means something. On Linux that is this boot and this process namespace, so that two
 * containers, or two machines of the same host name, are told apart; elsewhere the host name has to do.
 *
 * @returns null where the system doesn't tell
 */
export function machineIdentity(): string | null {
  if (process.platform !== 'linux') return hostname();
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** What this machine knows of a pid. */
export interface ProcessState {
  readonly alive: boolean;
  /** Clock ticks since boot at its start, which a reused pid does not share; null where the system doesn't tell. */
  readonly start: string | null;
}

export function processState(pid: number): ProcessState {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, another user's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return { alive: false, start: null };
  }
  if (process.platform !== 'linux') return { alive: true, start: null };
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return { alive: true, start: null };
  }
  // The second field is the command in parentheses, which may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isZombie = fields[0] === 'Z' || fields[0] === 'X';
  return { alive: !isZombie, start: fields[19] ?? null };
}
