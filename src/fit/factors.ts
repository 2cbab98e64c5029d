/** The factor of a comparison at equal loss, read off two frontiers: the headline, and at any other compute of the baseline. */
import type { FrontierReading } from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import type { ReadFactor, SpeedupAtOptimalSize, Verdict } from './comparison.js';
import type { Interval } from './interval.js';
import {
  type FrontierLine,
  lineOf,
  lossAt,
  pointsUnder,
  rangeOf,
  reaches,
  type Readings,
} from './reading.js';
import { isSameBudget, type Pair, RANGE_TOLERANCE, type StudyFit } from './studyFit.js';

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
export function readingOfPair({ readings }: Reader, pair: Pair): FrontierReading {
  return readings[pair.arch] === 'law' && readings[pair.baseline] === 'law' ? 'law' : 'optima';
}

/** Two frontiers of a fit on one cost; null where either is missing. */
export function linesOf(
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
export function factorAt(
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

/** Where a factor is read: at the loss of the baseline's optimum at a budget. */
interface Place {
  readonly pair: Pair;
  readonly budgetFlops: number;
}

/** The factor in FLOPs of any draw; null where the baseline has no optimum at the budget. */
function factorAtBudget(
  reader: Reader,
  { pair, budgetFlops }: Place,
): ((draw: StudyFit) => number | null) | null {
  const { study, fit } = reader;
  const group = study.archs[pair.baseline]!.groups.find((own) =>
    isSameBudget(study.groups[own]!.budgetFlops, budgetFlops),
  );
  const vertex = group === undefined ? null : fit.point.vertices[group];
  return vertex ? (draw) => factorAt(reader, draw, pair, 0, vertex.logCost[0]!) : null;
}

/** One factor in FLOPs over another, drawn together, so that what they share cancels; null where either is missing. */
export function ratioOfFactors(reader: Reader, over: Place, under: Place): Interval | null {
  const [numerator, denominator] = [factorAtBudget(reader, over), factorAtBudget(reader, under)];
  return intervalOf(reader.fit, (draw) => {
    const [above, below] = [numerator?.(draw), denominator?.(draw)];
    return above == null || below == null ? null : above / below;
  });
}

/** The factor at the loss that the baseline has at `logBaselineCost`, and how it stands to what was measured. */
export function readFactor(
  reader: Reader,
  pair: Pair,
  cost: number,
  logBaselineCost: number,
): ReadFactor | null {
  const lines = linesOf(reader, reader.fit.point, pair, cost);
  const factor = intervalOf(reader.fit, (draw) => factorAt(reader, draw, pair, cost, logBaselineCost));
  if (lines === null || factor === null) return null;
  const { logMin, logMax } = rangeOf(lines.arch);
  const most = Math.exp(logBaselineCost - logMin);
  const least = Math.exp(logBaselineCost - logMax);
  const tolerance = Math.exp(RANGE_TOLERANCE);
  const relation = factor.value > most * tolerance ? '>' : factor.value < least / tolerance ? '<' : '=';
  const outside = (end: number | null): boolean =>
    end !== null && (end > most * tolerance || end < least / tolerance);
  return {
    relation,
    bound: relation === '>' ? most : relation === '<' ? least : null,
    factor,
    lowExtrapolated: outside(factor.low),
    highExtrapolated: outside(factor.high),
  };
}

/** The headline in one cost, an index into `Study.costs`; null where a frontier is missing or does not fall. */
export function speedupAtOptimalSize(reader: Reader, pair: Pair, cost: number): SpeedupAtOptimalSize | null {
  const { study, fit } = reader;
  const lines = linesOf(reader, fit.point, pair, cost);
  if (lines === null) return null;
  const { kind, hardware } = study.costs[cost]!;
  const logBaselineCost = readAt(reader, pair, cost, lines.baseline);
  const read = readFactor(reader, pair, cost, logBaselineCost);
  if (read === null) return null;
  return {
    cost: kind,
    hardware,
    lossNats: Math.exp(lossAt(lines.baseline, logBaselineCost)),
    baselineCost: Math.exp(logBaselineCost),
    ...read,
    verdict: verdictOf(read.factor),
    nBudgets: { arch: pointsUnder(lines.arch), baseline: pointsUnder(lines.baseline) },
  };
}
