/** The parametric fit as people read it: values with intervals, optimum, errors in and out of sample, and warnings. */
import type { Interval } from './analysis.js';
import { acceleration, bcaInterval } from './bca.js';
import { percentileInterval } from './bootstrap.js';
import { FitError } from './error.js';
import {
  PARAMETRIC_NAMES,
  type ParametricName,
  type ParametricProblem,
  type ParametricRow,
  type ParametricSpec,
  type ParametricValues,
  parametricLoss,
  parametricOptimum,
  prepareParametric,
  solveParametric,
  toValues,
} from './parametric.js';
import { type DrawJob, numberUnits } from './parametricDraws.js';
import { type DrawOptions, runDraws } from './drawThreads.js';
import type { ObjectiveKind } from './powerSum.js';
import type { PowerSumFit } from './powerSumFit.js';
import { sandwichCovariance } from './sandwich.js';
import { mean, quantileSorted } from './statistics.js';

export interface ParametricOptions extends Partial<ParametricSpec>, DrawOptions {
  /** Bootstrap draws; 1,000 unless given, 0 for none. */
  readonly bootstraps?: number;
  readonly seed?: number;
  /** `bca` corrects for bias and skew at the cost of one fit more for every unit. */
  readonly interval?: 'percentile' | 'bca';
  /** FLOPs of training by parameter and token, for the optimum; 6 as an estimate. */
  readonly flopsPerParamToken?: number;
}

/** The result, one plain object that survives JSON. */
export interface ParametricFit {
  readonly form: 'E + A / N^alpha + B / D^beta';
  readonly E: Interval;
  readonly A: Interval;
  readonly alpha: Interval;
  readonly B: Interval;
  readonly beta: Interval;
  /** Value of the objective at the fit (a sum; a mean for `asymmetric`). */
  readonly objective: number;
  readonly objectiveKind: ObjectiveKind;
  /** Huber threshold on log loss; null for other objectives. */
  readonly delta: number | null;
  readonly fixed: readonly ParametricName[];
  readonly nRows: number;
  /** Compute-optimal N = coefficient C^exponent and D likewise, in closed form. */
  readonly optimum: {
    readonly flopsPerParamToken: number;
    readonly paramsExponent: Interval;
    readonly paramsCoefficient: Interval;
    readonly tokensExponent: Interval;
    readonly tokensCoefficient: Interval;
  };
  /** Measured ranges; predictions outside of them are extrapolated. */
  readonly range: { readonly params: readonly [number, number]; readonly tokens: readonly [number, number] };
  /** Mean of |predicted / observed - 1| over the rows fitted. In-sample error says little: see `heldOut`. */
  readonly inSampleError: number;
  /** Fit without the largest tenth of the runs (by N D), asked for their loss; null with too few rows. */
  readonly heldOut: {
    readonly nRows: number;
    readonly meanRelativeError: number;
    readonly largestRelativeError: number;
    /** Signed error of the largest run. */
    readonly largestRunRelativeError: number;
  } | null;
  readonly bootstraps: number;
  readonly intervalKind: 'percentile' | 'bca' | 'covariance' | null;
  /** Sandwich covariance of (ln E, ln A, alpha, ln B, beta); null where it does not exist. */
  readonly covariance: readonly (readonly number[])[] | null;
  readonly starts: number;
  readonly converged: boolean;
  readonly warnings: readonly string[];
}

/** A fit and its draws, for intervals of whatever follows from it. */
export interface ParametricResult {
  readonly fit: ParametricFit;
  readonly values: ParametricValues;
  readonly draws: readonly ParametricValues[];
}

/** More rows than this are given intervals by covariance: a bootstrap would take hours and say the same. */
const MOST_BOOTSTRAPPED_ROWS = 20_000;

const DEFAULTS: ParametricSpec = { objective: 'huber', delta: 1e-3, starts: 500, fixed: {} };

/** Bootstrap of a case resampling needs this many units for each free parameter, or draws do not determine the form. */
const UNITS_PER_PARAMETER = 2;

/**
 * Fits L = E + A / N^alpha + B / D^beta, from a grid of starts by L-BFGS with analytic gradients, with intervals by a
 * bootstrap over units (runs, or trunks where rows share one) on worker threads.
 *
 * @throws FitError for rows or options that no fit can be made of.
 */
