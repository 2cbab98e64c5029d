/** Whether anybody works on a run: what tells a running run from one whose process is gone. */
import { readLock } from './lock.js';
import { machineIdentity, processState } from '../data/processIdentity.js';

/**
 * Whether a process seems to work on a run: there is a lock, and its process lives if it is one of this machine. Waits
 * for nothing, so a lock of another machine counts; whoever wants to take it over looks more closely.
 */
export function isWorkedOn(directory: string): boolean {
  const holder = readLock(directory);
  if (holder === null) return false;
  if (holder.machine === null || holder.machine !== machineIdentity()) return true;
  const { alive, start } = processState(holder.pid);
  return alive && (start === null || holder.processStart === null || start === holder.processStart);
}
