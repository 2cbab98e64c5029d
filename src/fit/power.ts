/** What it would take to tell a speedup from none, at the noise seen. */
import type { Interval } from './interval.js';
import type { Power } from './comparison.js';

/** Normal quantiles of a two-sided test at 5% and of a chance of 80% to pass it. */
const Z_LEVEL = 1.959963984540054;
const Z_CHANCE = 0.8416212335729143;

/**
 * Reads the standard error of ln(factor) off its interval; the error of a mean falls with the square root of the
 * seeds, so their multiple is the square of (needed / found) distance from 1. Null without an interval.
 */
export function powerOf(factor: Interval): Power | null {
  if (factor.low === null || factor.high === null || !(factor.low > 0)) return null;
  const standardError = Math.log(factor.high / factor.low) / (2 * Z_LEVEL);
  const needed = (Z_LEVEL + Z_CHANCE) * standardError;
  const distance = Math.abs(Math.log(factor.value));
  return {
    detectableFactor: Math.exp(needed),
    seedsMultiple: distance > 1e-9 ? (needed / distance) ** 2 : null,
  };
}
