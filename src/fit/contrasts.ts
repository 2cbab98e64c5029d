/** How far a factor of one family of positions is from the same comparison's in another family. */
import { intervalOf } from './bootstrap.js';
import type { Contrast } from './comparison.js';
import { headlineFactor, type Reader, verdictOf } from './speedup.js';
import type { Pair } from './studyFit.js';

/** Names of an architecture and of its baseline. */
export interface ComparisonName {
  readonly arch: string;
  readonly baseline: string;
}

/** Ratios of the headline factors in FLOPs, `other` over `first`; comparisons without a factor are left out. */
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
    const [a, b] = [pairOf(first), pairOf(other)];
    if ([a.arch, a.baseline, b.arch, b.baseline].includes(-1)) return [];
    const factors = [a, b].map((pair) => headlineFactor(reader, pair));
    const ratio = intervalOf(fit, (draw) => {
      const [own, others] = factors.map((factor) => factor(draw));
      return own == null || others == null ? null : others / own;
    });
    return ratio === null ? [] : [{ first, other, ratio, differs: verdictOf(ratio) }];
  });
}
