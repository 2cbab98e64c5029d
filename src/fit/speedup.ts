/** The headline: how much of the baseline's cost an architecture saves at equal loss, both at optimal size. */
import { type Interval, leavesOutZero } from './interval.js';
import type { FrontierReading } from './analysis.js';
import type {
  CostKind,
  FactorChange,
  SavingsLaw,
  Speedup,
  SpeedupAtOptimalSize,
  Verdict,
} from './comparison.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { budgetDifferences, otherSizeDifferences, sameSizeDifferences } from './differences.js';
import { fixedSizeSpeedups } from './fixedSize.js';
import { pairedNoise } from './noise.js';
import { fitPowerLaw, fitSharedExponent, type LogLaw } from './powerLaw.js';
import { powerOf } from './power.js';
import {
  type FrontierLine,
  lineOf,
  lossAt,
  pointsUnder,
  rangeOf,
  reaches,
  type Readings,
} from './reading.js';
import { frontierPoints, type Pair, RANGE_TOLERANCE, type StudyFit } from './studyFit.js';

/** Points of a curve over the baseline's range. */
const CURVE_POINTS = 25;

/** What the interval of a factor says; null without an interval. */
export function verdictOf(factor: Interval): Verdict | null {
  if (factor.low === null || factor.high === null) return null;
  if (factor.low > 1) return 'better';
  return factor.high < 1 ? 'worse' : 'not told apart';
}

/** The study and how its frontiers are read: what every comparison starts from. */
export interface Reader {
  readonly study: Study;
  readonly fit: BootstrappedFit;
  readonly readings: Readings;
}

/**
 * Both frontiers of a comparison are read alike, off their laws only where both are laws: read one off its law and the
 * other between its optima, and the factor would take in by how much a law misses what the other line goes through.
 */
function readingOfPair({ readings }: Reader, pair: Pair): FrontierReading {
  return readings[pair.arch] === 'law' && readings[pair.baseline] === 'law' ? 'law' : 'optima';
}

/** Two frontiers of a fit on one cost; null where either is missing. */
function linesOf(
  reader: Reader,
  fit: StudyFit,
  pair: Pair,
  cost: number,
): { arch: FrontierLine; baseline: FrontierLine } | null {
  const reading = readingOfPair(reader, pair);
  const arch = lineOf(fit, pair.arch, cost, reading);
  const baseline = lineOf(fit, pair.baseline, cost, reading);
  return arch && baseline ? { arch, baseline } : null;
}

/** Baseline cost over architecture cost at the loss that the baseline's frontier has at `logBaselineCost`. */
function factorAt(
  reader: Reader,
  fit: StudyFit,
  pair: Pair,
  cost: number,
  logBaselineCost: number,
): number | null {
  const lines = linesOf(reader, fit, pair, cost);
  if (lines === null) return null;
  const logCost = reaches(lines.arch, lossAt(lines.baseline, logBaselineCost));
  return logCost === null ? null : Math.exp(logBaselineCost - logCost);
}

/**
 * ln of the baseline's cost at which factors are read: at its largest budget, or, where the architecture was not trained
 * that far, at the largest that is not beyond the architecture's own. Read further out, it would be a bound that speaks of
 * the budgets that were chosen, not of the architecture. A budget whose sizes were not timed is none for seconds.
 */
function readAt({ study, fit }: Reader, pair: Pair, cost: number, baseline: FrontierLine): number {
  const logCostOf = (group: number): number => fit.point.vertices[group]?.logCost[cost] ?? NaN;
  const known = (arch: number) =>
    study.archs[arch]!.groups.filter((group) => !Number.isNaN(logCostOf(group)));
  const budgetOf = (group: number): number => study.groups[group]!.budgetFlops;
  const furthest = Math.max(...known(pair.arch).map(budgetOf));
  const within = known(pair.baseline).filter(
    (group) => Math.log(budgetOf(group) / furthest) <= RANGE_TOLERANCE,
  );
  return within.length === 0 ? rangeOf(baseline).logMax : Math.max(...within.map(logCostOf));
}

/** The headline factor in FLOPs, with the interval that the reader's draws give it. */
export function headlineFactor(reader: Reader, pair: Pair): Interval | null {
  return speedupAtOptimalSize(reader, pair, 0)?.factor ?? null;
}

