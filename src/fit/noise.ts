/** Noise between seeds, and between architectures at equal seeds, pooled over a study. */
import type { Cell } from './analysis.js';
import { chiSquaredUpperTail, fUpperTail } from './distributions.js';
import { grouped } from './grouped.js';
import { sumOfSquares } from './statistics.js';

const SCATTERED = 0.01;

/** A pooled standard deviation. */
export interface PooledDeviation {
  readonly standardDeviation: number;
  readonly degreesOfFreedom: number;
  readonly nCells: number;
}

/** Standard deviation pooled over samples of several values each, weighted by degrees of freedom; null without any. */
export function pool(samples: readonly (readonly number[])[]): PooledDeviation | null {
  const repeated = samples.filter((values) => values.length > 1);
  const degreesOfFreedom = repeated.reduce((sum, values) => sum + values.length - 1, 0);
  if (degreesOfFreedom === 0) return null;
  const squares = repeated.reduce((sum, values) => sum + sumOfSquares(values), 0);
  return {
    standardDeviation: Math.sqrt(squares / degreesOfFreedom),
    degreesOfFreedom,
    nCells: repeated.length,
  };
}

/** Loss of `b` minus loss of `a` at each seed that both cells have. */
export function pairedDifferences(a: Cell, b: Cell): number[] {
  const bySeed = new Map(a.seeds.map((seed, i) => [seed, a.losses[i]!]));
  return b.seeds.flatMap((seed, i) => (bySeed.has(seed) ? [b.losses[i]! - bySeed.get(seed)!] : []));
}

/** Whether two cells are the same budget and size in the same family of positions, so that equal seeds are pairs. */
export function arePaired(a: Cell, b: Cell): boolean {
  return a.positions === b.positions && a.budgetFlops === b.budgetFlops && a.size === b.size;
}

/**
 * Standard deviation of differences at equal seed, pooled over the paired cells of the architectures given. With more
 * than two architectures its pairs overlap, so that its degrees of freedom count some noise twice.
 */
export function pairedNoise(cells: readonly Cell[]): PooledDeviation | null {
  const places = grouped(
    cells.map((cell): [string, Cell] => [
      JSON.stringify([cell.positions, cell.budgetFlops, cell.size]),
      cell,
    ]),
  );
  const samples = [...places.values()].flatMap((place) =>
    place.flatMap((a, i) =>
      place.slice(i + 1).map((b) => (a.arch === b.arch ? [] : pairedDifferences(a, b))),
    ),
  );
  return pool(samples);
}

/**
 * Correlation of the losses of two architectures at equal size, budget and seed: Var(a - b) = 2 Var (1 - correlation).
 * 0 where no pair was measured, and where pairs differ by more than independent runs would.
 */
export function correlationAtEqualSeed(
  seed: Pick<PooledDeviation, 'standardDeviation'>,
  paired: Pick<PooledDeviation, 'standardDeviation'> | null,
): number {
  if (paired === null || seed.standardDeviation === 0) return 0;
  const ratio = (paired.standardDeviation / seed.standardDeviation) ** 2;
  return Math.min(1, Math.max(0, 1 - ratio / 2));
}

/**
 * Cells whose seeds scatter more than those of all the others let expect: an F test of the cell's variance against that
 * pooled over the others, at 1% for the whole study (Bonferroni).
 */
export function scatteredCells(cells: readonly Cell[]): Cell[] {
  const repeated = cells.filter(({ losses }) => losses.length > 1);
  return repeated.filter((cell) => {
    const others = pool(repeated.filter((other) => other !== cell).map(({ losses }) => losses));
    if (others === null || others.standardDeviation === 0) return false;
    const degreesOfFreedom = cell.losses.length - 1;
    const f = sumOfSquares(cell.losses) / degreesOfFreedom / others.standardDeviation ** 2;
    return fUpperTail(f, degreesOfFreedom, others.degreesOfFreedom) < SCATTERED / repeated.length;
  });
}

/** Noise of the groups of a study that differ in one thing, with the probability that equal noise would differ as much. */
export interface NoiseByGroup {
  readonly groups: readonly { readonly name: string; readonly noise: PooledDeviation }[];
  readonly pValue: number;
}

/**
 * Seed deviation of each group of cells, and Bartlett's test (1937) of all being equal; null with fewer than two groups that
 * repeat seeds with different losses.
 */
export function noiseByGroup<Sample extends Pick<Cell, 'losses'>>(
  cells: readonly Sample[],
  nameOf: (cell: Sample) => string,
): NoiseByGroup | null {
  const samples = grouped(cells.map((cell) => [nameOf(cell), cell.losses] as const));
  const groups = [...samples].flatMap(([name, losses]) => {
    const noise = pool(losses);
    return noise === null || noise.standardDeviation === 0 ? [] : [{ name, noise }];
  });
  if (groups.length < 2) return null;
  const sum = (term: (noise: PooledDeviation) => number): number =>
    groups.reduce((total, { noise }) => total + term(noise), 0);
  const total = sum(({ degreesOfFreedom }) => degreesOfFreedom);
  const variance = sum((noise) => noise.degreesOfFreedom * noise.standardDeviation ** 2) / total;
  const ratio = sum((noise) => noise.degreesOfFreedom * Math.log(variance / noise.standardDeviation ** 2));
  const inverses = sum(({ degreesOfFreedom }) => 1 / degreesOfFreedom) - 1 / total;
  const statistic = ratio / (1 + inverses / (3 * (groups.length - 1)));
  return { groups, pValue: chiSquaredUpperTail(statistic, groups.length - 1) };
}
