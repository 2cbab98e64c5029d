/** The headline: how much of the baseline's cost an architecture saves at equal loss, both at optimal size. */
import type { Interval } from './interval.js';
import type { CostKind, SavingsLaw, Speedup, SpeedupAtOptimalSize, Verdict } from './comparison.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { budgetDifferences, otherSizeDifferences, sameSizeDifferences } from './differences.js';
import { fixedSizeSpeedups } from './fixedSize.js';
import { pairedNoise } from './noise.js';
import { fitPowerLaw, fitSharedExponent, lawAt, lawReaches, type LogLaw } from './powerLaw.js';
import { powerOf } from './power.js';
import { frontierPoints, type Pair, RANGE_TOLERANCE, type StudyFit } from './studyFit.js';

/** Points of a curve over the baseline's range. */
const CURVE_POINTS = 25;

/** What the interval of a factor says; null without an interval. */
export function verdictOf(factor: Interval): Verdict | null {
  if (factor.low === null || factor.high === null) return null;
  if (factor.low > 1) return 'better';
  return factor.high < 1 ? 'worse' : 'not told apart';
}

/** Two laws of a fit on one cost; null where either is missing. */
function lawsOf(fit: StudyFit, pair: Pair, cost: number): { arch: LogLaw; baseline: LogLaw } | null {
  const arch = fit.laws[pair.arch]![cost] ?? null;
  const baseline = fit.laws[pair.baseline]![cost] ?? null;
  return arch && baseline ? { arch, baseline } : null;
}

/** Baseline cost over architecture cost at the loss that the baseline's law has at `logBaselineCost`. */
function factorAt(fit: StudyFit, pair: Pair, cost: number, logBaselineCost: number): number | null {
  const laws = lawsOf(fit, pair, cost);
  if (laws === null) return null;
  const logCost = lawReaches(laws.arch, lawAt(laws.baseline, logBaselineCost));
  return logCost === null ? null : Math.exp(logBaselineCost - logCost);
}

/**
 * ln of the baseline's cost at which factors are read: at its largest budget, or, where the architecture was not trained
 * that far, at the largest that is not beyond the architecture's own. Read further out, it would be a bound that speaks of
 * the budgets that were chosen, not of the architecture.
 */
function readAt(study: Study, fit: BootstrappedFit, pair: Pair, cost: number, baseline: LogLaw): number {
  const accepted = (arch: number) =>
    study.archs[arch]!.groups.filter((group) => fit.point.vertices[group] != null);
  const budgetOf = (group: number): number => study.groups[group]!.budgetFlops;
  const furthest = Math.max(...accepted(pair.arch).map(budgetOf));
  const within = accepted(pair.baseline).filter(
    (group) => Math.log(budgetOf(group) / furthest) <= RANGE_TOLERANCE,
  );
  const logCosts = within.map((group) => fit.point.vertices[group]!.logCost[cost]!);
  const known = logCosts.filter((logCost) => !Number.isNaN(logCost));
  return known.length === 0 ? baseline.logMax : Math.max(...known);
}

/** The headline factor in FLOPs of any draw. */
export function headlineFactor(
  study: Study,
  fit: BootstrappedFit,
  pair: Pair,
): (draw: StudyFit) => number | null {
  const laws = lawsOf(fit.point, pair, 0);
  if (laws === null) return () => null;
  const logBaselineCost = readAt(study, fit, pair, 0, laws.baseline);
  return (draw) => factorAt(draw, pair, 0, logBaselineCost);
}

