/** The same comparison in several sweeps, and whether their factors agree. */
import type { Interval } from '../../fit/interval.js';
import type { Speedup, SpeedupAtOptimalSize } from '../../fit/comparison.js';
import { verdictOf } from '../../fit/factors.js';
import { grouped } from '../../fit/grouped.js';
import { isSameBudget } from '../../fit/studyFit.js';
import { budgetReadings, largestCommon } from '../claims.js';
import type { ReportContext } from '../context.js';
import { headlineOf } from '../text.js';

/** A comparison as one sweep found it. */
export interface Finding {
  readonly sweep: string;
  /** Read at the largest budget that all sweeps have, since factors change with compute; else at the sweep's own largest. */
  readonly at: SpeedupAtOptimalSize;
  /** At the sweep's own largest budget, where that is another one. */
  readonly furthest: SpeedupAtOptimalSize | null;
}

export interface Repeated {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string;
  /** In the order of the sweeps; those that have no number are left out. */
  readonly findings: readonly Finding[];
  /** Whether the sweeps have a budget in common, at which the factors are read. */
  readonly atCommonBudget: boolean;
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
  const measured = contexts.flatMap(({ study, comparisons }) =>
    comparisons.flatMap((comparison): [string, OfSweep][] => {
      const headline = headlineOf(comparison);
      const key = JSON.stringify([comparison.arch, comparison.baseline, comparison.positions]);
      return headline === undefined ? [] : [[key, { sweep: study.sweep.name, comparison, headline }]];
    }),
  );
  return [...grouped(measured).values()].filter((all) => all.length > 1).map(repeatedOf);
}

interface OfSweep {
  readonly sweep: string;
  readonly comparison: Speedup;
  readonly headline: SpeedupAtOptimalSize;
}

function repeatedOf(all: readonly OfSweep[]): Repeated {
  const { arch, baseline, positions } = all[0]!.comparison;
  const readings = all.map(({ comparison }) => budgetReadings(comparison));
  const common = largestCommon(readings);
  const findings = all.map(({ sweep, headline }, i): Finding => {
    const reading =
      common && readings[i]!.find(({ baselineFlops }) => isSameBudget(baselineFlops, common.baselineFlops));
    if (reading === undefined || isSameBudget(reading.baselineFlops, headline.baselineCost))
      return { sweep, at: headline, furthest: null };
    const { baselineFlops, factor } = reading;
    const at = { ...headline, ...reading, baselineCost: baselineFlops, verdict: verdictOf(factor) };
    return { sweep, at, furthest: headline };
  });
  const [first, ...others] = findings;
  return {
    arch,
    baseline,
    positions,
    findings,
    atCommonBudget: common !== undefined,
    agreements: others.map(({ at }) => agreementOf(first!.at, at)),
  };
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
