/** The Chinchilla form L = E + A / N^alpha + B / D^beta: its data, its fit, and the compute-optimal sizes it implies. */
import { FitError } from './error.js';
import type { ObjectiveKind, PowerSumData, PowerSumParameters } from './powerSum.js';
import { predictLog } from './powerSum.js';
import { fitPowerSum, type PowerSumFit } from './powerSumFit.js';
import { LARGEST_LOSS } from './row.js';
import { mean } from './statistics.js';

/** One run: parameters N, training tokens D, and loss (or any quality that falls like one). */
export interface ParametricRow {
  readonly params: number;
  readonly tokens: number;
  readonly loss: number;
  /** Weight in the objective; 1 unless given. */
  readonly weight?: number;
  /** Bootstrap unit: rows of one unit are drawn together. Every row is its own unless given. */
  readonly unit?: string;
}

export const PARAMETRIC_NAMES = ['E', 'A', 'alpha', 'B', 'beta'] as const;
export type ParametricName = (typeof PARAMETRIC_NAMES)[number];
export type ParametricValues = Readonly<Record<ParametricName, number>>;

/** What is fitted and how; all but the rows. Survives being sent to a thread. */
export interface ParametricSpec {
  readonly objective: ObjectiveKind;
  /** Huber threshold on log loss. */
  readonly delta: number;
  readonly starts: number;
  /** Values that are held, such as `{ E: 1.69 }`. */
  readonly fixed: Readonly<Partial<Record<ParametricName, number>>>;
}

/**
 * Rows ready to be fitted: ln N and ln D about their means and over their spread, so that coefficients and exponents
 * are nearly independent and of one size, which is what the search needs.
 */
export interface ParametricProblem {
  readonly data: PowerSumData;
  readonly centres: readonly [number, number];
  readonly spec: ParametricSpec;
}

/**
 * The rows that a fit heeds, those of weight above 0.
 *
 * @param remedy - what to do where they are too few
 * @throws FitError for a number that no fit can take, or fewer of these rows than there are free parameters
 */
export function weightedRows(
  rows: readonly ParametricRow[],
  nFree: number,
  remedy: string,
): readonly ParametricRow[] {
  rows.forEach((row, i) => {
    for (const field of ['params', 'tokens', 'loss'] as const) {
      if (!(Number.isFinite(row[field]) && row[field] > 0)) {
        throw new FitError(`Row ${i + 1} has ${field} ${row[field]}; the form needs a positive number.`);
      }
    }
    if (row.weight !== undefined && !(Number.isFinite(row.weight) && row.weight >= 0)) {
      throw new FitError(`Row ${i + 1} has weight ${row.weight}; it must be 0 or more.`);
    }
    if (row.loss > LARGEST_LOSS) {
      throw new FitError(
        `Row ${i + 1} has loss ${row.loss}; fits take at most ${LARGEST_LOSS}: leave it out, or give losses in another unit.`,
      );
    }
  });
  const weighted = rows.filter((row) => row.weight !== 0);
  if (weighted.length < nFree) {
    const [noun, verb] = weighted.length === 1 ? ['row', 'does'] : ['rows', 'do'];
    const heeded = weighted.length === rows.length ? '' : ` of ${rows.length} with a weight above 0`;
    throw new FitError(
      `${weighted.length} ${noun}${heeded} ${verb} not determine ${nFree} parameters; ${remedy}.`,
    );
  }
  return weighted;
}

function checkRows(allRows: readonly ParametricRow[], spec: ParametricSpec): void {
  for (const [name, value] of Object.entries(spec.fixed)) {
    const positive = name !== 'E';
    if (!Number.isFinite(value) || value < 0 || (positive && value === 0)) {
      throw new FitError(
        `${name} can't be held at ${value}; it must be ${positive ? 'above 0' : '0 or more'}.`,
      );
    }
  }
  if (!(spec.delta > 0)) throw new FitError(`The Huber threshold must be above 0, not ${spec.delta}.`);
  if (!(Number.isInteger(spec.starts) && spec.starts > 0)) {
    throw new FitError(`The number of starts must be a whole number above 0, not ${spec.starts}.`);
  }
  const held = (name: ParametricName): boolean => spec.fixed[name] !== undefined;
  const nFree = PARAMETRIC_NAMES.filter((name) => !held(name)).length;
  const rows = weightedRows(allRows, nFree, `give at least ${nFree} rows or hold some parameters`);
  const distinct = (pick: (row: ParametricRow) => number): number => new Set(rows.map(pick)).size;
  if (distinct((row) => row.loss) === 1)
    throw new FitError('All losses are equal, so nothing depends on size or tokens.');
  for (const [field, coefficient, exponent] of [
    ['params', 'A', 'alpha'],
    ['tokens', 'B', 'beta'],
  ] as const) {
    if (distinct((row) => row[field]) === 1 && !(held(coefficient) && held(exponent))) {
      throw new FitError(
        `All rows have the same ${field}, so ${coefficient} and ${exponent} can't be told from E; hold both or add rows.`,
      );
    }
  }
}

