/** Whether a process works on a run, as far as its lock tells at once; whoever wants to take it over looks more closely. */
import { machineIdentity, processState } from '../data/processIdentity.js';
import { UsageError } from './errors.js';
import { readLock } from './lock.js';

/** Cause of the interruption of a run whose run.json says that it runs, and that nobody works on. */
export const ORPHANED =
  'its process ended without a word (killed, or the machine went down); `isoloss run` goes on with it';

/**
 * Free, held or stale by a process of this machine, or another machine's, of which nothing is known without waiting.
 *
 * @throws UsageError where the lock can't be read as one
 */
export function lockState(directory: string): 'free' | 'held' | 'stale' | 'unknown' {
  const holder = readLock(directory);
  if (holder === null) return 'free';
  if (holder.machine === null || holder.machine !== machineIdentity()) return 'unknown';
  const { alive, start } = processState(holder.pid);
  const same = start === null || holder.processStart === null || start === holder.processStart;
  return alive && same ? 'held' : 'stale';
}

/**
 * Whether a process seems to work on a run; another machine's lock counts. A lock that can't be read as one does not:
 * it names nobody, and whoever wants to take the run over is told of it.
 */
export function isWorkedOn(directory: string): boolean {
  try {
    const state = lockState(directory);
    return state === 'held' || state === 'unknown';
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return false;
  }
}
