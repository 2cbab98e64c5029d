/**
 * Comparisons without a speedup at optimal size, as in a sweep that adds and takes away parts at one size: differences of
 * loss at one budget, over each baseline those of its own variants.
 */
import type { Interval } from '../fit/interval.js';
import type { MeasuredFactor, PairedDifference, Speedup, Verdict } from '../fit/comparison.js';
import { isBaseline } from '../fit/warnings.js';
import { measuredIn } from './claims.js';
import type { ReportContext } from './context.js';
import { counted, formatFactor } from './format.js';
import { shortFactor } from './text.js';

/** An architecture's loss minus its baseline's, at one budget. */
export interface DifferenceEntry {
  readonly arch: string;
  /** Null where both are at their optimal size. */
  readonly size: string | null;
  /** Whether the baseline has that size too. */
  readonly isBaselineSize: boolean;
  /** Where it was read: `both at 64x2, 3 seeds`. */
  readonly basis: string;
  readonly differenceNats: Interval;
  readonly verdict: Verdict | null;
  readonly compute: MeasuredFactor | null;
}

/** What was compared with one baseline at one budget, the lowest loss first. */
export interface DifferenceGroup {
  readonly baseline: string;
  readonly positions: string;
  readonly budgetFlops: number;
  readonly entries: readonly DifferenceEntry[];
}

/** One group for each baseline that has comparisons of which no family of positions gives a speedup. */
export function differenceGroups({ claims, study, archs }: ReportContext): DifferenceGroup[] {
  const names = archs.map(({ arch }) => arch).filter((arch) => isBaseline(arch, study.sweep.baselines));
  const open = claims.filter((claim) => measuredIn(claim).length === 0).flatMap(({ entries }) => entries);
  return names.flatMap((baseline) => {
    const own = open.filter(
      (entry) => entry.baseline === baseline && isOwnVariant(entry.arch, baseline, names),
    );
    const budgets = own.map(budgetsOf);
    const budgetFlops = mostCommon(budgets.flat());
    if (budgetFlops === null) return [];
    const entries = own
      .flatMap((comparison) => entriesAt(comparison, budgetFlops))
      .sort((a, b) => a.differenceNats.value - b.differenceNats.value);
    return [{ baseline, positions: own[0]!.positions, budgetFlops, entries }];
  });
}

/**
 * Whether a picture over this baseline is the place of an architecture: one that is named after a baseline
 * (`primer-without-mdha`) is shown over that one alone, any other over each.
 */
function isOwnVariant(arch: string, baseline: string, baselines: readonly string[]): boolean {
  const bare = (name: string): string => name.replace(/@.*/, '');
  if (baselines.includes(arch)) return true;
  const roots = baselines
    .map(bare)
    .filter((root) => [`${root}+`, `${root}-`].some((start) => bare(arch).startsWith(start)))
    .sort((a, b) => b.length - a.length);
  return roots.length === 0 || roots[0] === bare(baseline);
}

function budgetsOf({ atBudget, sameSize, otherSize }: Speedup): number[] {
  return [...new Set([...atBudget, ...sameSize, ...otherSize].map(({ budgetFlops }) => budgetFlops))];
}

/** The value that most lists have; the largest of several. */
function mostCommon(values: readonly number[]): number | null {
  const times = (value: number): number => values.filter((other) => other === value).length;
  const sorted = [...new Set(values)].sort((a, b) => times(b) - times(a) || b - a);
  return sorted[0] ?? null;
}

function entriesAt(comparison: Speedup, budgetFlops: number): DifferenceEntry[] {
  const { arch } = comparison;
  const at = <T extends { readonly budgetFlops: number }>(list: readonly T[]): T[] =>
    list.filter((entry) => entry.budgetFlops === budgetFlops);
  const [optimal] = at(comparison.atBudget);
  if (optimal !== undefined) {
    const { differenceNats, verdict } = optimal;
    const basis = 'both at optimal size';
    return [{ arch, size: null, isBaselineSize: true, basis, differenceNats, verdict, compute: null }];
  }
  const entry = (found: PairedDifference, sizes: string, isBaselineSize: boolean): DifferenceEntry => {
    const { size, nSeeds, differenceNats, verdict, compute } = found;
    const basis = `${sizes}, ${counted(nSeeds, 'seed')}`;
    return { arch, size, isBaselineSize, basis, differenceNats, verdict, compute };
  };
  return [
    ...at(comparison.sameSize).map((found) => entry(found, `both at size ${found.size}`, true)),
    ...at(comparison.otherSize).map((found) =>
      entry(found, `at size ${found.size}, the baseline at ${found.baselineSize}`, false),
    ),
  ];
}

/** `1.45× (1.38 to 1.52)`, `1.90× (1.82 or more)`, `> 2.00×`; null where there is no other budget to read it from. */
export function equalLossText(compute: MeasuredFactor | null): string | null {
  if (compute === null) return null;
  const { relation, bound, factor } = compute;
  if (factor === null) return bound === null ? null : `${relation} ${formatFactor(bound)}`;
  return shortFactor(factor);
}
