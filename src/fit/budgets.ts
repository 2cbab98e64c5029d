/** Which runs of a table belong to one compute budget, where no column says. */

/** Compute further apart than this (in ln) separates budgets; a budget wider than the second is a scatter, not a budget. */
const GAP = 0.03;
const WIDTH = 0.15;
const SIZES_NEEDED = 3;
/** Compute equal to this (in ln) was planned to be equal, however close the sizes are. */
const PLANNED = 0.01;

export interface ComputeAndSize {
  readonly flops: number;
  /** Anything that differs between sizes, such as FLOPs per token. */
  readonly size: number;
}

/**
 * Groups runs of nearly equal compute: neighbours within 3%, a whole group within 15%, with 3 sizes or more, that span
 * a factor of 2 unless compute agrees within 1%. The budget of a group is the geometric mean of its compute; null for runs of no group.
 */
export function findBudgets(runs: readonly ComputeAndSize[]): (number | null)[] {
  const order = runs.map((_, i) => i).sort((a, b) => runs[a]!.flops - runs[b]!.flops);
  const budgets = new Array<number | null>(runs.length).fill(null);
  let start = 0;
  for (let i = 1; i <= order.length; i++) {
    const gap = i === order.length ? Infinity : Math.log(runs[order[i]!]!.flops / runs[order[i - 1]!]!.flops);
    if (gap <= GAP) continue;
    const group = order.slice(start, i);
    start = i;
    const logFlops = group.map((k) => Math.log(runs[k]!.flops));
    const sizes = [...new Set(group.map((k) => runs[k]!.size))].sort((a, b) => a - b);
    const width = logFlops.at(-1)! - logFlops[0]!;
    const chance = width > PLANNED && sizes.at(-1)! / sizes[0]! < 2;
    if (width > WIDTH || sizes.length < SIZES_NEEDED || chance) continue;
    const budget = Math.exp(logFlops.reduce((sum, x) => sum + x, 0) / group.length);
    for (const k of group) budgets[k] = budget;
  }
  return budgets;
}
