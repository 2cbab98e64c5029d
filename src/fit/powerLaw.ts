/** Power laws y = a x^b: alone, with a shared exponent, the test that exponents are equal, and where a law reaches a value. */
import { PowerRegression } from 'ml-regression';
import { fUpperTail } from './distributions.js';
import { mean } from './statistics.js';

/** ln y = logCoefficient + exponent ln x, with the range of ln x that it was fitted on. */
export interface LogLaw {
  readonly logCoefficient: number;
  readonly exponent: number;
  readonly nPoints: number;
  readonly logMin: number;
  readonly logMax: number;
}

/** A point of a law, both coordinates as natural logarithms. */
export interface LogPoint {
  readonly x: number;
  readonly y: number;
}

/**
 * Least squares in logs (ml-regression's PowerRegression, on x over its geometric mean so that no digits are lost at
 * 1e20 FLOPs). Null with fewer than 2 different x.
 */
export function fitPowerLaw(points: readonly LogPoint[]): LogLaw | null {
  let logMin = Infinity;
  let logMax = -Infinity;
  for (const { x } of points) {
    logMin = Math.min(logMin, x);
    logMax = Math.max(logMax, x);
  }
  if (!(logMax - logMin > 1e-9)) return null;
  const centre = mean(points.map((point) => point.x));
  const law = new PowerRegression(
    points.map(({ x }) => Math.exp(x - centre)),
    points.map(({ y }) => Math.exp(y)),
  );
  return {
    logCoefficient: Math.log(law.A) - law.B * centre,
    exponent: law.B,
    nPoints: points.length,
    logMin,
    logMax,
  };
}

/** ln y of the law at ln x. */
export function lawAt(law: LogLaw, logX: number): number {
  return law.logCoefficient + law.exponent * logX;
}

/** ln x at which a falling law reaches ln y, wherever that is; null for a law that does not fall. */
export function lawReaches(law: LogLaw, logY: number): number | null {
  return law.exponent < -1e-12 ? (logY - law.logCoefficient) / law.exponent : null;
}

/** Mean of |predicted / observed - 1|. */
export function meanRelativeError(law: LogLaw, points: readonly LogPoint[]): number {
  return mean(points.map(({ x, y }) => Math.abs(Math.expm1(lawAt(law, x) - y))));
}

/** Laws of several groups that share one exponent (the paper's parallel lines), and the test that they do. */
export interface SharedLaw {
  readonly exponent: number;
  readonly logCoefficients: readonly number[];
  /** F of one slope for each group against one for all; null without residual degrees of freedom or residuals. */
  readonly fStatistic: number | null;
  readonly degreesOfFreedom: readonly [number, number];
  readonly pValue: number | null;
}

/**
 * Analysis of covariance in logs: one intercept for each group, one exponent for all; the F test compares it with an
 * exponent for each group. Null where a group has fewer than 2 different x, or with fewer than 2 groups.
 */
export function fitSharedExponent(groups: readonly (readonly LogPoint[])[]): SharedLaw | null {
  if (groups.length < 2) return null;
  const moments = groups.map((points) => {
    const x = mean(points.map((point) => point.x));
    const y = mean(points.map((point) => point.y));
    let sxx = 0, sxy = 0, syy = 0; // prettier-ignore
    for (const point of points) {
      sxx += (point.x - x) ** 2;
      sxy += (point.x - x) * (point.y - y);
      syy += (point.y - y) ** 2;
    }
    return { x, y, sxx, sxy, syy };
  });
  if (moments.some(({ sxx }) => !(sxx > 1e-18))) return null;

  const sum = (pick: (m: (typeof moments)[number]) => number): number =>
    moments.reduce((total, m) => total + pick(m), 0);
  const exponent = sum((m) => m.sxy) / sum((m) => m.sxx);
  const restricted = sum((m) => m.syy - 2 * exponent * m.sxy + exponent * exponent * m.sxx);
  const free = sum((m) => Math.max(0, m.syy - (m.sxy * m.sxy) / m.sxx));
  const d1 = groups.length - 1;
  const d2 = groups.reduce((total, points) => total + points.length, 0) - 2 * groups.length;
  const excess = Math.max(0, restricted - free);
  // Points exactly on their lines leave rounding where noise should be: F has no value, but the answer is plain.
  const rounding =
    1e-24 *
    Math.max(
      1,
      sum((m) => m.syy),
    );
  const fStatistic = d2 > 0 && free > rounding ? excess / d1 / (free / d2) : null;
  const exactAnswer = excess > 1e3 * rounding ? 0 : 1;
  return {
    exponent,
    logCoefficients: moments.map((m) => m.y - exponent * m.x),
    fStatistic,
    degreesOfFreedom: [d1, Math.max(0, d2)],
    pValue: fStatistic !== null ? fUpperTail(fStatistic, d1, d2) : d2 > 0 ? exactAnswer : null,
  };
}
