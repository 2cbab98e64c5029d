/** Where runs stand, by what lies in the results. */
import type { RunRecord } from '../store/record.js';
import { type FoundRun, lookUpRun } from '../store/runDirectory.js';
import { isWorkedOn, ORPHANED } from '../store/workedOn.js';

/** What the results hold of one run. */
export interface SurveyedRun {
  readonly runKey: string;
  readonly found: FoundRun | null;
  readonly record: RunRecord | null;
  /** As in run.json, but interrupted where the process that trained it is gone. */
  readonly status: RunRecord['status'];
  /** Why it failed, diverged or was interrupted; of a planned one, why what there is of it can't be read. */
  readonly cause: string | null;
}

/** Looks a run up under every sweep. */
export function surveyRun(resultsDir: string, runKey: string): SurveyedRun {
  const { best, damage } = lookUpRun(resultsDir, runKey);
  if (best === null)
    return { runKey, found: null, record: null, status: 'planned', cause: damage[0] ?? null };
  const { found, record } = best;
  const orphaned = record.status === 'running' && !isWorkedOn(found.directory);
  return {
    runKey,
    found,
    record,
    status: orphaned ? 'interrupted' : record.status,
    cause: record.cause ?? (orphaned ? ORPHANED : null),
  };
}
