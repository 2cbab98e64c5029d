/** Fits a sum of power laws: a grid of starts, L-BFGS from each, the best of them to the end. */
import { minimise } from './lbfgs.js';
import {
  type ObjectiveKind,
  type ObjectiveOptions,
  type PowerSumData,
  powerSumObjective,
  type PowerSumParameters,
} from './powerSum.js';
import { median } from './statistics.js';

export interface PowerSumFitOptions {
  readonly objective: ObjectiveKind;
  /** Huber threshold on log loss. */
  readonly delta: number;
  /** Number of starts, at least; a full grid over the exponents. */
  readonly starts: number;
  /** Parameters that are held, by index (e, c_1, alpha_1, ...); the centre of their term must then be 0. */
  readonly fixed: ReadonlyMap<number, number>;
}

export interface PowerSumFit {
  readonly parameters: PowerSumParameters;
  readonly objective: number;
  readonly converged: boolean;
  readonly starts: number;
  /** How many of the starts carried to the end came to this minimum, and how many there were. */
  readonly agreeing: readonly [number, number];
}

/** Exponents that the grid of starts spans, in the order of what scaling laws have been found to have. */
const START_EXPONENTS = [0.03, 2] as const;
/** Iterations spent on every start before the best are chosen. */
const SCREENING_ITERATIONS = 40;
/** Starts carried to the end. */
const FINALISTS = 8;
/** Of more rows than this an even sample of as many decides between starts, and all rows the rest. */
const SCREENING_ROWS = 1000;

/**
 * Least squares of loss on the parts given by the exponents, every part at least 0: the best of all choices of parts
 * that are left in (there are 2^(terms + 1)). Parts that come out 0 start small, since their logarithm is fitted.
 */
function startFrom(
  data: PowerSumData,
  exponents: readonly number[],
  fixed: ReadonlyMap<number, number>,
): PowerSumParameters {
  const nParts = exponents.length + 1;
  const n = data.loss.length;
  const columns = Array.from({ length: nParts }, (_, part) =>
    Float64Array.from({ length: n }, (_, i) =>
      part === 0 ? 1 : Math.exp(-exponents[part - 1]! * data.logX[part - 1]![i]!),
    ),
  );
  const logOf = (part: number): number => (part === 0 ? 0 : 2 * part - 1);
  const held = columns.map((_, part) => fixed.get(logOf(part)));
  const target = data.loss.map(
    (loss, i) =>
      loss -
      columns.reduce(
        (sum, column, part) => sum + (held[part] === undefined ? 0 : Math.exp(held[part]) * column[i]!),
        0,
      ),
  );
  const free = columns.flatMap((_, part) => (held[part] === undefined ? [part] : []));
  const gram = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += data.weight[i]! * a[i]! * b[i]!;
    return sum;
  };
  const products = columns.map((a) => columns.map((b) => gram(a, b)));
  const right = columns.map((a) => gram(a, target));

  let best: { gain: number; values: number[] } = { gain: -Infinity, values: columns.map(() => 0) };
  for (let mask = 1; mask < 1 << free.length; mask++) {
    const chosen = free.filter((_, k) => (mask >> k) & 1);
    const solution = solve(
      chosen.map((a) => chosen.map((b) => products[a]![b]!)),
      chosen.map((a) => right[a]!),
    );
    if (solution === null || solution.some((value) => value < 0)) continue;
    // The sum of squares falls by b' x at the solution of the normal equations.
    const gain = solution.reduce((sum, value, k) => sum + value * right[chosen[k]!]!, 0);
    if (gain > best.gain) {
      const values = columns.map(() => 0);
      chosen.forEach((part, k) => (values[part] = solution[k]!));
      best = { gain, values };
    }
  }
  const smallest = 0.01 * Math.min(...data.loss.subarray(0, Math.min(n, SCREENING_ROWS)));
  const parameters = new Float64Array(1 + 2 * exponents.length);
  for (let part = 0; part < nParts; part++) {
    parameters[logOf(part)] = held[part] ?? Math.log(Math.max(best.values[part]!, smallest));
    if (part > 0) parameters[2 * part] = exponents[part - 1]!;
  }
  return parameters;
}

/** Solution of a small symmetric system by Gaussian elimination with pivoting; null where it is singular. */
export function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | null {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const scale = Math.max(...matrix.flat().map(Math.abs));
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    if (!(Math.abs(rows[pivot]![k]!) > 1e-14 * scale)) return null;
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    let sum = rows[k]![n]!;
    for (let j = k + 1; j < n; j++) sum -= rows[k]![j]! * x[j]!;
    x[k] = sum / rows[k]![k]!;
  }
  return x;
}