export async function fitParametric(
  rows: readonly ParametricRow[],
  options: ParametricOptions = {},
): Promise<ParametricResult> {
  const { bootstraps = 1000, seed = 0, interval = 'percentile', flopsPerParamToken = 6, ...rest } = options;
  if (!Number.isInteger(bootstraps) || bootstraps < 0)
    throw new FitError(`bootstraps must be a whole number, not ${bootstraps}.`);
  const { objective, delta, starts, fixed } = { ...DEFAULTS, ...rest };
  const problem = prepareParametric(rows, { objective, delta, starts, fixed });
  const best = solveParametric(problem);
  const values = toValues(best.parameters, problem);
  const free = PARAMETRIC_NAMES.filter((name) => fixed[name] === undefined);
  const covariance = sandwichCovariance(problem, best.parameters);

  const units = numberUnits(rows);
  const enough = units.nUnits >= UNITS_PER_PARAMETER * free.length && free.length > 0;
  const small = rows.length <= MOST_BOOTSTRAPPED_ROWS;
  const job: DrawJob = { problem, ...units, start: best.parameters, seed };
  const toTasks = (kind: 'bootstrap' | 'jackknife', n: number) =>
    Array.from({ length: n }, (_, index) => ({ kind, index }));
  const bootstrapTasks = toTasks('bootstrap', enough && small ? bootstraps : 0);
  const jackknifeTasks = toTasks(
    'jackknife',
    interval === 'bca' && bootstrapTasks.length > 0 ? units.nUnits : 0,
  );
  const drawn = await runDraws(job, [...bootstrapTasks, ...jackknifeTasks], rest);
  const all = drawn.map((parameters) => toValues(parameters, problem));
  const draws = all.slice(0, bootstrapTasks.length);
  const leaveOneOut = all.slice(bootstrapTasks.length);
  const byCovariance = !small && bootstraps > 0 && enough && covariance !== null;

  const derive = (read: (values: ParametricValues) => number): Interval => {
    const value = read(values);
    if (byCovariance) return covarianceInterval(read, values, covariance);
    if (interval === 'bca' && draws.length > 0) {
      const ends = bcaInterval(value, draws.map(read), acceleration(leaveOneOut.map(read)));
      return { value, low: ends?.[0] ?? null, high: ends?.[1] ?? null, level: 0.95 };
    }
    return percentileInterval(value, draws.map(read));
  };
  const named = (name: ParametricName): Interval =>
    fixed[name] === undefined
      ? derive((v) => v[name])
      : { value: values[name], low: null, high: null, level: 0.95 };
  const atOne = (v: ParametricValues) => parametricOptimum(v, 1, flopsPerParamToken);
  const fit: ParametricFit = {
    form: 'E + A / N^alpha + B / D^beta',
    E: named('E'),
    A: named('A'),
    alpha: named('alpha'),
    B: named('B'),
    beta: named('beta'),
    objective: best.objective,
    objectiveKind: objective,
    delta: objective === 'huber' ? delta : null,
    fixed: PARAMETRIC_NAMES.filter((name) => fixed[name] !== undefined),
    nRows: rows.length,
    optimum: {
      flopsPerParamToken,
      paramsExponent: derive((v) => v.beta / (v.alpha + v.beta)),
      paramsCoefficient: derive((v) => atOne(v).params),
      tokensExponent: derive((v) => v.alpha / (v.alpha + v.beta)),
      tokensCoefficient: derive((v) => atOne(v).tokens),
    },
    range: { params: rangeOf(rows.map((row) => row.params)), tokens: rangeOf(rows.map((row) => row.tokens)) },
    inSampleError: mean(
      rows.map((row) => Math.abs(parametricLoss(values, row.params, row.tokens) / row.loss - 1)),
    ),
    heldOut: heldOutError(rows, problem.spec, free.length),
    bootstraps: bootstrapTasks.length,
    intervalKind: byCovariance ? 'covariance' : draws.length > 0 ? interval : null,
    covariance,
    starts: best.starts,
    converged: best.converged,
    warnings: warningsOf(rows, problem, best, values, {
      enough,
      small,
      bootstraps,
      nUnits: units.nUnits,
      nFree: free.length,
    }),
  };
  return { fit, values, draws };
}

/** Loss that a fit predicts, its interval by the draws, and whether N or D lies outside of what was measured. */
export function predictParametric(
  { fit, values, draws }: ParametricResult,
  params: number,
  tokens: number,
): { readonly loss: Interval; readonly extrapolated: boolean } {
  const inside = (x: number, [low, high]: readonly [number, number]): boolean => x >= low && x <= high;
  return {
    loss: percentileInterval(
      parametricLoss(values, params, tokens),
      draws.map((v) => parametricLoss(v, params, tokens)),
    ),
    extrapolated: !inside(params, fit.range.params) || !inside(tokens, fit.range.tokens),
  };
}

