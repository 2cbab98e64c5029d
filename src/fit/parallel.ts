/** Whether the frontiers of one family of positions are parallel lines in log-log. */
import type { ParallelTest } from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { fitSharedExponent } from './powerLaw.js';
import { frontierPoints, type StudyFit } from './studyFit.js';

/** One test for each family of positions with two architectures that have a law. */
export function parallelTests(study: Study, fit: BootstrappedFit): ParallelTest[] {
  return [...new Set(study.archs.map((entry) => entry.positions))].flatMap((positions): ParallelTest[] => {
    const members = study.archs.filter(
      (entry, i) => entry.positions === positions && fit.point.laws[i]![0] !== null,
    );
    const shared = (draw: StudyFit) =>
      fitSharedExponent(members.map(({ groups }) => frontierPoints(draw.vertices, groups, 0)));
    const drawn = new Map([fit.point, ...fit.draws].map((draw) => [draw, shared(draw)]));
    const point = drawn.get(fit.point);
    const sharedExponent = intervalOf(fit, (draw) => drawn.get(draw)?.exponent ?? null);
    if (!point || sharedExponent === null) return [];
    return [
      {
        positions,
        archs: members.map((entry) => entry.arch),
        sharedExponent,
        coefficients: members.map(({ arch }, i) => ({
          arch,
          coefficient: intervalOf(fit, (draw) => {
            const own = drawn.get(draw);
            return own ? Math.exp(own.logCoefficients[i]!) : null;
          })!,
        })),
        fStatistic: point.fStatistic,
        degreesOfFreedom: point.degreesOfFreedom,
        pValue: point.pValue,
        rejected: point.pValue === null ? null : point.pValue < 0.05,
      },
    ];
  });
}
