/** Which runs of a sweep share a trunk: each leaves it for the next longer one to go on from, so the shorter comes first. */
import { existsSync } from 'node:fs';
import { hasEnded, type RunRecord } from '../store/record.js';
import { trunkPath } from '../store/runDirectory.js';
import { branchStep } from '../train/schedules.js';
import type { PlannedRun } from './expand.js';
import type { SurveyedRun } from './survey.js';

/** The shorter runs of the same trunk by run key, the longest of them first; none for the first run of a trunk. */
export type Trunks = ReadonlyMap<string, readonly PlannedRun[]>;

export function trunksOf(runs: readonly PlannedRun[]): Trunks {
  const shorter = new Map<string, PlannedRun[]>();
  const seen = new Map<string, PlannedRun[]>();
  for (const run of [...runs].sort((a, b) => a.setup.steps - b.setup.steps)) {
    const before = seen.get(run.trunk) ?? [];
    shorter.set(run.runKey, before);
    seen.set(run.trunk, [run, ...before]);
  }
  return shorter;
}

/**
 * The step that a run will start from: that of its own checkpoint, or the one where the next shorter run of its trunk
 * leaves that trunk, if it is still to be trained or has left its state there.
 */
export function startStep(
  run: PlannedRun,
  trunks: Trunks,
  surveyed: ReadonlyMap<string, SurveyedRun>,
): number {
  const own = surveyed.get(run.runKey)?.record?.stepsDone ?? 0;
  const before = trunks.get(run.runKey)?.[0];
  if (own > 0 || before === undefined) return own;
  const { found, record } = surveyed.get(before.runKey)!;
  const gone = record !== null && hasEnded(record) && !existsSync(trunkPath(found!.directory));
  return gone ? 0 : (branchStep(before.setup.schedule, before.setup.steps) ?? 0);
}

/** FLOPs of ended runs that were not trained, since a shorter run of their trunk had been. */
export function flopsSpared(ended: readonly RunRecord[]): number {
  return ended.reduce(
    (sum, { execution, flopsPerStep }) => sum + (execution?.branch?.step ?? 0) * flopsPerStep,
    0,
  );
}

/** Puts runs in the order in which to begin them: the one with the most work left on its trunk, itself included, first. */
export function inOrder<T extends { readonly run: PlannedRun; readonly seconds: number }>(
  toDo: readonly T[],
): T[] {
  const onTrunk = new Map<string, number>();
  const withLonger = new Map<T, number>();
  for (const entry of [...toDo].sort((a, b) => b.run.setup.steps - a.run.setup.steps)) {
    const left = entry.seconds + (onTrunk.get(entry.run.trunk) ?? 0);
    onTrunk.set(entry.run.trunk, left);
    withLonger.set(entry, left);
  }
  return [...toDo].sort((a, b) => withLonger.get(b)! - withLonger.get(a)!);
}
