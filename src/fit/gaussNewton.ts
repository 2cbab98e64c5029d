/**
 * Least squares on log loss of L = exp(e) + exp(c - k x) from a near start, by damped Gauss-Newton steps (Levenberg 1944,
 * Marquardt 1963): a bootstrap makes thousands of such fits to a handful of points each.
 */
import type { LogPoint } from './powerLaw.js';
import type { PowerSumParameters } from './powerSum.js';

const MOST_STEPS = 100;
/** Bounds of the damping. */
const LEAST_DAMPED = 1e-9;
const MOST_DAMPED = 1e12;
/** The smallest irreducible loss, nats; also what keeps the equations solvable. */
const LEAST = 1e-12;
/** A step that lowers the sum of squares by less than this share ends the search. */
const TOLERANCE = 1e-8;

/**
 * @param start - e, c and k of a fit to nearly the same points
 * @param centre - what is taken off x before it meets k
 * @returns null where the search does not come to rest
 */
export function refineSaturating(
  points: readonly LogPoint[],
  centre: number,
  start: PowerSumParameters,
): { parameters: PowerSumParameters; squares: number } | null {
  const n = points.length;
  const x = Float64Array.from(points, (point) => point.x - centre);
  const y = Float64Array.from(points, (point) => point.y);
  const squaresAt = (e: number, c: number, k: number): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (Math.log(e + Math.exp(c - k * x[i]!)) - y[i]!) ** 2;
    return sum;
  };
  // The irreducible loss itself, not its logarithm: along it the loss is a straight line.
  let [e, c, k] = [Math.max(LEAST, Math.exp(start[0]!)), start[1]!, start[2]!];
  let squares = squaresAt(e, c, k);
  let damping = 1e-3;
  const done = () => ({ parameters: Float64Array.of(Math.log(e), c, k), squares });
  for (let step = 0; step < MOST_STEPS; step++) {
    // Normal equations: slopes of ln L in e, c and k.
    let [ee, ec, ek, cc, ck, kk, re, rc, rk] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const part = Math.exp(c - k * x[i]!);
      const whole = e + part;
      const residual = y[i]! - Math.log(whole);
      const second = part / whole;
      const first = 1 / whole;
      const third = -second * x[i]!;
      ee += first * first;
      ec += first * second;
      ek += first * third;
      cc += second * second;
      ck += second * third;
      kk += third * third;
      re += first * residual;
      rc += second * residual;
      rk += third * residual;
    }
    // At its bound e moves only upwards.
    if (e <= LEAST && re <= 0) [ee, ec, ek, re] = [1, 0, 0, 0];
    // Damped in the units of each parameter; one that no point depends on stays where it is.
    const before = squares;
    while (damping < MOST_DAMPED) {
      const grown = 1 + damping;
      const [a, b, d] = [ee * grown + LEAST, cc * grown + LEAST, kk * grown + LEAST];
      const [m, o, q] = [b * d - ck * ck, ek * ck - ec * d, ec * ck - ek * b];
      const determinant = a * m + ec * o + ek * q;
      const move = [
        (m * re + o * rc + q * rk) / determinant,
        (o * re + (a * d - ek * ek) * rc + (ec * ek - a * ck) * rk) / determinant,
        (q * re + (ec * ek - a * ck) * rc + (a * b - ec * ec) * rk) / determinant,
      ] as const;
      const next = [Math.max(LEAST, e + move[0]), c + move[1], k + move[2]] as const;
      const found = squaresAt(...next);
      if (found <= squares) {
        [e, c, k] = next;
        squares = found;
        damping = Math.max(LEAST_DAMPED, damping / 10);
        break;
      }
      damping *= 10;
    }
    // Nothing is gained any more, or no step of any length goes down as far as rounding lets be told.
    if (before - squares <= TOLERANCE * squares) return done();
  }
  return null;
}
