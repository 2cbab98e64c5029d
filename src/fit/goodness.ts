/** How good a parametric fit is: residuals, error of prediction, lack of fit against repeated runs, and whether E is needed. */
import type { LackOfFit } from './analysis.js';
import { chiSquaredUpperTail, fUpperTail } from './distributions.js';
import { FitError } from './error.js';
import { aicc } from './forms.js';
import {
  type ParametricProblem,
  type ParametricRow,
  type ParametricSpec,
  type ParametricValues,
  parametricLoss,
  prepareParametric,
  solveParametric,
  toValues,
} from './parametric.js';
import { mean } from './statistics.js';

/** Error of a fit that did not see the largest runs. */
export interface HeldOutError {
  readonly nRows: number;
  readonly meanRelativeError: number;
  readonly largestRelativeError: number;
  /** Signed error of the largest run. */
  readonly largestRunRelativeError: number;
}

/** Comparison with the form without irreducible loss, by least squares on log loss. */
export interface IrreducibleLossTest {
  /** AICc of the form with E minus that of the form without; below 0 the rows ask for E. */
  readonly aiccDifference: number;
  /** Likelihood-ratio test that E is 0 (half of a chi-squared tail, since E can't be negative). */
  readonly pValue: number;
}

/** With more rows than this any E is significant, and the test costs minutes. */
const MOST_TESTED_ROWS = 20_000;

/** Starts of fits that only serve a comparison. */
const FEW_STARTS = 100;

/** Values of a problem that may turn out not to be one (one size left, say); null then. */
function tryFit(
  rows: readonly ParametricRow[],
  spec: ParametricSpec,
): { values: ParametricValues; objective: number } | null {
  let problem: ParametricProblem;
  try {
    problem = prepareParametric(rows, { ...spec, starts: Math.min(spec.starts, FEW_STARTS) });
  } catch (error) {
    if (error instanceof FitError) return null;
    throw error;
  }
  const { parameters, objective } = solveParametric(problem);
  return { values: toValues(parameters, problem), objective };
}

/** Fit without the largest tenth of the runs (by N D), asked for their loss; null with too few rows. */
export function heldOutError(
  rows: readonly ParametricRow[],
  spec: ParametricSpec,
  nFree: number,
): HeldOutError | null {
  const nHeldOut = Math.max(1, Math.floor(rows.length / 10));
  if (rows.length - nHeldOut < nFree + 1) return null;
  const sorted = [...rows].sort((a, b) => a.params * a.tokens - b.params * b.tokens);
  const fit = tryFit(sorted.slice(0, -nHeldOut), spec);
  if (fit === null) return null;
  const errors = sorted
    .slice(-nHeldOut)
    .map((row) => parametricLoss(fit.values, row.params, row.tokens) / row.loss - 1);
  return {
    nRows: nHeldOut,
    meanRelativeError: mean(errors.map(Math.abs)),
    largestRelativeError: errors.map(Math.abs).reduce((a, b) => Math.max(a, b)),
    largestRunRelativeError: errors.at(-1)!,
  };
}

/** Whether the rows ask for an irreducible loss; null where E is held, or rows are too few, too many, or on the form exactly. */
export function irreducibleLossTest(
  rows: readonly ParametricRow[],
  spec: ParametricSpec,
  nFree: number,
): IrreducibleLossTest | null {
  const n = rows.length;
  if (spec.fixed.E !== undefined || n < nFree + 3 || n > MOST_TESTED_ROWS) return null;
  const square: ParametricSpec = { ...spec, objective: 'logLeastSquares' };
  const withE = tryFit(rows, square);
  const without = tryFit(rows, { ...square, fixed: { ...spec.fixed, E: 0 } });
  if (withE === null || without === null || !(withE.objective > 1e-20 * n)) return null;
  const ratio = n * Math.log(without.objective / withE.objective);
  return {
    aiccDifference: aicc(withE.objective, n, nFree) - aicc(without.objective, n, nFree - 1),
    pValue: ratio > 0 ? chiSquaredUpperTail(ratio, 1) / 2 : 0.5,
  };
}

/**
 * Log residuals split into pure error (runs of equal N and D about their mean) and the rest, which is the form's; null
 * without repeated runs.
 */
export function parametricLackOfFit(
  rows: readonly ParametricRow[],
  values: ParametricValues,
  nFree: number,
): LackOfFit | null {
  const cells = new Map<string, { logLosses: number[]; predicted: number }>();
  for (const { params, tokens, loss } of rows) {
    const key = `${params} ${tokens}`;
    const cell = cells.get(key) ?? {
      logLosses: [],
      predicted: Math.log(parametricLoss(values, params, tokens)),
    };
    cell.logLosses.push(Math.log(loss));
    cells.set(key, cell);
  }
  let [pure, lack] = [0, 0];
  for (const { logLosses, predicted } of cells.values()) {
    const centre = mean(logLosses);
    for (const y of logLosses) pure += (y - centre) ** 2;
    lack += logLosses.length * (centre - predicted) ** 2;
  }
  const d1 = cells.size - nFree;
  const d2 = rows.length - cells.size;
  if (d1 < 1 || d2 < 1 || pure === 0) return null;
  const fStatistic = lack / d1 / (pure / d2);
  return { fStatistic, degreesOfFreedom: [d1, d2], pValue: fUpperTail(fStatistic, d1, d2) };
}
