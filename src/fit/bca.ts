/** Bootstrap intervals of a list of draws: percentile, and bias-corrected and accelerated. */
import { normalCdf, normalQuantile } from './distributions.js';
import { mean, quantileSorted } from './statistics.js';

/**
 * Acceleration of Efron's BCa interval from leave-one-out values: sum of cubes over 6 (sum of squares)^(3/2), of the
 * deviations mean - value (Efron and Tibshirani 1993, equation 14.15).
 */
export function acceleration(leaveOneOut: readonly number[]): number {
  const centre = mean(leaveOneOut);
  let squares = 0;
  let cubes = 0;
  for (const value of leaveOneOut) {
    squares += (centre - value) ** 2;
    cubes += (centre - value) ** 3;
  }
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}

/**
 * 95% BCa interval of `value` from its bootstrap draws (Efron and Tibshirani 1993, section 14.3). Null where all draws
 * lie on one side of the value, which leaves the bias correction infinite.
 */
export function bcaInterval(
  value: number,
  draws: readonly number[],
  accelerationConstant: number,
): [number, number] | null {
  const sorted = Float64Array.from(draws).sort();
  let below = 0;
  for (const draw of sorted) below += draw < value ? 1 : draw === value ? 0.5 : 0;
  if (below === 0 || below === sorted.length) return null;
  const bias = normalQuantile(below / sorted.length);
  const end = (p: number): number => {
    const z = bias + normalQuantile(p);
    return quantileSorted(sorted, normalCdf(bias + z / (1 - accelerationConstant * z)));
  };
  return [end(0.025), end(0.975)];
}