/** The factor in FLOPs of any draw at the loss of the baseline's optimum at a budget; null where it has none there. */
export function factorAtBudget(
  reader: Reader,
  pair: Pair,
  budgetFlops: number,
): ((draw: StudyFit) => number | null) | null {
  const { study, fit } = reader;
  const group = study.archs[pair.baseline]!.groups.find(
    (own) => Math.abs(Math.log(study.groups[own]!.budgetFlops / budgetFlops)) <= RANGE_TOLERANCE,
  );
  const vertex = group === undefined ? null : fit.point.vertices[group];
  return vertex ? (draw) => factorAt(reader, draw, pair, 0, vertex.logCost[0]!) : null;
}

/** The headline in one cost, an index into `Study.costs`; null where a frontier is missing or does not fall. */
export function speedupAtOptimalSize(reader: Reader, pair: Pair, cost: number): SpeedupAtOptimalSize | null {
  const { study, fit } = reader;
  const lines = linesOf(reader, fit.point, pair, cost);
  if (lines === null) return null;
  const { kind, hardware } = study.costs[cost]!;
  const logBaselineCost = readAt(reader, pair, cost, lines.baseline);
  const factor = intervalOf(fit, (draw) => factorAt(reader, draw, pair, cost, logBaselineCost));
  if (factor === null) return null;

  const { logMin, logMax } = rangeOf(lines.arch);
  const most = Math.exp(logBaselineCost - logMin);
  const least = Math.exp(logBaselineCost - logMax);
  const tolerance = Math.exp(RANGE_TOLERANCE);
  const relation = factor.value > most * tolerance ? '>' : factor.value < least / tolerance ? '<' : '=';
  const outside = (end: number | null): boolean =>
    end !== null && (end > most * tolerance || end < least / tolerance);
  return {
    cost: kind,
    hardware,
    lossNats: Math.exp(lossAt(lines.baseline, logBaselineCost)),
    baselineCost: Math.exp(logBaselineCost),
    relation,
    bound: relation === '>' ? most : relation === '<' ? least : null,
    factor,
    lowExtrapolated: outside(factor.low),
    highExtrapolated: outside(factor.high),
    verdict: verdictOf(factor),
    nBudgets: { arch: pointsUnder(lines.arch), baseline: pointsUnder(lines.baseline) },
  };
}

interface CurvePlace {
  readonly logFlops: number;
  readonly budgetFlops: number | null;
}

/** Evenly spaced compute over the baseline's measured range, and its optima, where factors are quoted. */
function curveGrid({ study, fit }: Reader, pair: Pair, baseline: FrontierLine): CurvePlace[] {
  const { logMin, logMax } = rangeOf(baseline);
  const step = (logMax - logMin) / (CURVE_POINTS - 1);
  const optima = study.archs[pair.baseline]!.groups.flatMap((group): CurvePlace[] => {
    const vertex = fit.point.vertices[group];
    const { budgetFlops } = study.groups[group]!;
    return vertex == null ? [] : [{ logFlops: vertex.logCost[0]!, budgetFlops }];
  });
  const isTaken = (logFlops: number): boolean =>
    optima.some((optimum) => Math.abs(optimum.logFlops - logFlops) < step / 4);
  const between = Array.from({ length: CURVE_POINTS }, (_, i) => logMin + i * step)
    .filter((logFlops) => !isTaken(logFlops))
    .map((logFlops) => ({ logFlops, budgetFlops: null }));
  return [...optima, ...between].sort((a, b) => a.logFlops - b.logFlops);
}

function speedupCurve(reader: Reader, pair: Pair): Speedup['curve'] {
  const { fit } = reader;
  const lines = linesOf(reader, fit.point, pair, 0);
  if (lines === null) return [];
  const { logMin, logMax } = rangeOf(lines.arch);
  return curveGrid(reader, pair, lines.baseline).flatMap(({ logFlops, budgetFlops }) => {
    const factor = intervalOf(fit, (draw) => factorAt(reader, draw, pair, 0, logFlops));
    if (factor === null) return [];
    const logArch = logFlops - Math.log(factor.value);
    const inside = logArch >= logMin - RANGE_TOLERANCE && logArch <= logMax + RANGE_TOLERANCE;
    return [
      {
        baselineFlops: Math.exp(logFlops),
        budgetFlops,
        lossNats: Math.exp(lossAt(lines.baseline, logFlops)),
        factor,
        extrapolated: !inside,
      },
    ];
  });
}