/** Checks and prepares rows. @throws FitError for rows or options that no fit can be made of. */
export function prepareParametric(rows: readonly ParametricRow[], spec: ParametricSpec): ParametricProblem {
  checkRows(rows, spec);
  const logParams = Float64Array.from(rows, (row) => Math.log(row.params));
  const logTokens = Float64Array.from(rows, (row) => Math.log(row.tokens));
  // A coefficient that is held is the one at ln x = 0.
  const centreN = spec.fixed.A === undefined ? mean(logParams) : 0;
  const centreD = spec.fixed.B === undefined ? mean(logTokens) : 0;
  const scaleN = rootMeanSquare(logParams.map((x) => x - centreN));
  const scaleD = rootMeanSquare(logTokens.map((x) => x - centreD));
  const loss = Float64Array.from(rows, (row) => row.loss);
  return {
    data: {
      logX: [logParams.map((x) => (x - centreN) / scaleN), logTokens.map((x) => (x - centreD) / scaleD)],
      scales: [scaleN, scaleD],
      loss,
      logLoss: loss.map(Math.log),
      weight: Float64Array.from(rows, (row) => row.weight ?? 1),
    },
    centres: [centreN, centreD],
    spec,
  };
}

/** 1 where all values are 0: one size, whose exponent is then held. */
function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(mean(values.map((x) => x * x))) || 1;
}

/** Parameters held, by their place among the power sum's; E = 0 is a logarithm of -Infinity. */
export function fixedParameters({ data, spec: { fixed } }: ParametricProblem): Map<number, number> {
  const held = new Map<number, number>();
  if (fixed.E !== undefined) held.set(0, Math.log(fixed.E));
  if (fixed.A !== undefined) held.set(1, Math.log(fixed.A));
  if (fixed.alpha !== undefined) held.set(2, fixed.alpha * data.scales[0]!);
  if (fixed.B !== undefined) held.set(3, Math.log(fixed.B));
  if (fixed.beta !== undefined) held.set(4, fixed.beta * data.scales[1]!);
  return held;
}

/** The best fit of a problem, in the power sum's own parameters. */
export function solveParametric(problem: ParametricProblem): PowerSumFit {
  const { objective, delta, starts } = problem.spec;
  return fitPowerSum(problem.data, { objective, delta, starts, fixed: fixedParameters(problem) });
}

/** E, A, B, alpha and beta of a fit. */
export function toValues(
  parameters: PowerSumParameters,
  { data, centres }: ParametricProblem,
): ParametricValues {
  const [e, c1, a, c2, b] = parameters as unknown as readonly [number, number, number, number, number];
  const alpha = a / data.scales[0]!;
  const beta = b / data.scales[1]!;
  return {
    E: Math.exp(e),
    A: Math.exp(c1 + alpha * centres[0]),
    alpha,
    B: Math.exp(c2 + beta * centres[1]),
    beta,
  };
}

/** Loss that the form gives at N parameters and D tokens. */
export function parametricLoss(
  { E, A, B, alpha, beta }: ParametricValues,
  params: number,
  tokens: number,
): number {
  const logs = Float64Array.of(Math.log(E), Math.log(A), alpha, Math.log(B), beta);
  return Math.exp(predictLog(logs, [Math.log(params), Math.log(tokens)]));
}

/**
 * Compute-optimal N and D where training costs `flopsPerParamToken` N D FLOPs (6 as an estimate): minimising the form
 * along that curve gives N = G (C / k)^(beta / (alpha + beta)), D = (C / k)^(alpha / (alpha + beta)) / G with
 * G = (alpha A / (beta B))^(1 / (alpha + beta)) (Hoffmann et al. 2022, equation 4).
 */
export function parametricOptimum(
  { A, B, alpha, beta }: ParametricValues,
  flops: number,
  flopsPerParamToken = 6,
): { params: number; tokens: number } {
  const logG = Math.log((alpha * A) / (beta * B)) / (alpha + beta);
  const logProduct = Math.log(flops / flopsPerParamToken);
  return {
    params: Math.exp(logG + (beta / (alpha + beta)) * logProduct),
    tokens: Math.exp((alpha / (alpha + beta)) * logProduct - logG),
  };
}
