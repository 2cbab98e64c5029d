/** What the numbers say, in sentences. Every number in them comes from the analysis. */
import type { Analysis } from '../fit/analysis.js';
import type { Interval } from '../fit/interval.js';
import type { CostKind, Speedup, SpeedupAtOptimalSize } from '../fit/comparison.js';
import { verdictOf } from '../fit/factors.js';
import { factorDigits, formatFactor, formatFlops, formatLoss, formatPowerOfTen } from './format.js';
import { rich, strong, type Rich } from './rich.js';

/** ` (95% interval 1.52 to 2.44)`, or nothing where there is no interval. */
export function intervalText(interval: Interval, format: (value: number) => string = factorDigits): string {
  const ends = endsText(interval, format);
  return ends === null ? '' : ` (95% interval ${ends})`;
}

/** `1.52 to 2.44`; `1.52 or more` where one end lies outside of what was measured; null where there are none. */
export function endsText({ low, high }: Interval, format: (value: number) => string): string | null {
  if (low !== null && high !== null) return `${format(low)} to ${format(high)}`;
  if (low !== null) return `${format(low)} or more`;
  return high === null ? null : `${format(high)} or less`;
}

/** The short form for tables and labels: `1.93 (1.52 to 2.44)`. */
export function shortInterval(
  interval: Interval | null,
  format: (value: number) => string,
  formatEnd: (value: number) => string = format,
): string {
  if (interval === null) return '–';
  const ends = endsText(interval, formatEnd);
  return ends === null ? format(interval.value) : `${format(interval.value)} (${ends})`;
}

/** `1.93× (1.52 to 2.44)`. */
export function shortFactor(factor: Interval): string {
  return shortInterval(factor, formatFactor, factorDigits);
}

/** An exponent with its sign and so many decimals: those of losses are known to three, those of sizes to two at best. */
export function powerText(decimals: number): (exponent: number) => string {
  return (exponent) => `${exponent < 0 ? '\u2212' : ''}${Math.abs(exponent).toFixed(decimals)}`;
}

/** What a cost is called in tables. */
export function costLabel(cost: CostKind, hardware: string | null): string {
  switch (cost) {
    case 'flops':
      return 'FLOPs';
    case 'flopsMatmul':
      return 'matrix FLOPs';
    case 'tokens':
      return 'tokens';
    case 'seconds':
      return hardware === null ? 'seconds' : `seconds on ${hardware}`;
    default:
      return cost satisfies never;
  }
}

/** The speedup as its relation allows: `1.93×`, `> 8.00×`, `< 0.80×`. */
export function factorText(at: SpeedupAtOptimalSize): string {
  if (at.relation === '=' || at.bound === null) return formatFactor(at.factor.value);
  return `${at.relation} ${formatFactor(at.bound)}`;
}

/** The same with its interval: `1.93× (1.52 to 2.44)`, `< 1.00× (extrapolated 0.98×, 0.91 to 1.04)`. */
export function speedupText(at: SpeedupAtOptimalSize): string {
  return at.relation === '=' ? shortFactor(at.factor) : `${factorText(at)} ${behindBound(at)}`;
}

/** What a bound stands for: `(extrapolated 0.98×, 0.91 to 1.04)`. */
export function behindBound({ factor }: SpeedupAtOptimalSize): string {
  const ends = endsText(factor, factorDigits);
  return `(extrapolated ${formatFactor(factor.value)}${ends === null ? '' : `, ${ends}`})`;
}

/** The speedup in FLOPs of a comparison, or undefined where a law is missing. */
export function headlineOf(comparison: Speedup): SpeedupAtOptimalSize | undefined {
  return comparison.atOptimalSize.find((at) => at.cost === 'flops');
}

/** The baseline's compute over which the speedup was measured at both ends, without extrapolation. */
export function measuredRange(comparison: Speedup): readonly [number, number] | null {
  const measured = comparison.curve
    .filter((point) => !point.extrapolated)
    .map((point) => point.baselineFlops);
  return measured.length === 0 ? null : [Math.min(...measured), Math.max(...measured)];
}

/** `, over which it changes by a factor of 1.25 (1.10 to 1.41)`: one factor does not sum up frontiers that are not parallel. */
function changeOverRange({ change }: Speedup): string {
  if (change === null) return '';
  const { ratio } = change;
  const verdict = verdictOf(ratio);
  if (verdict === null || verdict === 'not told apart') return '';
  return `, over which it changes by a factor of ${shortInterval(ratio, factorDigits)}`;
}

