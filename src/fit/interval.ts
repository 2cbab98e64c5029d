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
