/** The same comparison in several sweeps, and whether their factors agree. */
import type { Interval } from '../../fit/interval.js';
import type { Speedup, SpeedupAtOptimalSize } from '../../fit/comparison.js';
import type { ReportContext } from '../context.js';
import { headlineOf } from '../text.js';

/** A comparison as one sweep found it. */
export interface Finding {
  readonly sweep: string;
  readonly at: SpeedupAtOptimalSize;
}

export interface Repeated {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string;
  /** In the order of the sweeps; those that have no number are left out. */
  readonly findings: readonly Finding[];
  /** Whether each later factor agrees with the first one's; null where a bound or a missing interval does not tell. */
  readonly agreements: readonly (Agreement | null)[];
}

export interface Agreement {
  /** Factor of the later sweep over that of the first. */
  readonly ratio: Interval;
  readonly agrees: boolean;
}

/** Comparisons that two sweeps or more have a number for. */
export function repeatedComparisons(contexts: readonly ReportContext[]): Repeated[] {
  const found = new Map<string, { comparison: Speedup; findings: Finding[] }>();
  for (const { study, comparisons } of contexts) {
    for (const comparison of comparisons) {
      const at = headlineOf(comparison);
      if (at === undefined) continue;
      const key = JSON.stringify([comparison.arch, comparison.baseline, comparison.positions]);
      const entry = found.get(key) ?? { comparison, findings: [] };
      entry.findings.push({ sweep: study.sweep.name, at });
      found.set(key, entry);
    }
  }
  return [...found.values()]
    .filter(({ findings }) => findings.length > 1)
    .map(({ comparison: { arch, baseline, positions }, findings }) => ({
      arch,
      baseline,
      positions,
      findings,
      agreements: findings.slice(1).map(({ at }) => agreementOf(findings[0]!.at, at)),
    }));
}

/**
 * Ratio of two factors from independent studies. Factors are read in the logarithm, each half of an interval as 1.96
 * standard errors to that side, and errors of independent studies add as squares.
 */
export function agreementOf(first: SpeedupAtOptimalSize, other: SpeedupAtOptimalSize): Agreement | null {
  if (first.relation !== '=' || other.relation !== '=') return null;
  const [a, b] = [first.factor, other.factor];
  if (a.low === null || a.high === null || b.low === null || b.high === null) return null;
  const value = b.value / a.value;
  const below = Math.hypot(Math.log(b.value / b.low), Math.log(a.high / a.value));
  const above = Math.hypot(Math.log(b.high / b.value), Math.log(a.value / a.low));
  const ratio: Interval = {
    value,
    low: value * Math.exp(-below),
    high: value * Math.exp(above),
    level: 0.95,
  };
  return { ratio, agrees: ratio.low! <= 1 && ratio.high! >= 1 };
}