/** The interval of a headline with what is extrapolated in it, or why there is none. */
function headlineInterval(at: SpeedupAtOptimalSize, noInterval: string): string {
  if (at.factor.low === null) return ` (no interval: ${noInterval})`;
  const ends = [at.lowExtrapolated ? 'lower' : null, at.highExtrapolated ? 'upper' : null].filter(
    (end) => end !== null,
  );
  const note =
    ends.length === 0 ? '' : `, its ${ends.join(' and ')} end${ends.length > 1 ? 's' : ''} extrapolated`;
  const interval = intervalText(at.factor);
  return `${interval.slice(0, -1)}${note})`;
}

/**
 * The answer for one comparison, one sentence with the measured range and the positions.
 *
 * @param noInterval - why numbers of this study have no interval, for the case that this one has none.
 * @param notParallel - the frontiers are not parallel, so the factor is told at both ends of its range.
 */
export function answerSentence(comparison: Speedup, noInterval: string, notParallel = false): Rich {
  const { arch, baseline, positions } = comparison;
  const at = headlineOf(comparison);
  if (at === undefined) {
    const reason = comparison.reason ?? 'a law of loss against compute is missing.';
    return rich`${strong(`${arch} over ${baseline}: no number`)}, ${positions} positions. ${reason}`;
  }
  const loss = `${formatLoss(at.lossNats)} nats, ${formatFlops(at.baselineCost)}`;
  if (at.relation === '>') {
    return rich`${strong(`${arch} saves more than ${factorText(at).slice(2)} of the training compute of ${baseline}`)}: it is below the loss of ${baseline} at the largest budget of both (${loss}) already at its own smallest, so only a bound was measured ${behindBound(at)}; at optimal size, ${positions} positions.`;
  }
  if (at.relation === '<' && at.verdict === 'not told apart') {
    return rich`${strong(`${arch} and ${baseline} are not told apart`)}: within its measured budgets ${arch} does not quite reach the loss of ${baseline} (${loss}), so the speedup is below ${factorText(at).slice(2)} ${behindBound(at)}, at optimal size, ${positions} positions.`;
  }
  if (at.relation === '<') {
    return rich`${strong(`${arch} does not reach the loss of ${baseline}`)} (${loss}) within its measured budgets: the speedup is below ${factorText(at).slice(2)} ${behindBound(at)}, at optimal size, ${positions} positions.`;
  }
  const range = measuredRange(comparison);
  const change = notParallel ? changeOverRange(comparison) : '';
  const where =
    range === null || range[0] === range[1]
      ? `measured at ${formatFlops(at.baselineCost)}`
      : `measured between ${formatPowerOfTen(range[0], 2)} and ${formatPowerOfTen(range[1], 2)} FLOPs${change}`;
  const ending = `${headlineInterval(at, noInterval)} at optimal size, ${where}, ${positions} positions.`;
  const factor = at.factor.value;
  if (at.verdict === 'not told apart') {
    return rich`${strong(`${arch} and ${baseline} are not told apart`)}: speedup ${formatFactor(factor)}${ending}`;
  }
  if (factor < 1) {
    return rich`${strong(`${arch} needs ${formatFactor(1 / factor)} the training compute of ${baseline}`)} for the same loss: speedup ${formatFactor(factor)}${ending}`;
  }
  return rich`${strong(`${arch} reaches the loss of ${baseline} with ${formatFactor(factor)} less training compute`)}${ending}`;
}

/**
 * The speedup in seconds, for each hardware it was timed on, and in matrix FLOPs where those differ by more than 1%:
 * `In seconds 1.71× (1.60 to 1.80) on HARDWARE; in matrix FLOPs 1.85× (1.70 to 2.01).`
 *
 * @param nameHardware - false where it is the same for all comparisons and named beside them.
 */
export function furtherCosts(comparison: Speedup, nameHardware = true): string | null {
  const parts = comparison.atOptimalSize.flatMap((at) => {
    if (at.cost === 'seconds')
      return [
        `in seconds ${speedupText(at)}${at.hardware === null || !nameHardware ? '' : ` on ${at.hardware}`}`,
      ];
    if (at.cost === 'flopsMatmul' && comparison.matmulDiffers) return [`in matrix FLOPs ${speedupText(at)}`];
    return [];
  });
  if (parts.length === 0) return null;
  const sentence = parts.join('; ');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

/** A difference of loss in nats with its sign. */
export function signedNats(value: number): string {
  const text = Math.abs(value).toFixed(3);
  return `${value < 0 ? '\u2212' : '+'}${text}`;
}

/** A relative difference in percent with its sign. */
export function signedPercent(share: number): string {
  return `${share < 0 ? '\u2212' : '+'}${Math.abs(share * 100).toFixed(2)}%`;
}

/** Why numbers of a study have no interval, for where one has none. */
export function noIntervalReason(analysis: Analysis): string {
  return analysis.seedNoise === null
    ? 'no seed is repeated in this study'
    : 'more than a tenth of the bootstrap draws gave no value';
}
