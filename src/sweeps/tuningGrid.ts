/** The grid of a tuning sweep: where the best rate of a size is at an end, the grid grows to that side, for all alike. */
import type { LoadedSweep } from './sweepFile.js';
import { matchesProtocol, type Shape, type TunedFile } from './tuned.js';

export interface GridSpec {
  readonly grid: readonly number[];
  /** Most rates added at each end. */
  readonly extend: number;
}

/**
 * The rates to try for a size: the grid, what was added to it in earlier rounds, and one more at an end where the best
 * rate of some architecture lies. All architectures of a size get the same, so that none is tuned better than another.
 *
 * @param known what earlier rounds found; rates tuned under other settings or at another budget count for nothing
 */
export function gridOfSize(
  { sweep }: LoadedSweep,
  { grid, extend }: GridSpec,
  known: TunedFile | null,
  shape: Shape,
  budgetFlops: number,
): number[] {
  const tuned =
    known !== null && matchesProtocol(sweep, known)
      ? known.rates.filter((rate) => rate.budgetFlops === budgetFlops && sameSize(rate.shape, shape))
      : [];
  const tried = new Set(tuned.flatMap(({ trials }) => trials.map(({ learningRate }) => learningRate)));
  const atEnd = (edge: 'low' | 'high', end: number): boolean =>
    tuned.some((rate) => rate.edge === edge && rate.learningRate === end);
  const added = (edge: 'low' | 'high', factor: number, end: number): number[] => {
    const rates: number[] = [];
    for (let last = end; rates.length < extend; last = rates.at(-1)!) {
      const next = last * factor;
      if (!tried.has(next) && !atEnd(edge, last)) break;
      rates.push(next);
    }
    return rates;
  };
  return [...added('low', 1 / 2, grid[0]!).reverse(), ...grid, ...added('high', 2, grid.at(-1)!)];
}

/** The same size of two architectures: the width of the feed-forward layer is the architecture's own. */
function sameSize(a: Shape, b: Shape): boolean {
  return a.dModel === b.dModel && a.nLayers === b.nLayers && a.nHeads === b.nHeads && a.dHead === b.dHead;
}
