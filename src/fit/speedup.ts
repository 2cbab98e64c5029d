/** All that is said of one architecture over one baseline, both at optimal size: the factor, how it changes, what it saves. */
import type { CostKind, FactorChange, SavingsLaw, Speedup } from './comparison.js';
import { intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { budgetDifferences, otherSizeDifferences, sameSizeDifferences } from './differences.js';
import {
  factorAt,
  linesOf,
  ratioOfFactors,
  readFactor,
  type Reader,
  readingOfPair,
  speedupAtOptimalSize,
} from './factors.js';
import { fixedSizeSpeedups } from './fixedSize.js';
import { leavesOutZero } from './interval.js';
import { pairedNoise } from './noise.js';
import { powerOf } from './power.js';
import { fitPowerLaw, fitSharedExponent, type LogLaw } from './powerLaw.js';
import { type FrontierLine, lossAt, rangeOf } from './reading.js';
import { frontierPoints, type Pair, type StudyFit } from './studyFit.js';

/** Points of a curve over the baseline's range. */
const CURVE_POINTS = 25;

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
  return curveGrid(reader, pair, lines.baseline).flatMap(({ logFlops, budgetFlops }) => {
    const read = readFactor(reader, pair, 0, logFlops);
    if (read === null) return [];
    return [
      {
        baselineFlops: Math.exp(logFlops),
        budgetFlops,
        lossNats: Math.exp(lossAt(lines.baseline, logFlops)),
        ...read,
        extrapolated: read.relation !== '=',
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
  const ratio = ratioOfFactors(reader, { pair, budgetFlops: toFlops }, { pair, budgetFlops: fromFlops });
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
