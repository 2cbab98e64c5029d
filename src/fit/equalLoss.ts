/**
 * A difference of loss at one size as a factor of compute: by how much more (or less) compute the baseline reaches the same
 * loss at that size, read from the baseline's own finished runs of other budgets, never beyond them.
 */
import type { MeasuredFactor } from './comparison.js';

/** One budget of the baseline at the size: mean loss over `seeds` runs. */
export interface LadderPoint {
  readonly logFlops: number;
  readonly lossNats: number;
  readonly seeds: number;
}

/** The architecture's loss minus that of the baseline, with its standard error and Student's quantile. */
export interface LossDifference {
  readonly value: number;
  readonly error: { readonly standardError: number; readonly quantile: number } | null;
}

/** Steps between two budgets in which the end of an interval is looked for. */
const STEPS = 48;

/**
 * The baseline's compute at the architecture's loss over the compute that both spent, loss being interpolated in the
 * logarithm of compute.
 *
 * The interval holds every compute at which the baseline's loss and the architecture's are not told apart, the errors of
 * the difference and of the interpolated losses counted: between two budgets that is Fieller's interval (Fieller 1954,
 * "Some problems in interval estimation"). It leaves out 1 exactly where the interval of the difference leaves out 0.
 *
 * @param ladder - by rising compute, 2 budgets or more
 * @param own - index of the budget that both were trained with
 * @param seedDeviation - standard deviation of a loss between seeds, nats
 */
export function computeAtEqualLoss(
  ladder: readonly LadderPoint[],
  own: number,
  difference: LossDifference,
  seedDeviation: number,
): MeasuredFactor {
  const start = ladder[own]!;
  const factorAt = (place: number): number => Math.exp(interpolated(ladder, place).logFlops - start.logFlops);
  const target = start.lossNats + difference.value;
  const crossing = crossingFrom(ladder, own, target);
  if (crossing === null) {
    const isBelow = difference.value < 0;
    return {
      relation: isBelow ? '>' : '<',
      bound: factorAt(isBelow ? ladder.length - 1 : 0),
      factor: null,
    };
  }
  const { error } = difference;
  const excess = (place: number): number => {
    const { lossNats, shareOfOwn, variance } = interpolated(ladder, place, own);
    // What both losses share at equal seeds cancels as far as the baseline's run of this budget is in the interpolation.
    const total = Math.sqrt(shareOfOwn * error!.standardError ** 2 + seedDeviation ** 2 * variance);
    return Math.abs(target - lossNats) - error!.quantile * total;
  };
  const end = (direction: 1 | -1): number | null => {
    const place = error === null ? null : firstRoot(excess, crossing, direction, ladder.length - 1);
    return place === null ? null : factorAt(place);
  };
  return {
    relation: '=',
    bound: null,
    factor: { value: factorAt(crossing), low: end(-1), high: end(1), level: 0.95 },
  };
}

/** Place on the ladder (an index with a fraction) where its loss is first the target's, going out from `own`. */
function crossingFrom(ladder: readonly LadderPoint[], own: number, target: number): number | null {
  const step = target < ladder[own]!.lossNats ? 1 : -1;
  for (let i = own; ladder[i + step] !== undefined; i += step) {
    const [from, to] = [ladder[i]!.lossNats, ladder[i + step]!.lossNats];
    if (step * (target - to) < 0) continue;
    return i + (from === to ? 0 : step * ((target - from) / (to - from)));
  }
  return target === ladder[own]!.lossNats ? own : null;
}

/**
 * Compute and loss between two budgets, the weight of the budget `own` in them, and the variance of (that loss minus the
 * loss at `own`) in units of the variance of one run.
 */
function interpolated(
  ladder: readonly LadderPoint[],
  place: number,
  own = 0,
): { logFlops: number; lossNats: number; shareOfOwn: number; variance: number } {
  const left = Math.min(Math.floor(place), ladder.length - 2);
  const share = place - left;
  const [a, b] = [ladder[left]!, ladder[left + 1]!];
  const between = (x: number, y: number): number => (1 - share) * x + share * y;
  const weight = (i: number): number => (i === left ? 1 - share : i === left + 1 ? share : 0);
  return {
    logFlops: between(a.logFlops, b.logFlops),
    lossNats: between(a.lossNats, b.lossNats),
    shareOfOwn: weight(own),
    variance: ladder.reduce((sum, { seeds }, i) => sum + (weight(i) - (i === own ? 1 : 0)) ** 2 / seeds, 0),
  };
}

/** Where `f`, below 0 at `from`, first becomes positive in a direction; null where it stays below within 0 to `last`. */
function firstRoot(
  f: (place: number) => number,
  from: number,
  direction: 1 | -1,
  last: number,
): number | null {
  let inside = from;
  while (inside > 0 || direction > 0) {
    const outside = Math.min(last, Math.max(0, inside + direction / STEPS));
    if (outside === inside) return null;
    if (f(outside) > 0) return bisect(f, inside, outside);
    inside = outside;
  }
  return null;
}

function bisect(f: (place: number) => number, inside: number, outside: number): number {
  let [a, b] = [inside, outside];
  for (let i = 0; i < 50; i++) {
    const middle = (a + b) / 2;
    if (f(middle) > 0) b = middle;
    else a = middle;
  }
  return (a + b) / 2;
}