/** Every combination of exponents, log-spaced; a fixed exponent has one value. */
function exponentGrid(
  scales: readonly number[],
  starts: number,
  fixed: ReadonlyMap<number, number>,
): number[][] {
  const nTerms = scales.length;
  const nFree = Array.from({ length: nTerms }, (_, t) => t).filter((t) => !fixed.has(2 + 2 * t)).length;
  const each = nFree === 0 ? 1 : Math.max(2, Math.ceil(starts ** (1 / nFree)));
  const [low, high] = START_EXPONENTS;
  const axis = Array.from({ length: each }, (_, i) => low * (high / low) ** (i / Math.max(1, each - 1)));
  let grid: number[][] = [[]];
  for (let t = 0; t < nTerms; t++) {
    const held = fixed.get(2 + 2 * t);
    const values = held === undefined ? axis.map((exponent) => exponent * scales[t]!) : [held];
    grid = grid.flatMap((head) => values.map((value) => [...head, value]));
  }
  return grid;
}

function sample(data: PowerSumData, rows: number): PowerSumData {
  const n = data.loss.length;
  if (n <= rows) return data;
  const pick = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: rows }, (_, i) => values[Math.floor(((i + 0.5) * n) / rows)]!);
  return {
    logX: data.logX.map(pick),
    scales: data.scales,
    loss: pick(data.loss),
    logLoss: pick(data.logLoss),
    weight: pick(data.weight),
  };
}

/** Widths of the rounded corner that `asymmetric` is approached through, as shares of the median loss. */
const SMOOTHING = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/** Where a start leads. */
export interface Descent {
  readonly parameters: PowerSumParameters;
  readonly objective: number;
  readonly converged: boolean;
}

/** From a start to the end of the road: for `asymmetric` through ever sharper corners. */
export function descend(
  data: PowerSumData,
  start: PowerSumParameters,
  options: ObjectiveOptions,
  typicalLoss: number,
): Descent {
  let parameters = start;
  let converged = true;
  const stages = options.kind === 'asymmetric' ? SMOOTHING.map((share) => share * typicalLoss) : [0];
  for (const smoothing of stages) {
    const found = minimise(powerSumObjective(data, { ...options, smoothing }), parameters);
    parameters = found.x;
    converged = found.converged;
  }
  const exact = powerSumObjective(data, options)(parameters, new Float64Array(parameters.length));
  return { parameters, objective: exact, converged };
}

/** The best fit over a grid of starts. */
export function fitPowerSum(data: PowerSumData, options: PowerSumFitOptions): PowerSumFit {
  const { objective: kind, delta, fixed } = options;
  const free = Array.from({ length: 1 + 2 * data.logX.length }, (_, k) => !fixed.has(k));
  const typicalLoss = median(sample(data, SCREENING_ROWS).loss);
  const screening = sample(data, SCREENING_ROWS);
  const rough: ObjectiveOptions = {
    kind,
    delta,
    free,
    smoothing: kind === 'asymmetric' ? 1e-2 * typicalLoss : 0,
  };
  const screen = powerSumObjective(screening, rough);
  const grid = exponentGrid(data.scales, options.starts, fixed);
  const screened = grid
    .map((exponents) =>
      minimise(screen, startFrom(screening, exponents, fixed), { maxIterations: SCREENING_ITERATIONS }),
    )
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => a.value - b.value);

  const byObjective = (a: Descent, b: Descent): number => a.objective - b.objective;
  const ends = screened
    .slice(0, FINALISTS)
    .map(({ x }) => descend(screening, x, { kind, delta, free }, typicalLoss))
    .sort(byObjective);
  const best = ends[0]!;
  const same = ({ objective }: Descent): boolean =>
    objective - best.objective <= 1e-6 * Math.abs(best.objective);
  const agreeing = ends.filter(same).length;
  // On all rows the best minimum of the sample is followed, and the next one that differs, should they change places.
  const other = ends.find((end) => !same(end));
  const whole =
    screening === data
      ? best
      : [best, ...(other ? [other] : [])]
          .map(({ parameters }) => descend(data, parameters, { kind, delta, free }, typicalLoss))
          .sort(byObjective)[0]!;
  return { ...whole, starts: grid.length, agreeing: [agreeing, ends.length] };
}

/** The start with the lowest objective as it stands, among a grid of `starts` or more. */
export function bestStart(data: PowerSumData, options: PowerSumFitOptions): PowerSumParameters {
  const { objective: kind, delta, fixed, starts } = options;
  const evaluate = powerSumObjective(data, { kind, delta });
  const gradient = new Float64Array(1 + 2 * data.logX.length);
  const candidates = exponentGrid(data.scales, starts, fixed).map((exponents) =>
    startFrom(data, exponents, fixed),
  );
  const values = candidates.map((candidate) => evaluate(candidate, gradient));
  return candidates[values.indexOf(Math.min(...values))] ?? candidates[0]!;
}