/** The headline in one cost, an index into `Study.costs`; null where a law is missing or does not fall. */
export function speedupAtOptimalSize(
  study: Study,
  fit: BootstrappedFit,
  pair: Pair,
  cost: number,
): SpeedupAtOptimalSize | null {
  const laws = lawsOf(fit.point, pair, cost);
  if (laws === null) return null;
  const { kind, hardware } = study.costs[cost]!;
  const logBaselineCost = readAt(study, fit, pair, cost, laws.baseline);
  const factor = intervalOf(fit, (draw) => factorAt(draw, pair, cost, logBaselineCost));
  if (factor === null) return null;

  const most = Math.exp(logBaselineCost - laws.arch.logMin);
  const least = Math.exp(logBaselineCost - laws.arch.logMax);
  const tolerance = Math.exp(RANGE_TOLERANCE);
  const relation = factor.value > most * tolerance ? '>' : factor.value < least / tolerance ? '<' : '=';
  const outside = (end: number | null): boolean =>
    end !== null && (end > most * tolerance || end < least / tolerance);
  return {
    cost: kind,
    hardware,
    lossNats: Math.exp(lawAt(laws.baseline, logBaselineCost)),
    baselineCost: Math.exp(logBaselineCost),
    relation,
    bound: relation === '>' ? most : relation === '<' ? least : null,
    factor,
    lowExtrapolated: outside(factor.low),
    highExtrapolated: outside(factor.high),
    verdict: verdictOf(factor),
    nBudgets: { arch: laws.arch.nPoints, baseline: laws.baseline.nPoints },
  };
}

/** ln of evenly spaced compute over the baseline's measured range. */
function curveGrid(law: LogLaw): number[] {
  const step = (law.logMax - law.logMin) / (CURVE_POINTS - 1);
  return Array.from({ length: CURVE_POINTS }, (_, i) => law.logMin + i * step);
}

function speedupCurve(fit: BootstrappedFit, pair: Pair): Speedup['curve'] {
  const laws = lawsOf(fit.point, pair, 0);
  if (laws === null) return [];
  return curveGrid(laws.baseline).flatMap((logFlops) => {
    const factor = intervalOf(fit, (draw) => factorAt(draw, pair, 0, logFlops));
    if (factor === null) return [];
    const logArch = logFlops - Math.log(factor.value);
    const inside =
      logArch >= laws.arch.logMin - RANGE_TOLERANCE && logArch <= laws.arch.logMax + RANGE_TOLERANCE;
    return [
      {
        baselineFlops: Math.exp(logFlops),
        lossNats: Math.exp(lawAt(laws.baseline, logFlops)),
        factor,
        extrapolated: !inside,
      },
    ];
  });
}

/** Exponent difference, F test and the factor of parallel lines (a_A / a_B)^(1/k). */
function parallelLines(study: Study, fit: BootstrappedFit, pair: Pair) {
  const shared = (draw: StudyFit) =>
    fitSharedExponent(
      [pair.baseline, pair.arch].map((arch) => frontierPoints(draw.vertices, study.archs[arch]!.groups, 0)),
    );
  const exponentDifference = intervalOf(fit, (draw) => {
    const laws = lawsOf(draw, pair, 0);
    return laws && laws.arch.exponent - laws.baseline.exponent;
  });
  const test = exponentDifference === null ? null : shared(fit.point);
  const { low, high } = exponentDifference ?? { low: null, high: null };
  const apart = low !== null && high !== null && (low > 0 || high < 0);
  const testable = test !== null && (test.pValue !== null || low !== null);
  const rejected = apart || (test?.pValue ?? 1) < 0.05;
  const pureLawFactor =
    testable && !rejected
      ? intervalOf(fit, (draw) => {
          const law = shared(draw);
          if (law === null || law.exponent > -1e-12) return null;
          return Math.exp((law.logCoefficients[0]! - law.logCoefficients[1]!) / -law.exponent);
        })
      : null;
  return {
    exponentDifference,
    parallelPValue: test?.pValue ?? null,
    pureLawFactor,
    shared: pureLawFactor && test,
  };
}

