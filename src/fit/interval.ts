/** A number and how far it can be trusted. */

/**
 * A number and its 95% bootstrap interval. `low` and `high` are both null where there is none: no seed is
 * repeated in the study, or more than a tenth of the bootstrap draws gave no value.
 */
export interface Interval {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly level: 0.95;
}

/** Whether an interval tells its number from 0; not where there is none. */
export function leavesOutZero(interval: Interval | null): boolean {
  if (interval === null) return false;
  const { low, high } = interval;
  return low !== null && high !== null && (low > 0 || high < 0);
}
