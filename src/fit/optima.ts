/** Power laws of a table whose rows are optima already, one a budget: size, tokens and loss against compute. */
import type { PowerLaw } from './analysis.js';
import type { Interval } from './interval.js';
import { studentQuantile } from './distributions.js';
import { fitPowerLaw, lawAt, type LogPoint, meanRelativeError } from './powerLaw.js';
import type { RunPoint } from './runSet.js';
import { mean } from './statistics.js';

export interface OptimaLaws {
  readonly arch: string;
  /** Optimal N, D and loss against compute; null where the table lacks the column or has fewer than 2 budgets. */
  readonly params: PowerLaw | null;
  readonly tokens: PowerLaw | null;
  readonly loss: PowerLaw | null;
}

/** Power law by least squares in logs, with Student's t intervals from the residuals; none with 2 points. */
export function powerLawOf(points: readonly LogPoint[]): PowerLaw | null {
  const law = fitPowerLaw(points);
  if (law === null) return null;
  const degreesOfFreedom = points.length - 2;
  const centre = mean(points.map(({ x }) => x));
  const sxx = points.reduce((sum, { x }) => sum + (x - centre) ** 2, 0);
  const rss = points.reduce((sum, { x, y }) => sum + (y - lawAt(law, x)) ** 2, 0);
  const interval = (value: number, error: number, toUnit: (x: number) => number): Interval => {
    if (degreesOfFreedom < 1) return { value: toUnit(value), low: null, high: null, level: 0.95 };
    const half = studentQuantile(0.975, degreesOfFreedom) * error * Math.sqrt(rss / degreesOfFreedom);
    return { value: toUnit(value), low: toUnit(value - half), high: toUnit(value + half), level: 0.95 };
  };
  return {
    coefficient: interval(law.logCoefficient, Math.sqrt(1 / points.length + centre ** 2 / sxx), Math.exp),
    exponent: interval(law.exponent, 1 / Math.sqrt(sxx), (x) => x),
    nPoints: law.nPoints,
    range: [Math.exp(law.logMin), Math.exp(law.logMax)],
    inSampleError: meanRelativeError(law, points),
  };
}

/** Laws of one architecture's optima against compute. */
export function optimaLaws(arch: string, optima: readonly RunPoint[]): OptimaLaws {
  const against = (read: (point: RunPoint) => number | null): PowerLaw | null =>
    powerLawOf(
      optima.flatMap((point) => {
        const y = read(point);
        return y === null ? [] : [{ x: Math.log(point.flops), y: Math.log(y) }];
      }),
    );
  return {
    arch,
    params: against((point) => point.params),
    tokens: against((point) => point.tokens),
    loss: against((point) => point.loss),
  };
}
