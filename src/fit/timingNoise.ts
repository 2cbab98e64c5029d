/**
 * Errors of timings. The seconds a step of a model are measured, not known: intervals in seconds take in what rounds of
 * timing differ by, beside the noise between seeds.
 */
import type { Study } from './cells.js';
import { randomStream } from './random.js';
import { median } from './statistics.js';

/** Streams of random numbers from here on are those of timings, so that losses are drawn alike with and without them. */
const FIRST_STREAM = 2 ** 30;

/** What rounds of timing one model gave. */
interface TimedRounds {
  readonly secondsPerStep: number;
  readonly madSeconds: number;
  readonly rounds: number;
}

/**
 * Relative standard error of a median of rounds, pooled over the models that were timed together: five rounds of one are
 * too few to tell its own. The deviation is 1.4826 MAD n / (n - 0.8) (Croux and Rousseeuw 1992, section 4), the error of a
 * median sqrt(pi / 2n) of it.
 *
 * @returns undefined where a model was timed once, or no model was
 */
export function timingError(timings: readonly TimedRounds[]): number | undefined {
  if (timings.length === 0 || timings.some(({ rounds }) => rounds < 2)) return undefined;
  return median(
    timings.map(({ secondsPerStep, madSeconds, rounds }) => {
      const deviation = (1.4826 * madSeconds * rounds) / (rounds - 0.8);
      return (deviation / secondsPerStep) * Math.sqrt(Math.PI / (2 * rounds));
    }),
  );
}

/** Which timing each cell's seconds come from, and the errors of the timings. */
export interface TimingPlan {
  readonly timingOfCell: Int32Array;
  readonly errors: Float64Array;
}

/** One timing of an architecture and size serves all of its budgets. Null where every timing is taken as exact. */
export function planTimings({ cells, rows, rowsOfCell }: Study): TimingPlan | null {
  const keys = cells.map(({ arch, size, hardware }) => JSON.stringify([arch, size, hardware]));
  const errorOf = new Map(keys.map((key, cell) => [key, rows[rowsOfCell[cell]![0]!]!.secondsError ?? 0]));
  if ([...errorOf.values()].every((error) => error === 0)) return null;
  // Numbered by sorted key, so that the draws do not depend on the order of the rows.
  const sorted = [...errorOf.keys()].sort();
  const index = new Map(sorted.map((key, i) => [key, i]));
  return {
    timingOfCell: Int32Array.from(keys, (key) => index.get(key)!),
    errors: Float64Array.from(sorted, (key) => errorOf.get(key)!),
  };
}

/** Errors of ln seconds in draw number `draw`, by cell. */
export function drawTimingErrors(
  { timingOfCell, errors }: TimingPlan,
  seed: number,
  draw: number,
): Float64Array {
  const random = randomStream(seed, FIRST_STREAM + draw);
  const drawn = errors.map((error) => error * random.normal());
  return Float64Array.from(timingOfCell, (timing) => drawn[timing]!);
}