/** By how much the factor changes from the smallest to the largest budget of the baseline where nothing is extrapolated. */
function changeOf(reader: Reader, pair: Pair, curve: Speedup['curve']): FactorChange | null {
  const measured = curve.flatMap(({ budgetFlops, extrapolated }) =>
    budgetFlops === null || extrapolated ? [] : [budgetFlops],
  );
  const [fromFlops, toFlops] = [measured[0], measured.at(-1)];
  if (fromFlops === undefined || toFlops === undefined || fromFlops === toFlops) return null;
  const from = factorAtBudget(reader, pair, fromFlops);
  const to = factorAtBudget(reader, pair, toFlops);
  const ratio = intervalOf(reader.fit, (draw) => {
    const [first, last] = [from?.(draw), to?.(draw)];
    return first == null || last == null ? null : last / first;
  });
  return ratio && { fromFlops, toFlops, ratio };
}

/** Exponent difference, F test and the factor of parallel lines (a_A / a_B)^(1/k), where both frontiers are laws. */
function parallelLines(reader: Reader, pair: Pair) {
  const { study, fit } = reader;
  const shared = (draw: StudyFit) =>
    fitSharedExponent(
      [pair.baseline, pair.arch].map((arch) => frontierPoints(draw.vertices, study.archs[arch]!.groups, 0)),
    );
  const exponentDifference = intervalOf(fit, (draw) => {
    const [arch, baseline] = [draw.laws[pair.arch]![0], draw.laws[pair.baseline]![0]];
    return arch && baseline ? arch.exponent - baseline.exponent : null;
  });
  const test = exponentDifference === null ? null : shared(fit.point);
  const testable = test !== null && (test.pValue !== null || exponentDifference?.low != null);
  const rejected = leavesOutZero(exponentDifference) || (test?.pValue ?? 1) < 0.05;
  const pureLawFactor =
    testable && !rejected && readingOfPair(reader, pair) === 'law'
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
  reader: Reader,
  pair: Pair,
  curve: Speedup['curve'],
  shared: ReturnType<typeof fitSharedExponent>,
): SavingsLaw | null {
  const grid = curve.filter((point) => !point.extrapolated).map((point) => Math.log(point.baselineFlops));
  if (grid.length < 2) return null;
  const { fit } = reader;
  const law = (draw: StudyFit): LogLaw | null => {
    const lines = linesOf(reader, draw, pair, 0);
    if (lines === null) return null;
    const points = grid.map((logFlops) => {
      const factor = factorAt(reader, draw, pair, 0, logFlops);
      const saved = factor === null ? NaN : Math.exp(logFlops) * (1 - 1 / factor);
      return { x: saved > 0 ? Math.log(saved) : NaN, y: lossAt(lines.baseline, logFlops) };
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
export function compare(reader: Reader, pair: Pair): Speedup {
  const { study, fit } = reader;
  const atOptimalSize = study.costs.flatMap((_, cost) => speedupAtOptimalSize(reader, pair, cost) ?? []);
  const factorOf = (kind: CostKind): number | undefined =>
    atOptimalSize.find((entry) => entry.cost === kind)?.factor.value;
  const [all, matmul] = [factorOf('flops'), factorOf('flopsMatmul')];
  const curve = speedupCurve(reader, pair);
  const { exponentDifference, parallelPValue, pureLawFactor, shared } = parallelLines(reader, pair);
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
    reading: readingOfPair(reader, pair),
    curve,
    change: changeOf(reader, pair, curve),
    pureLawFactor,
    exponentDifference,
    parallelPValue,
    savings: savingsLaw(reader, pair, curve, shared),
    fixedSize: fixedSizeSpeedups(study, fit, pair),
    atBudget: budgetDifferences(study, fit, pair),
    sameSize: sameSizeDifferences(study, pair, paired),
    otherSize: otherSizeDifferences(study, pair),
    pairedStandardDeviation: paired?.standardDeviation ?? null,
    power: headline ? powerOf(headline.factor) : null,
  };
}
