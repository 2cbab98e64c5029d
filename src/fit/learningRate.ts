/**
 * The best value of a log grid (learning rate, batch size), as tuning chooses it: on the loss of `val`, edges flagged; and which
 * of the rates that were tuned is the nearest to a run.
 */
import { FitError } from './error.js';
import { grouped } from './grouped.js';

/** One trial; `lossNats` is null where the run diverged, which counts as an infinite loss, not as missing. */
export interface GridTrial {
  readonly value: number;
  readonly lossNats: number | null;
}

export interface GridOptimum {
  /** The tried value with the lowest loss. */
  readonly value: number;
  readonly lossNats: number;
  /** Vertex of the quadratic in ln(value) through the best and its neighbours; null at an edge or beside a diverged trial. */
  readonly vertex: { readonly value: number; readonly lossNats: number } | null;
  /** The best is the smallest or largest tried, so the grid has to be extended to that side; null where it is bracketed. */
  readonly edge: 'low' | 'high' | null;
  /** A sentence for each thing to know; empty where all is well. */
  readonly flags: readonly string[];
}

export interface LearningRateTrial {
  readonly learningRate: number;
  readonly lossNats: number | null;
}

/** See {@link GridOptimum}. */
export interface LearningRateOptimum {
  /** The tried rate with the lowest loss: what a sweep uses. */
  readonly learningRate: number;
  readonly lossNats: number;
  readonly vertexLearningRate: number | null;
  readonly vertexLossNats: number | null;
  readonly edge: 'low' | 'high' | null;
  readonly flags: readonly string[];
}

interface GridPoint {
  readonly value: number;
  readonly loss: number;
}

/**
 * Chooses among trials of one architecture and size. Trials of one value (seeds) are averaged, and a value with a
 * diverged trial counts as diverged. Equal losses choose the smaller value.
 *
 * @param what - the quantity's name, for messages: `learning rate`.
 * @throws FitError without trials, for a value or loss that is not a positive number, or where every trial diverged.
 */
export function bestOnLogGrid(trials: readonly GridTrial[], what: string): GridOptimum {
  for (const { value, lossNats } of trials) {
    if (!(Number.isFinite(value) && value > 0))
      throw new FitError(`A ${what} must be a positive number, not ${value}.`);
    if (lossNats !== null && !(Number.isFinite(lossNats) && lossNats > 0)) {
      throw new FitError(
        `The trial at ${what} ${value} has loss ${lossNats}; a diverged trial's loss is null.`,
      );
    }
  }
  const losses = grouped(trials.map(({ value, lossNats }) => [value, lossNats ?? Infinity]));
  const grid = [...losses]
    .map(([value, own]): GridPoint => ({ value, loss: own.reduce((a, b) => a + b, 0) / own.length }))
    .sort((a, b) => a.value - b.value);
  let best = 0;
  grid.forEach(({ loss }, i) => {
    if (loss < grid[best]!.loss) best = i;
  });
  const chosen = grid[best];
  if (chosen === undefined) throw new FitError(`There are no trials to choose a ${what} from.`);
  if (chosen.loss === Infinity) {
    throw new FitError(`All ${trials.length} trials diverged; try a ${what} below ${chosen.value}.`);
  }

  const flags: string[] = [];
  const edge = best === 0 ? 'low' : best === grid.length - 1 ? 'high' : null;
  if (edge !== null) {
    const side = edge === 'low' ? 'smallest' : 'largest';
    flags.push(`The best ${what} ${chosen.value} is the ${side} one tried; extend the grid to that side.`);
  }
  const vertex = edge === null ? vertexThrough(grid[best - 1]!, chosen, grid[best + 1]!) : null;
  if (edge === null && vertex === null) {
    flags.push(`A trial beside the best ${what} ${chosen.value} diverged, so no quadratic goes through it.`);
  }
  return { value: chosen.value, lossNats: chosen.loss, vertex, edge, flags };
}

/** The best learning rate; see {@link bestOnLogGrid}. @throws FitError as there */
export function bestLearningRate(trials: readonly LearningRateTrial[]): LearningRateOptimum {
  const named = trials.map(({ learningRate, lossNats }) => ({ value: learningRate, lossNats }));
  const { value, lossNats, vertex, edge, flags } = bestOnLogGrid(named, 'learning rate');
  return {
    learningRate: value,
    lossNats,
    vertexLearningRate: vertex?.value ?? null,
    vertexLossNats: vertex?.lossNats ?? null,
    edge,
    flags,
  };
}

/** At which size and budget a rate was tuned. */
export interface TunedAt {
  readonly shape: { readonly dModel: number };
  readonly budgetFlops: number;
}

/**
 * The rate that was tuned nearest to a width and a budget, by the sum of both ratios' logarithms: a rate of the same budget
 * is not given up for a slightly nearer width, nor a near width for the very budget. Of two as near the wider, then the one
 * with more compute; null of none.
 */
export function nearestTuned<Rate extends TunedAt>(
  rates: readonly Rate[],
  dModel: number,
  budgetFlops: number,
): Rate | null {
  // Rounded, so that what is as near on paper ties here too.
  const distance = (rate: Rate): number =>
    Math.round(
      1e9 *
        (Math.abs(Math.log(rate.shape.dModel / dModel)) + Math.abs(Math.log(rate.budgetFlops / budgetFlops))),
    );
  const [nearest] = [...rates].sort(
    (a, b) => distance(a) - distance(b) || b.shape.dModel - a.shape.dModel || b.budgetFlops - a.budgetFlops,
  );
  return nearest ?? null;
}

/** Vertex of the parabola in ln(value) through three points of which the middle one is lowest. */
function vertexThrough(left: GridPoint, middle: GridPoint, right: GridPoint): GridOptimum['vertex'] {
  if (!Number.isFinite(left.loss) || !Number.isFinite(right.loss)) return null;
  const x = Math.log(middle.value);
  const a = Math.log(left.value) - x;
  const b = Math.log(right.value) - x;
  const slopeLeft = (left.loss - middle.loss) / a;
  const slopeRight = (right.loss - middle.loss) / b;
  const curvature = (slopeRight - slopeLeft) / (b - a);
  // Three equal losses: any value between them is as good, and the middle one is as good as any.
  if (!(curvature > 0)) return { value: middle.value, lossNats: middle.loss };
  const slope = slopeLeft - curvature * a;
  return {
    value: Math.exp(x - slope / (2 * curvature)),
    lossNats: middle.loss - slope ** 2 / (4 * curvature),
  };
}
