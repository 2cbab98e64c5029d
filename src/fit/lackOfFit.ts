/** What parabolas and laws leave over, against the noise between seeds. */
import type { LackOfFit } from './analysis.js';
import { OWN_RESIDUALS_FROM } from './bootstrap.js';
import type { Study } from './cells.js';
import { fUpperTail } from './distributions.js';
import { parabolaAt, type Parabola } from './isoflop.js';
import { fitPowerLaw, lawAt } from './powerLaw.js';
import { fitGroup, frontierPoints, type Vertex } from './studyFit.js';

/** Cell means of one group off its parabola, against the pooled seed noise. */
export function parabolaLackOfFit(
  study: Study,
  cells: readonly number[],
  logSize: readonly number[],
  parabola: Parabola | null,
): LackOfFit | null {
  const d1 = cells.length - 3;
  const noise = study.seedNoise;
  if (parabola === null || d1 < 1 || noise === null || noise.standardDeviation === 0) return null;
  const squares = cells.reduce((sum, cell, i) => {
    const { lossNats, losses } = study.cells[cell]!;
    return sum + losses.length * (lossNats - parabolaAt(parabola, logSize[i]!)) ** 2;
  }, 0);
  return inNoise(squares / noise.standardDeviation ** 2, d1, noise.degreesOfFreedom);
}

/**
 * Optima of an architecture off its plain law, against their standard errors. Independent of how many bootstrap draws are
 * made, since it decides how speedups are read.
 */
export function lawLackOfFit(
  study: Study,
  vertices: readonly (Vertex | null)[],
  groups: readonly number[],
): LackOfFit | null {
  const points = frontierPoints(vertices, groups, 0);
  const law = fitPowerLaw(points);
  const errors = points.length < 3 ? null : logLossErrors(study, vertices, groups);
  if (law === null || errors === null) return null;
  const squares = points.reduce((sum, { x, y }, i) => sum + ((y - lawAt(law, x)) / errors[i]!) ** 2, 0);
  return inNoise(squares, points.length - 2, study.seedNoise!.degreesOfFreedom);
}

function inNoise(squares: number, d1: number, d2: number): LackOfFit {
  const fStatistic = squares / d1;
  return { fStatistic, degreesOfFreedom: [d1, d2], pValue: fUpperTail(fStatistic, d1, d2) };
}

/**
 * Standard errors of ln loss at the accepted optima of `groups`, in that order, by the delta method: how far the optimum
 * moves with each run's loss, times the seed standard deviation. Runs of a cell with many seeds are moved together, as far
 * as their mean errs: one by one, the fits of a large import would take the square of its runs. Null where the deviation is
 * unknown or 0.
 */
export function logLossErrors(
  study: Study,
  vertices: readonly (Vertex | null)[],
  groups: readonly number[],
): number[] | null {
  const noise = study.seedNoise?.standardDeviation ?? 0;
  if (noise === 0) return null;
  const losses = study.losses.slice();
  return groups.flatMap((index) => {
    const vertex = vertices[index];
    if (!vertex || !(vertex.lossNats > 0)) return [];
    const group = study.groups[index]!;
    const slopeOf = (rows: readonly number[]): number => {
      const step = noise * 1e-3;
      const moved = [-step, step].flatMap((by) => {
        for (const row of rows) losses[row] = study.losses[row]! + by;
        const { minimum } = fitGroup(study, group, losses);
        return minimum.accepted ? [{ by, lossNats: minimum.lossNats }] : [];
      });
      for (const row of rows) losses[row] = study.losses[row]!;
      // A minimum at the very edge of the sizes may be accepted on one side only.
      const [low, high] = moved.length === 2 ? moved : [{ by: 0, lossNats: vertex.lossNats }, ...moved];
      return high === undefined ? 0 : (high.lossNats - low!.lossNats) / (high.by - low!.by);
    };
    const slopes = group.cells.flatMap((cell) => {
      const rows = study.rowsOfCell[cell]!;
      return rows.length < OWN_RESIDUALS_FROM
        ? rows.map((row) => slopeOf([row]))
        : [slopeOf(rows) / Math.sqrt(rows.length)];
    });
    return [(noise * Math.hypot(...slopes)) / vertex.lossNats];
  });
}
