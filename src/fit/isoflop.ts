/** Loss against size at one budget: a robust parabola in ln(FLOPs per token), and whether its minimum is one. */
import { median, rangeOf } from './statistics.js';

/** loss = c0 + c1 u + c2 u^2 with u = ln(FLOPs per token) - center. */
export interface Parabola {
  readonly center: number;
  readonly coefficients: readonly [number, number, number];
}

/** Where the parabola's minimum lies, or why it is not accepted as one. */
export type Minimum =
  | { readonly accepted: true; readonly logSize: number; readonly lossNats: number }
  | { readonly accepted: false; readonly reason: string };

/** Weighted least squares of a parabola, by its normal equations; null where they are singular. */
function weightedParabola(
  u: readonly number[],
  y: ArrayLike<number>,
  weights: Float64Array,
): [number, number, number] | null {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, t0 = 0, t1 = 0, t2 = 0; // prettier-ignore
  for (let i = 0; i < u.length; i++) {
    const w = weights[i]!;
    const x = u[i]!;
    const wx = w * x;
    const wxx = wx * x;
    s0 += w;
    s1 += wx;
    s2 += wxx;
    s3 += wxx * x;
    s4 += wxx * x * x;
    t0 += w * y[i]!;
    t1 += wx * y[i]!;
    t2 += wxx * y[i]!;
  }
  // Elimination without pivoting: the matrix is positive definite wherever three sizes differ.
  const m11 = s2 - (s1 * s1) / s0;
  const m12 = s3 - (s1 * s2) / s0;
  const m22 = s4 - (s2 * s2) / s0;
  const r1 = t1 - (s1 * t0) / s0;
  const r2 = t2 - (s2 * t0) / s0;
  const determinant = m22 - (m12 * m12) / m11;
  if (!(determinant > 1e-12 * s4)) return null;
  const c2 = (r2 - (m12 * r1) / m11) / determinant;
  const c1 = (r1 - m12 * c2) / m11;
  return [(t0 - s1 * c1 - s2 * c2) / s0, c1, c2];
}

/**
 * Huber parabola of `losses` over `logSize` (ln FLOPs per token, one entry a run): iteratively reweighted least
 * squares with the threshold 1.345 times the robust scale (Huber 1981; 95% efficiency under normal noise).
 * Two sizes give no parabola (null). With three the curve through the cell means is exact, so that least squares is
 * all there is. The scale is never taken below `noise`, the seed standard deviation where it is known, since with few
 * runs the median residual may vanish by chance.
 */
export function fitParabola(
  logSize: readonly number[],
  losses: ArrayLike<number>,
  nSizes: number,
  noise: number,
): Parabola | null {
  if (nSizes < 3) return null;
  const [smallest, largest] = rangeOf(logSize);
  const center = (smallest + largest) / 2;
  const u = logSize.map((x) => x - center);
  const weights = new Float64Array(u.length).fill(1);
  let coefficients = weightedParabola(u, losses, weights);
  if (coefficients === null || nSizes === 3) return coefficients && { center, coefficients };

  const residuals = new Float64Array(u.length);
  for (let iteration = 0; iteration < 50; iteration++) {
    const [c0, c1, c2] = coefficients;
    for (let i = 0; i < u.length; i++) residuals[i] = Math.abs(losses[i]! - c0 - u[i]! * (c1 + u[i]! * c2));
    const threshold = 1.345 * Math.max(1.4826 * median(residuals), noise);
    let heaviest = 0;
    for (let i = 0; i < u.length; i++) {
      weights[i] = residuals[i]! > threshold ? threshold / residuals[i]! : 1;
      heaviest = Math.max(heaviest, residuals[i]!);
    }
    if (heaviest <= threshold && iteration === 0) break;
    const next = weightedParabola(u, losses, weights);
    if (next === null) break;
    const moved = Math.max(...next.map((c, k) => Math.abs(c - coefficients![k]!)));
    coefficients = next;
    if (moved < 1e-12) break;
  }
  return { center, coefficients };
}

/** Loss of the parabola at ln(FLOPs per token). */
export function parabolaAt(parabola: Parabola, logSize: number): number {
  const u = logSize - parabola.center;
  const [c0, c1, c2] = parabola.coefficients;
  return c0 + u * (c1 + u * c2);
}

/**
 * The vertex, accepted only if the parabola is convex and the vertex lies inside the sampled sizes.
 *
 * @param smallest - ln FLOPs per token of the smallest sampled size; `largest` that of the largest.
 */
export function findMinimum(parabola: Parabola | null, smallest: number, largest: number): Minimum {
  if (parabola === null)
    return { accepted: false, reason: 'Fewer than 3 sizes were trained, which fixes no minimum.' };
  const [c0, c1, c2] = parabola.coefficients;
  // Below this curvature the two ends of a decade of sizes differ by less than a millionth of a nat.
  if (!(c2 > 1e-7))
    return {
      accepted: false,
      reason: 'The loss does not curve upwards in size, so the curve has no minimum.',
    };
  const u = -c1 / (2 * c2);
  return insideSizes(parabola.center + u, c0 - (c1 * c1) / (4 * c2), smallest, largest);
}

/** A minimum as accepted where it lies inside the sampled sizes, or the reason why it is not. */
export function insideSizes(logSize: number, lossNats: number, smallest: number, largest: number): Minimum {
  if (logSize <= smallest) {
    return {
      accepted: false,
      reason: 'The minimum lies at or below the smallest size; a smaller one is needed.',
    };
  }
  if (logSize >= largest) {
    return {
      accepted: false,
      reason: 'The minimum lies at or above the largest size; a larger one is needed.',
    };
  }
  return { accepted: true, logSize, lossNats };
}

/** Linear interpolation of `values` at `x` over rising `positions`; NaN where either neighbour is NaN. */
export function interpolate(x: number, positions: readonly number[], values: readonly number[]): number {
  let i = 1;
  while (i < positions.length - 1 && positions[i]! < x) i++;
  const fraction = (x - positions[i - 1]!) / (positions[i]! - positions[i - 1]!);
  return values[i - 1]! + fraction * (values[i]! - values[i - 1]!);
}