/** Power law of loss against FLOPs saved, over the part of the baseline's range where nothing is extrapolated. */
function savingsLaw(
  fit: BootstrappedFit,
  pair: Pair,
  curve: Speedup['curve'],
  shared: ReturnType<typeof fitSharedExponent>,
): SavingsLaw | null {
  const grid = curve.filter((point) => !point.extrapolated).map((point) => Math.log(point.baselineFlops));
  if (grid.length < 2) return null;
  const law = (draw: StudyFit): LogLaw | null => {
    const laws = lawsOf(draw, pair, 0);
    if (laws === null) return null;
    const points = grid.map((logFlops) => {
      const factor = factorAt(draw, pair, 0, logFlops);
      const saved = factor === null ? NaN : Math.exp(logFlops) * (1 - 1 / factor);
      return { x: saved > 0 ? Math.log(saved) : NaN, y: lawAt(laws.baseline, logFlops) };
    });
    return points.some(({ x }) => Number.isNaN(x)) ? null : fitPowerLaw(points);
  };
  const point = law(fit.point);
  const coefficient = intervalOf(fit, (draw) => {
    const drawn = law(draw);
    return drawn && Math.exp(drawn.logCoefficient);
  });
  const exponent = intervalOf(fit, (draw) => law(draw)?.exponent ?? null);
  if (point === null || coefficient === null || exponent === null) return null;
  let parallelCoefficient: number | null = null;
  if (shared) {
    const [baseline, arch] = [shared.logCoefficients[0]!, shared.logCoefficients[1]!];
    const inverseFactor = Math.exp((arch - baseline) / -shared.exponent);
    parallelCoefficient =
      inverseFactor < 1 ? Math.exp(baseline) * (1 - inverseFactor) ** -shared.exponent : null;
  }
  return {
    coefficient,
    exponent,
    range: [Math.exp(point.logMin), Math.exp(point.logMax)],
    parallelCoefficient,
    parallelExponent: parallelCoefficient === null ? null : shared!.exponent,
  };
}

/** Why no law, and so no speedup at optimal size, can be had for the pair; null where it can. */
function missingLaw(study: Study, fit: StudyFit, pair: Pair): string | null {
  const problems = [pair.baseline, pair.arch].flatMap((index) => {
    const { arch, groups } = study.archs[index]!;
    const law = fit.laws[index]![0];
    const accepted = groups.filter((group) => fit.vertices[group] !== null).length;
    if (!law)
      return [
        `${arch} has an accepted minimum at ${accepted} of ${groups.length} budgets, and a law needs 2`,
      ];
    return index === pair.arch && law.exponent > -1e-12
      ? [`the loss of ${arch} does not fall with compute`]
      : [];
  });
  return problems.length === 0 ? null : `No speedup at optimal size: ${problems.join('; ')}.`;
}

/** All comparisons of one architecture with one baseline. */
export function compare(study: Study, fit: BootstrappedFit, pair: Pair): Speedup {
  const atOptimalSize = study.costs.flatMap((_, cost) => speedupAtOptimalSize(study, fit, pair, cost) ?? []);
  const factorOf = (kind: CostKind): number | undefined =>
    atOptimalSize.find((entry) => entry.cost === kind)?.factor.value;
  const [all, matmul] = [factorOf('flops'), factorOf('flopsMatmul')];
  const curve = speedupCurve(fit, pair);
  const { exponentDifference, parallelPValue, pureLawFactor, shared } = parallelLines(study, fit, pair);
  const arch = study.archs[pair.arch]!;
  const baseline = study.archs[pair.baseline]!;
  const paired = pairedNoise(
    study.cells.filter((cell) => cell.arch === arch.arch || cell.arch === baseline.arch),
  );
  const headline = atOptimalSize[0];
  return {
    arch: arch.arch,
    baseline: baseline.arch,
    positions: arch.positions,
    atOptimalSize,
    reason: missingLaw(study, fit.point, pair),
    matmulDiffers: all !== undefined && matmul !== undefined && Math.abs(matmul / all - 1) > 0.01,
    curve,
    pureLawFactor,
    exponentDifference,
    parallelPValue,
    savings: savingsLaw(fit, pair, curve, shared),
    fixedSize: fixedSizeSpeedups(study, fit, pair),
    atBudget: budgetDifferences(study, fit, pair),
    sameSize: sameSizeDifferences(study, pair, paired),
    otherSize: otherSizeDifferences(study, pair),
    pairedStandardDeviation: paired?.standardDeviation ?? null,
    power: headline ? powerOf(headline.factor) : null,
  };
}
