/** What a reader of a parametric fit has to be careful with, as plain sentences. */
import type { ParametricProblem, ParametricRow, ParametricValues } from './parametric.js';
import { parametricLoss } from './parametric.js';
import type { PowerSumFit } from './powerSumFit.js';
import { quantileSorted, rangeOf } from './statistics.js';

/** Bootstrap of a case resampling needs this many units for each free parameter, or draws do not determine the form. */
export const UNITS_PER_PARAMETER = 2;

/** What the fit went through, as far as warnings need it. */
export interface Circumstances {
  readonly enough: boolean;
  readonly small: boolean;
  readonly bootstraps: number;
  readonly nUnits: number;
  readonly nFree: number;
}

/** Sentences about what to be careful with. */
export function parametricWarnings(
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
