/** Where runs stand, by what lies in the results. */
import { readLock } from '../store/lock.js';
import { machineIdentity, processState } from '../store/processIdentity.js';
import type { RunRecord } from '../store/record.js';
import { findRun, type FoundRun } from '../store/runDirectory.js';

/** What the results hold of one run. */
export interface SurveyedRun {
  readonly runKey: string;
  readonly found: FoundRun | null;
  readonly record: RunRecord | null;
  /** As in run.json, but interrupted where the process that trained it is gone. */
  readonly status: RunRecord['status'];
}

/** Looks a run up under every sweep. */
export function surveyRun(resultsDir: string, runKey: string): SurveyedRun {
  const known = findRun(resultsDir, runKey);
  if (known === null) return { runKey, found: null, record: null, status: 'planned' };
  const { found, record } = known;
  const orphaned = record.status === 'running' && !isWorkedOn(found.directory);
  return { runKey, found, record, status: orphaned ? 'interrupted' : record.status };
}

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
