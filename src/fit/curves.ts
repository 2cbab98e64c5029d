/**
 * What learning curves say where they may stand in for finished runs: under constant or reciprocal-square-root
 * schedules, whose every point is a loss that a run of that length would have reached. Under schedules that decay to
 * an end the points before it are too high, and these functions refuse them.
 */
import { FitError } from './error.js';

export type ScheduleKind = 'constant' | 'rsqrt' | 'cosine' | 'wsd' | 'linear';

/** Loss of one run against its compute so far. */
export interface LearningCurve {
  readonly id: string;
  readonly schedule: ScheduleKind;
  /** By rising FLOPs. */
  readonly points: readonly { readonly flops: number; readonly lossNats: number }[];
}

/** A point of the lower envelope and the run it comes from. */
export interface EnvelopePoint {
  readonly flops: number;
  readonly lossNats: number;
  readonly id: string;
}

function checkCurve({ id, schedule, points }: LearningCurve): void {
  if (schedule !== 'constant' && schedule !== 'rsqrt') {
    throw new FitError(
      `The learning curve of ${id} has a ${schedule} schedule: before its end the rate has not decayed, so its points are not losses of finished runs. Use finished runs.`,
    );
  }
  points.forEach(({ flops, lossNats }, i) => {
    const rising = i === 0 || flops > points[i - 1]!.flops;
    if (!(flops > 0 && lossNats > 0 && Number.isFinite(flops) && Number.isFinite(lossNats) && rising)) {
      throw new FitError(
        `Point ${i + 1} of the learning curve of ${id} is not a positive loss at rising compute.`,
      );
    }
  });
  if (points.length === 0) throw new FitError(`The learning curve of ${id} has no points.`);
}

/** Log loss interpolated in log compute; null outside of the curve. */
function lossAt(curve: LearningCurve, flops: number): number | null {
  const { points } = curve;
  if (flops < points[0]!.flops || flops > points.at(-1)!.flops) return null;
  let i = points.findIndex((point) => point.flops >= flops);
  if (i === 0) return points[0]!.lossNats;
  i = Math.max(1, i);
  const [a, b] = [points[i - 1]!, points[i]!];
  const fraction = Math.log(flops / a.flops) / Math.log(b.flops / a.flops);
  return a.lossNats * (b.lossNats / a.lossNats) ** fraction;
}

/**
 * Lower envelope of learning curves over compute: the lowest loss that any run had at each compute, from the first
 * point that all curves could have reached on, at `nPoints` log-spaced places.
 *
 * @throws FitError for a curve under a schedule that decays to an end.
 */
export function learningCurveEnvelope(curves: readonly LearningCurve[], nPoints = 100): EnvelopePoint[] {
  curves.forEach(checkCurve);
  if (curves.length === 0) throw new FitError('There are no learning curves.');
  const start = Math.min(...curves.map(({ points }) => points[0]!.flops));
  const end = Math.max(...curves.map(({ points }) => points.at(-1)!.flops));
  return Array.from({ length: nPoints }, (_, i) => {
    const flops = i === nPoints - 1 ? end : start * (end / start) ** (i / (nPoints - 1));
    return curves
      .flatMap((curve): EnvelopePoint[] => {
        const lossNats = lossAt(curve, flops);
        return lossNats === null ? [] : [{ flops, lossNats, id: curve.id }];
      })
      .reduce<EnvelopePoint | null>(
        (best, point) => (best === null || point.lossNats < best.lossNats ? point : best),
        null,
      );
  }).filter((point): point is EnvelopePoint => point !== null);
}

/** `=` with the factor; `>` where the architecture starts below the loss; `<` where it does not reach it. */
export interface CurveSpeedup {
  readonly relation: '=' | '>' | '<';
  /** The factor, or the bound for `>` and `<`. */
  readonly factor: number;
}

/**
 * The paper's speedup at one size (So et al. 2021): the baseline's whole training compute over the compute at which
 * the architecture's learning curve first reaches the baseline's final loss.
 *
 * @throws FitError for a curve under a schedule that decays to an end.
 */
export function learningCurveSpeedup(baseline: LearningCurve, arch: LearningCurve): CurveSpeedup {
  checkCurve(baseline);
  checkCurve(arch);
  const { flops: total, lossNats: target } = baseline.points.at(-1)!;
  const { points } = arch;
  const i = points.findIndex(({ lossNats }) => lossNats <= target);
  if (i < 0) return { relation: '<', factor: total / points.at(-1)!.flops };
  const reached = points[i]!;
  if (reached.lossNats === target) return { relation: '=', factor: total / reached.flops };
  if (i === 0) return { relation: '>', factor: total / reached.flops };
  const before = points[i - 1]!;
  const fraction = Math.log(target / before.lossNats) / Math.log(reached.lossNats / before.lossNats);
  return { relation: '=', factor: total / (before.flops * (reached.flops / before.flops) ** fraction) };
}
