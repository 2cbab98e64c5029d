/** The power law with an irreducible loss, compared with the plain one. */
import type { SaturatingLaw } from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { chiSquaredUpperTail, fUpperTail } from './distributions.js';
import { refineSaturating } from './gaussNewton.js';
import { logLossErrors } from './lackOfFit.js';
import { fitPowerLaw, lawAt, type LogPoint } from './powerLaw.js';
import { predictLog, type PowerSumData, type PowerSumParameters } from './powerSum.js';
import { descend, fitPowerSum } from './powerSumFit.js';
import { mean } from './statistics.js';
import { frontierPoints, type StudyFit } from './studyFit.js';

/** Fewer points than this do not tell an irreducible loss from a slower power. */
export const POINTS_FOR_IRREDUCIBLE_LOSS = 5;

/** Starts over the exponent; there is only one. */
const STARTS = 40;

/** L = E + a x^-k in logs of its parts. */
export interface Saturating {
  readonly irreducibleLoss: number;
  readonly logCoefficient: number;
  readonly exponent: number;
  readonly parameters: PowerSumParameters;
  readonly squares: number;
}

function toData(points: readonly LogPoint[], centre: number): PowerSumData {
  return {
    logX: [Float64Array.from(points, ({ x }) => x - centre)],
    scales: [1],
    loss: Float64Array.from(points, ({ y }) => Math.exp(y)),
    logLoss: Float64Array.from(points, ({ y }) => y),
    weight: new Float64Array(points.length).fill(1),
  };
}

/**
 * Least squares on log loss of L = E + a x^-k.
 *
 * @param start - parameters of a fit to nearly the same points, for draws of its bootstrap.
 */
export function fitSaturating(
  points: readonly LogPoint[],
  centre: number,
  start?: PowerSumParameters,
): Saturating {
  const refined = start === undefined ? null : refineSaturating(points, centre, start);
  if (refined !== null) return toLaw(refined.parameters, refined.squares, centre);
  const data = toData(points, centre);
  const { parameters, objective } =
    start === undefined
      ? fitPowerSum(data, { objective: 'logLeastSquares', delta: 1, starts: STARTS, fixed: new Map() })
      : descend(data, start, { kind: 'logLeastSquares', delta: 1 }, 1);
  return toLaw(parameters, objective, centre);
}

function toLaw(parameters: PowerSumParameters, squares: number, centre: number): Saturating {
  const [e, c, k] = parameters as unknown as readonly [number, number, number];
  return {
    irreducibleLoss: Math.exp(e),
    logCoefficient: c + k * centre,
    exponent: -k,
    parameters,
    squares,
  };
}

/**
 * Akaike's criterion with the small-sample term (Hurvich and Tsai 1989); the variance counts as a parameter.
 * Infinite with one point more than that or fewer, where the term has no meaning.
 */
export function aicc(squares: number, nPoints: number, nParameters: number): number {
  const p = nParameters + 1;
  if (nPoints <= p + 1) return Infinity;
  return nPoints * Math.log(squares / nPoints) + 2 * p + (2 * p * (p + 1)) / (nPoints - p - 1);
}

/** The saturating law of an architecture's optima; null with fewer than 5, or where points lie exactly on the plain law. */
export function saturatingLaw(
  study: Study,
  fit: BootstrappedFit,
  groups: readonly number[],
): SaturatingLaw | null {
  const pointsOf = (draw: StudyFit): LogPoint[] => frontierPoints(draw.vertices, groups, 0);
  const points = pointsOf(fit.point);
  const plain = fitPowerLaw(points);
  if (plain === null || points.length < POINTS_FOR_IRREDUCIBLE_LOSS) return null;
  const n = points.length;
  const centre = mean(points.map(({ x }) => x));
  const point = fitSaturating(points, centre);
  const plainSquares = points.reduce((sum, { x, y }) => sum + (y - lawAt(plain, x)) ** 2, 0);
  // Residuals of rounding alone have no likelihood to compare.
  if (!(plainSquares > 1e-24 * n) || !(point.squares > 1e-26 * n)) return null;
  const drawn = new Map(
    fit.draws.map((draw) => [draw, fitSaturating(pointsOf(draw), centre, point.parameters)]),
  );
  drawn.set(fit.point, point);
  const read = (pick: (law: Saturating) => number) => intervalOf(fit, (draw) => pick(drawn.get(draw)!));
  const irreducibleLoss = read((law) => law.irreducibleLoss);
  const coefficient = read((law) => Math.exp(law.logCoefficient));
  const exponent = read((law) => law.exponent);
  if (irreducibleLoss === null || coefficient === null || exponent === null) return null;
  const ratio = n * Math.log(plainSquares / point.squares);
  const saturatingAicc = aicc(point.squares, n, 3);
  const errors = logLossErrors(study, fit.point.vertices, groups);
  const inErrors = (off: (at: LogPoint) => number): number =>
    points.reduce((sum, at, i) => sum + (off(at) / errors![i]!) ** 2, 0);
  const predicted = ({ x }: LogPoint): number => predictLog(point.parameters, [x - centre]);
  return {
    irreducibleLoss,
    coefficient,
    exponent,
    nPoints: n,
    inSampleError: mean(points.map((at) => Math.abs(Math.expm1(predicted(at) - at.y)))),
    aiccDifference: Number.isFinite(saturatingAicc) ? saturatingAicc - aicc(plainSquares, n, 2) : null,
    pValue: ratio > 0 ? chiSquaredUpperTail(ratio, 1) / 2 : 0.5,
    noisePValue:
      errors &&
      fUpperTail(
        Math.max(0, inErrors(({ x, y }) => y - lawAt(plain, x)) - inErrors((at) => at.y - predicted(at))),
        1,
        study.seedNoise!.degreesOfFreedom,
      ) / 2,
  };
}
