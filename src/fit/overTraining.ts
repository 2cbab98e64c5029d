/**
 * The over-training form L = a N^b + c 6^(b/2) D^b + E with D = M N (Gadre et al. 2024): one exponent for size and
 * tokens, so that loss at any ratio M of tokens to parameters follows from a few small runs.
 */
import type { Interval } from './interval.js';
import { percentileInterval } from './bootstrap.js';
import { FitError } from './error.js';
import { type ParametricRow, weightedRows } from './parametric.js';
import { numberUnits } from './parametricDraws.js';
import { solve } from './powerSumFit.js';
import { randomStream } from './random.js';
import { mean } from './statistics.js';

export interface OverTrainingValues {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly E: number;
}

export interface OverTrainingFit {
  readonly form: 'a N^b + c 6^(b/2) D^b + E';
  readonly a: Interval;
  readonly b: Interval;
  readonly c: Interval;
  readonly E: Interval;
  /** Sum of squared errors of loss, with the rows' weights. */
  readonly objective: number;
  readonly nRows: number;
  readonly inSampleError: number;
  readonly warnings: readonly string[];
}

export interface OverTrainingResult {
  readonly fit: OverTrainingFit;
  readonly values: OverTrainingValues;
}

const EXPONENTS = { strongest: -2, weakest: -0.01, nGrid: 120 } as const;
const N_PARAMETERS = 4;

/** Loss that the form gives at N parameters and D tokens. */
export function overTrainingLoss({ a, b, c, E }: OverTrainingValues, params: number, tokens: number): number {
  return a * params ** b + c * 6 ** (b / 2) * tokens ** b + E;
}

/**
 * For a given exponent the form is linear, so least squares is one small system, and the search is over b alone: a
 * grid, then golden section around its best, which finds the global minimum without a start.
 */
function fitWeighted(
  rows: readonly ParametricRow[],
  weights: readonly number[],
): { values: OverTrainingValues; objective: number } | null {
  const centreN = Math.exp(mean(rows.map((row) => Math.log(row.params))));
  const centreD = Math.exp(mean(rows.map((row) => Math.log(row.tokens))));
  const at = (b: number): { values: OverTrainingValues; objective: number } | null => {
    const columns = rows.map((row) => [(row.params / centreN) ** b, (row.tokens / centreD) ** b, 1]);
    const gram = [0, 1, 2].map((i) =>
      [0, 1, 2].map((k) => columns.reduce((sum, x, row) => sum + weights[row]! * x[i]! * x[k]!, 0)),
    );
    const right = [0, 1, 2].map((i) =>
      columns.reduce((sum, x, row) => sum + weights[row]! * x[i]! * rows[row]!.loss, 0),
    );
    const solution = solve(gram, right);
    if (solution === null) return null;
    const [a, c, E] = solution as [number, number, number];
    const objective = columns.reduce(
      (sum, x, row) => sum + weights[row]! * (a * x[0]! + c * x[1]! + E - rows[row]!.loss) ** 2,
      0,
    );
    return { values: { a: a * centreN ** -b, b, c: (c * centreD ** -b) / 6 ** (b / 2), E }, objective };
  };
  const { strongest, weakest, nGrid } = EXPONENTS;
  const grid = Array.from(
    { length: nGrid },
    (_, i) => strongest * (weakest / strongest) ** (i / (nGrid - 1)),
  );
  const values = grid.map((b) => at(b)?.objective ?? Infinity);
  const best = values.indexOf(Math.min(...values));
  if (!Number.isFinite(values[best])) return null;
  let low = grid[Math.max(0, best - 1)]!;
  let high = grid[Math.min(nGrid - 1, best + 1)]!;
  const golden = (Math.sqrt(5) - 1) / 2;
  const cost = (b: number): number => at(b)?.objective ?? Infinity;
  let inner = high - golden * (high - low);
  let outer = low + golden * (high - low);
  let [costInner, costOuter] = [cost(inner), cost(outer)];
  while (high - low > 1e-10) {
    if (costInner <= costOuter) {
      [high, outer, costOuter] = [outer, inner, costInner];
      inner = high - golden * (high - low);
      costInner = cost(inner);
    } else {
      [low, inner, costInner] = [inner, outer, costOuter];
      outer = low + golden * (high - low);
      costOuter = cost(outer);
    }
  }
  return at((low + high) / 2);
}

/**
 * Least squares on loss, with a bootstrap over units where there are at least two for each parameter.
 *
 * @throws FitError for fewer than 4 rows of weight above 0, a field that is not a positive number, or rows that do not tell the terms apart.
 */
export function fitOverTraining(
  rows: readonly ParametricRow[],
  { bootstraps = 1000, seed = 0 }: { readonly bootstraps?: number; readonly seed?: number } = {},
): OverTrainingResult {
  weightedRows(rows, N_PARAMETERS, `give at least ${N_PARAMETERS} rows`);
  const weights = rows.map((row) => row.weight ?? 1);
  const best = fitWeighted(rows, weights);
  if (best === null) {
    throw new FitError(
      'The rows do not tell a from c: size and tokens go together (one ratio of tokens to parameters). Add runs at another ratio.',
    );
  }

  const { unitOfRow, nUnits } = numberUnits(rows);
  const enough = nUnits >= 2 * N_PARAMETERS;
  const draws: OverTrainingValues[] = [];
  for (let draw = 0; enough && draw < bootstraps; draw++) {
    const random = randomStream(seed, draw);
    const counts = new Float64Array(nUnits);
    for (let i = 0; i < nUnits; i++) counts[Math.floor(random.uniform() * nUnits)]! += 1;
    const found = fitWeighted(
      rows,
      weights.map((w, row) => w * counts[unitOfRow[row]!]!),
    );
    if (found) draws.push(found.values);
  }
  const { values } = best;
  const interval = (name: keyof OverTrainingValues): Interval =>
    percentileInterval(
      values[name],
      draws.map((draw) => draw[name]),
    );
  const warnings: string[] = [];
  if (!enough)
    warnings.push(
      `${nUnits} runs are too few for a bootstrap of ${N_PARAMETERS} parameters, so no number has an interval.`,
    );
  if (rows.length === N_PARAMETERS)
    warnings.push(
      `${N_PARAMETERS} parameters go through ${rows.length} rows exactly: nothing checks the form.`,
    );
  for (const name of ['a', 'c', 'E'] as const) {
    if (values[name] < 0)
      warnings.push(`${name} is negative (${values[name].toPrecision(3)}): the form does not hold.`);
  }
  if (values.b <= EXPONENTS.strongest * 0.99 || values.b >= EXPONENTS.weakest * 1.01) {
    warnings.push(
      `The exponent b lies at the end of what is searched (${EXPONENTS.strongest} to ${EXPONENTS.weakest}).`,
    );
  }
  return {
    values,
    fit: {
      form: 'a N^b + c 6^(b/2) D^b + E',
      a: interval('a'),
      b: interval('b'),
      c: interval('c'),
      E: interval('E'),
      objective: best.objective,
      nRows: rows.length,
      inSampleError: mean(
        rows.map((row) => Math.abs(overTrainingLoss(values, row.params, row.tokens) / row.loss - 1)),
      ),
      warnings,
    },
  };
}
