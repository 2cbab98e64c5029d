/** The control: the same comparison in the other families of positions, as differences of loss at one budget. */
import type { Interval, Speedup } from '../../fit/analysis.js';
import { presetOf, type ReportContext } from '../context.js';
import { formatPowerOfTen } from '../format.js';
import { rich, type Rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval, signedNats, signedPercent } from '../text.js';
import { INK } from '../theme.js';
import { pairAxis, paddedDomain, referenceLine, tip, type Chart } from './chart.js';
import { niceLinearTicks } from './ticks.js';

/** One family's answer to a comparison at the control's budget. */
export interface ControlEntry {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string;
  readonly budgetFlops: number;
  /** How the difference was read: both at optimal size, or at one size that both have. */
  readonly basis: string;
  readonly differenceNats: Interval;
  readonly relative: Interval;
}

/** The same pair of presets in several families, main family first. */
export interface Control {
  readonly pair: string;
  readonly budgetFlops: number;
  readonly entries: readonly ControlEntry[];
}

/**
 * Comparisons that exist in the main family and in another one, at the largest budget that both have. At optimal size
 * where both families have an accepted optimum there; otherwise at the largest size that all four have.
 */
export function controlsOf(context: ReportContext): Control[] {
  const mainFamily = context.families[0];
  const main = context.comparisons.filter((c) => c.positions === mainFamily);
  return main.flatMap((comparison) => {
    const same = context.comparisons.filter(
      (other) =>
        other.positions !== mainFamily &&
        presetOf(context, other.arch) === presetOf(context, comparison.arch) &&
        presetOf(context, other.baseline) === presetOf(context, comparison.baseline),
    );
    if (same.length === 0) return [];
    const all = [comparison, ...same];
    const entries = atOptimalSize(all) ?? atSameSize(all);
    if (entries === null) return [];
    const pair = `${presetOf(context, comparison.arch)}|over ${presetOf(context, comparison.baseline)}`;
    return [{ pair, budgetFlops: entries[0]!.budgetFlops, entries }];
  });
}

function largestCommon(lists: readonly (readonly number[])[]): number | null {
  const common = (lists[0] ?? []).filter((value) => lists.every((list) => list.includes(value)));
  return common.length === 0 ? null : Math.max(...common);
}

function atOptimalSize(all: readonly Speedup[]): ControlEntry[] | null {
  const budgetFlops = largestCommon(all.map((c) => c.atBudget.map((at) => at.budgetFlops)));
  if (budgetFlops === null) return null;
  return all.map((c) => {
    const at = c.atBudget.find((entry) => entry.budgetFlops === budgetFlops)!;
    return { ...names(c), budgetFlops, basis: 'both at optimal size', differenceNats: at.differenceNats, relative: at.relativeDifference };
  });
}

function atSameSize(all: readonly Speedup[]): ControlEntry[] | null {
  const budgetFlops = largestCommon(all.map((c) => c.sameSize.map((at) => at.budgetFlops)));
  if (budgetFlops === null) return null;
  const at = (c: Speedup): Speedup['sameSize'] => c.sameSize.filter((entry) => entry.budgetFlops === budgetFlops);
  const sizes = at(all[0]!).filter((entry) => all.every((c) => at(c).some((other) => other.size === entry.size)));
  const size = [...sizes].sort((a, b) => b.nSeeds - a.nSeeds || b.dModel - a.dModel)[0]?.size;
  if (size === undefined) return null;
  return all.map((c) => {
    const { differenceNats } = at(c).find((entry) => entry.size === size)!;
    return { ...names(c), budgetFlops, basis: `both at size ${size}`, differenceNats, relative: { value: NaN, low: null, high: null, level: 0.95 } };
  });
}

function names(c: Speedup): { arch: string; baseline: string; positions: string } {
  return { arch: c.arch, baseline: c.baseline, positions: c.positions };
}
