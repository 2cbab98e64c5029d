/** The parametric fit as people read it: values with intervals, optimum, errors in and out of sample, and warnings. */
import type { LackOfFit } from './analysis.js';
import type { Interval } from './interval.js';
import { acceleration, bcaInterval } from './bca.js';
import { percentileInterval } from './bootstrap.js';
import { FitError } from './error.js';
import {
  PARAMETRIC_NAMES,
  type ParametricName,
  type ParametricRow,
  type ParametricSpec,
  type ParametricValues,
  parametricLoss,
  parametricOptimum,
  prepareParametric,
  solveParametric,
  toValues,
} from './parametric.js';
import {
  type HeldOutError,
  heldOutError,
  irreducibleLossTest,
  type IrreducibleLossTest,
  parametricLackOfFit,
} from './goodness.js';
import { type DrawJob, numberUnits } from './parametricDraws.js';
import { type DrawOptions, runDraws } from './drawThreads.js';
import type { ObjectiveKind } from './powerSum.js';
import { parametricWarnings, UNITS_PER_PARAMETER } from './parametricWarnings.js';
import { sandwichCovariance } from './sandwich.js';
import { mean, rangeOf } from './statistics.js';

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
  readonly heldOut: HeldOutError | null;
  /** Off the form against the spread of runs of equal N and D; null without such runs. */
  readonly lackOfFit: LackOfFit | null;
  /** Null where E is held, or rows are too few to compare. */
  readonly irreducibleLoss: IrreducibleLossTest | null;
  /** Observed loss over predicted, minus 1, of each row in the order given; empty for more than 5,000 rows. */
  readonly residuals: readonly number[];
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

/** A list of more residuals than this is for nobody's eyes. */
const MOST_RESIDUALS = 5000;

const DEFAULTS: ParametricSpec = { objective: 'huber', delta: 1e-3, starts: 500, fixed: {} };

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
    lackOfFit: parametricLackOfFit(rows, values, free.length),
    irreducibleLoss: irreducibleLossTest(rows, problem.spec, free.length),
    residuals:
      rows.length > MOST_RESIDUALS
        ? []
        : rows.map((row) => row.loss / parametricLoss(values, row.params, row.tokens) - 1),
    bootstraps: bootstrapTasks.length,
    intervalKind: byCovariance ? 'covariance' : draws.length > 0 ? interval : null,
    covariance,
    starts: best.starts,
    converged: best.converged,
    warnings: parametricWarnings(rows, problem, best, values, {
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