function rangeOf(values: readonly number[]): [number, number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/** Delta method: the gradient of ln(read) by differences in (ln E, ln A, alpha, ln B, beta). */
function covarianceInterval(
  read: (values: ParametricValues) => number,
  values: ParametricValues,
  covariance: readonly (readonly number[])[],
): Interval {
  const value = read(values);
  const step = 1e-5;
  const shifted = (name: ParametricName, by: number): ParametricValues => ({
    ...values,
    [name]: name === 'alpha' || name === 'beta' ? values[name] + by : values[name] * Math.exp(by),
  });
  const gradient = PARAMETRIC_NAMES.map(
    (name) => Math.log(read(shifted(name, step)) / read(shifted(name, -step))) / (2 * step),
  );
  let variance = 0;
  gradient.forEach((a, i) => gradient.forEach((b, k) => (variance += a * b * covariance[i]![k]!)));
  const half = 1.959963984540054 * Math.sqrt(Math.max(0, variance));
  return { value, low: value * Math.exp(-half), high: value * Math.exp(half), level: 0.95 };
}

function heldOutError(
  rows: readonly ParametricRow[],
  spec: ParametricSpec,
  nFree: number,
): ParametricFit['heldOut'] {
  const nHeldOut = Math.max(1, Math.floor(rows.length / 10));
  if (rows.length - nHeldOut < nFree + 1) return null;
  const sorted = [...rows].sort((a, b) => a.params * a.tokens - b.params * b.tokens);
  const kept = sorted.slice(0, -nHeldOut);
  let problem: ParametricProblem;
  try {
    problem = prepareParametric(kept, { ...spec, starts: Math.min(spec.starts, 100) });
  } catch (error) {
    // Without its largest runs the data may have one size only; then there is no prediction to judge.
    if (error instanceof FitError) return null;
    throw error;
  }
  const values = toValues(solveParametric(problem).parameters, problem);
  const errors = sorted
    .slice(-nHeldOut)
    .map((row) => parametricLoss(values, row.params, row.tokens) / row.loss - 1);
  return {
    nRows: nHeldOut,
    meanRelativeError: mean(errors.map(Math.abs)),
    largestRelativeError: errors.map(Math.abs).reduce((a, b) => Math.max(a, b)),
    largestRunRelativeError: errors.at(-1)!,
  };
}

interface Circumstances {
  readonly enough: boolean;
  readonly small: boolean;
  readonly bootstraps: number;
  readonly nUnits: number;
  readonly nFree: number;
}

function warningsOf(
  rows: readonly ParametricRow[],
  problem: ParametricProblem,
  best: PowerSumFit,
  values: ParametricValues,
  { enough, small, bootstraps, nUnits, nFree }: Circumstances,
): string[] {
  const warnings: string[] = [];
  const { fixed } = problem.spec;
  if (rows.length === nFree)
    warnings.push(`${nFree} parameters go through ${rows.length} rows exactly: nothing checks the form.`);
  if (!enough) {
    warnings.push(
      `${nUnits} runs are too few for a bootstrap of ${nFree} parameters (${UNITS_PER_PARAMETER * nFree} are needed), so no number has an interval.`,
    );
  } else if (!small && bootstraps > 0) {
    warnings.push(
      `With ${rows.length} rows the intervals come from the covariance of the fit instead of a bootstrap.`,
    );
  }
  if (!best.converged)
    warnings.push(
      'The search for the minimum stopped before it had settled; treat the last digits with care.',
    );
  const [agreeing, carried] = best.agreeing;
  if (agreeing < carried / 2) {
    warnings.push(
      `Only ${agreeing} of the ${carried} best starts end at this minimum: the fit has several, and the parameters are ill-determined.`,
    );
  }
  const smallestLoss = rangeOf(rows.map((row) => row.loss))[0];
  if (fixed.E === undefined && values.E < 1e-3 * smallestLoss)
    warnings.push('The irreducible loss E goes to 0: these rows do not show one.');
  for (const [exponent, coefficient] of [
    ['alpha', 'A'],
    ['beta', 'B'],
  ] as const) {
    if (fixed[exponent] === undefined && values[exponent] <= 0) {
      warnings.push(
        `${exponent} is ${values[exponent].toPrecision(3)}, not above 0: the loss does not fall that way, and the form does not hold.`,
      );
    }
    if (!Number.isFinite(values[coefficient]))
      warnings.push(`${coefficient} overflows; the form does not hold.`);
  }
  const seen = new Set(rows.map((row) => `${row.params} ${row.tokens} ${row.loss}`));
  if (seen.size < rows.length) {
    const copies = rows.length - seen.size;
    warnings.push(
      `${copies} ${copies === 1 ? 'row is an exact copy' : 'rows are exact copies'} of another: copies make intervals too narrow.`,
    );
  }
  const residuals = rows.map((row) =>
    Math.abs(Math.log(parametricLoss(values, row.params, row.tokens) / row.loss)),
  );
  const typical = quantileSorted(Float64Array.from(residuals).sort(), 0.5);
  const outliers = residuals.filter((r) => r > Math.max(10 * typical, 0.02)).length;
  if (outliers > 0)
    warnings.push(
      `${outliers} of ${rows.length} rows lie more than 10 times the median residual off the fit.`,
    );
  return warnings;
}
