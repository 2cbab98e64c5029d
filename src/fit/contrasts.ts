/** How far a factor of one family of positions is from the same comparison's in another family. */
import type { Study } from './cells.js';
import type { Contrast } from './comparison.js';
import { ratioOfFactors, type Reader, verdictOf } from './factors.js';
import { isSameBudget, type Pair, type StudyFit } from './studyFit.js';

/** Names of an architecture and of its baseline. */
export interface ComparisonName {
  readonly arch: string;
  readonly baseline: string;
}

/** Ratios of the factors in FLOPs, `other` over `first`; comparisons without a factor at a budget of both are left out. */
export function contrastsOf(
  reader: Reader,
  pairs: readonly { readonly first: ComparisonName; readonly other: ComparisonName }[],
): Contrast[] {
  const { study, fit } = reader;
  const indexOf = (name: string): number => study.archs.findIndex(({ arch }) => arch === name);
  const pairOf = ({ arch, baseline }: ComparisonName): Pair => ({
    arch: indexOf(arch),
    baseline: indexOf(baseline),
  });
  return pairs.flatMap(({ first, other }) => {
    const both = [pairOf(first), pairOf(other)];
    if (both.some(({ arch, baseline }) => arch === -1 || baseline === -1)) return [];
    const budgetFlops = largestCommonBudget(
      study,
      fit.point,
      both.flatMap(({ arch, baseline }) => [arch, baseline]),
    );
    if (budgetFlops === null) return [];
    const [own, others] = both.map((pair) => ({ pair, budgetFlops }));
    const ratio = ratioOfFactors(reader, others!, own!);
    return ratio === null ? [] : [{ first, other, budgetFlops, ratio, differs: verdictOf(ratio) }];
  });
}

/**
 * The largest budget at which all of these architectures have an accepted optimum: factors change with compute, so that
 * those of different budgets say nothing of what families differ in.
 */
function largestCommonBudget(study: Study, fit: StudyFit, archs: readonly number[]): number | null {
  const [first, ...others] = archs.map((arch) =>
    study.archs[arch]!.groups.flatMap((group) =>
      fit.vertices[group] ? [study.groups[group]!.budgetFlops] : [],
    ),
  );
  const common = first!.filter((budget) =>
    others.every((budgets) => budgets.some((other) => isSameBudget(other, budget))),
  );
  return common.length === 0 ? null : Math.max(...common);
}
