/**
 * `sizes: auto`: the sizes of an architecture at a budget are those around its predicted optimum, and one more on the
 * side where the best of them lies at the end, until smaller and larger ones are both worse.
 */
import type { RunRecord } from '../store/record.js';
import type { PlannedRun } from './expand.js';

/** Tokens for each parameter at the optimum, where nothing is measured yet (Hoffmann et al. 2022, Table 3). */
const TOKENS_PER_PARAMETER = 20;

/** The final record of a run, null where it has not ended. */
export type EndedRecord = (runKey: string) => RunRecord | null;

/**
 * Of the runs of a sweep with every size at every budget that leaves the choice open, those to be trained by what is
 * known now. Planned again when they have ended, it adds those that their losses call for.
 */
export function withChosenSizes(runs: readonly PlannedRun[], ended: EndedRecord): PlannedRun[] {
  const open = new Map<string, PlannedRun[]>();
  for (const run of runs.filter(({ isCandidate }) => isCandidate)) {
    const cell = JSON.stringify([run.architecture.label, run.budgetFlops]);
    open.set(cell, [...(open.get(cell) ?? []), run]);
  }
  const chosen = new Set([...open.values()].flatMap((candidates) => bracket(candidates, ended)));
  return runs.filter((run) => !run.isCandidate || chosen.has(run));
}

/** The runs of one architecture and budget whose sizes are wanted by now. */
function bracket(candidates: readonly PlannedRun[], ended: EndedRecord): PlannedRun[] {
  const flopsPerToken = ({ cost, tokensPerStep }: PlannedRun): number => cost.flopsPerStep / tokensPerStep;
  const bySize = new Map<string, PlannedRun[]>();
  for (const run of candidates) bySize.set(run.sizeName, [...(bySize.get(run.sizeName) ?? []), run]);
  const ladder = [...bySize.values()].sort((a, b) => flopsPerToken(a[0]!) - flopsPerToken(b[0]!));
  const losses = ladder.map((own) => meanLoss(own, ended));
  const predicted = nearest(ladder.map(([run]) => run!.tokens / run!.cost.paramsTotal));
  let first = Math.max(0, predicted - 1);
  let last = Math.min(ladder.length - 1, predicted + 1);
  for (;;) {
    const known = losses.slice(first, last + 1);
    if (known.some((loss) => loss === null)) break;
    const best = first + known.indexOf(Math.min(...known.map((loss) => loss!)));
    if (best === first && first > 0) first -= 1;
    else if (best === last && last < ladder.length - 1) last += 1;
    else break;
  }
  return ladder.slice(first, last + 1).flat();
}

/** Index of the ratio that is nearest to the optimum's, as a factor. */
function nearest(tokensPerParameter: readonly number[]): number {
  const distances = tokensPerParameter.map((ratio) => Math.abs(Math.log(ratio / TOKENS_PER_PARAMETER)));
  return distances.indexOf(Math.min(...distances));
}

/** Mean loss on `val` over the seeds, infinite where one diverged; null while one has not ended. */
function meanLoss(runs: readonly PlannedRun[], ended: EndedRecord): number | null {
  const losses = runs.map(({ runKey }) => {
    const record = ended(runKey);
    return record === null ? null : (record.final?.val.lossNats ?? Infinity);
  });
  if (losses.includes(null)) return null;
  return losses.reduce<number>((sum, loss) => sum + loss!, 0) / losses.length;
}
