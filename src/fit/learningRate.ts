/** The best learning rate of a log grid, as tuning chooses it: on the loss of `val`, edges flagged. */
import { FitError } from './error.js';

/** One trial; `lossNats` is null where the run diverged, which counts as an infinite loss, not as missing. */
export interface LearningRateTrial {
  readonly learningRate: number;
  readonly lossNats: number | null;
}

export interface LearningRateOptimum {
  /** The tried rate with the lowest loss: what a sweep uses. */
  readonly learningRate: number;
  readonly lossNats: number;
  /** Vertex of the quadratic in ln(rate) through the best rate and its neighbours; null at an edge or beside a diverged trial. */
  readonly vertexLearningRate: number | null;
  readonly vertexLossNats: number | null;
  /** The best rate is the smallest or largest tried, so the grid has to be extended to that side; null where it is bracketed. */
  readonly edge: 'low' | 'high' | null;
  /** A sentence for each thing to know; empty where all is well. */
  readonly flags: readonly string[];
}

/**
 * Chooses among trials of one architecture and size. Trials of one rate (seeds) are averaged, and a rate with a
 * diverged trial counts as diverged. Equal losses choose the smaller rate.
 *
 * @throws FitError without trials, for a rate or loss that is not a positive number, or where every trial diverged.
 */
export function bestLearningRate(trials: readonly LearningRateTrial[]): LearningRateOptimum {
  const byRate = new Map<number, number[]>();
  for (const { learningRate, lossNats } of trials) {
    if (!(Number.isFinite(learningRate) && learningRate > 0)) {
      throw new FitError(`A learning rate must be a positive number, not ${learningRate}.`);
    }
    if (lossNats !== null && !(Number.isFinite(lossNats) && lossNats > 0)) {
      throw new FitError(
        `The trial at learning rate ${learningRate} has loss ${lossNats}; a diverged trial's loss is null.`,
      );
    }
    byRate.set(learningRate, [...(byRate.get(learningRate) ?? []), lossNats ?? Infinity]);
  }
  const grid = [...byRate]
    .map(([rate, losses]) => ({ rate, loss: losses.reduce((a, b) => a + b, 0) / losses.length }))
    .sort((a, b) => a.rate - b.rate);
  let best = 0;
  grid.forEach(({ loss }, i) => {
    if (loss < grid[best]!.loss) best = i;
  });
  const chosen = grid[best];
  if (chosen === undefined) throw new FitError('There are no trials to choose a learning rate from.');
  if (chosen.loss === Infinity) {
    throw new FitError(`All ${trials.length} trials diverged; try rates below ${chosen.rate}.`);
  }

  const flags: string[] = [];
  const edge = best === 0 ? 'low' : best === grid.length - 1 ? 'high' : null;
  if (edge !== null) {
    flags.push(
      `The best rate ${chosen.rate} is the ${edge === 'low' ? 'smallest' : 'largest'} one tried; extend the grid to that side.`,
    );
  }
  const vertex = edge === null ? vertexThrough(grid[best - 1]!, chosen, grid[best + 1]!) : null;
  if (edge === null && vertex === null) {
    flags.push(`A trial beside the best rate ${chosen.rate} diverged, so no quadratic goes through it.`);
  }
  return {
    learningRate: chosen.rate,
    lossNats: chosen.loss,
    vertexLearningRate: vertex === null ? null : Math.exp(vertex.x),
    vertexLossNats: vertex?.y ?? null,
    edge,
    flags,
  };
}

type GridPoint = Readonly<{ rate: number; loss: number }>;

/** Vertex of the parabola through three points in ln(rate), of which the middle one is lowest. */
function vertexThrough(
  left: GridPoint,
  middle: GridPoint,
  right: GridPoint,
): { x: number; y: number } | null {
  if (!Number.isFinite(left.loss) || !Number.isFinite(right.loss)) return null;
  const x = Math.log(middle.rate);
  const a = Math.log(left.rate) - x;
  const b = Math.log(right.rate) - x;
  const slopeLeft = (left.loss - middle.loss) / a;
  const slopeRight = (right.loss - middle.loss) / b;
  const curvature = (slopeRight - slopeLeft) / (b - a);
  // Three equal losses: any rate between them is as good, the middle one is as good as any.
  if (!(curvature > 0)) return { x, y: middle.loss };
  const slope = slopeLeft - curvature * a;
  return { x: x - slope / (2 * curvature), y: middle.loss - slope ** 2 / (4 * curvature) };
}
