import { describe, expect, it } from 'vitest';
import type { Interval } from '../../src/fit/interval.js';
import type { Speedup, SpeedupAtOptimalSize } from '../../src/fit/comparison.js';
import { richToPlain } from '../../src/report/rich.js';
import { answerSentence, furtherCosts, shortInterval } from '../../src/report/text.js';

const interval = (value: number, low: number | null = null, high: number | null = null): Interval => ({
  value,
  low,
  high,
  level: 0.95,
});

const headline: SpeedupAtOptimalSize = {
  cost: 'flops',
  hardware: null,
  lossNats: 4.5321,
  baselineCost: 1e12,
  relation: '=',
  bound: null,
  factor: interval(1.934, 1.522, 2.438),
  lowExtrapolated: false,
  highExtrapolated: false,
  verdict: 'better',
  nBudgets: { arch: 3, baseline: 3 },
};

const between = {
  budgetFlops: null,
  relation: '=',
  bound: null,
  lowExtrapolated: false,
  highExtrapolated: false,
  extrapolated: false,
} as const;

const comparison = (at: Partial<SpeedupAtOptimalSize> | null, rest: Partial<Speedup> = {}): Speedup => ({
  arch: 'primer-ez',
  baseline: 'transformer',
  positions: 'absolute',
  atOptimalSize: at === null ? [] : [{ ...headline, ...at }],
  reason: null,
  matmulDiffers: false,
  reading: 'law',
  change: null,
  curve: [
    { ...between, baselineFlops: 1e11, lossNats: 5, factor: interval(2), relation: '>', extrapolated: true },
    { ...between, baselineFlops: 2.04e11, lossNats: 4.9, factor: interval(2) },
    { ...between, baselineFlops: 1e12, lossNats: 4.53, factor: interval(1.93) },
  ],
  pureLawFactor: null,
  exponentDifference: null,
  parallelPValue: null,
  savings: null,
  fixedSize: [],
  atBudget: [],
  sameSize: [],
  otherSize: [],
  pairedStandardDeviation: null,
  power: null,
  ...rest,
});

/** Non-breaking spaces written as plain ones. */
const sentence = (
  at: Partial<SpeedupAtOptimalSize> | null,
  rest: Partial<Speedup> = {},
  notParallel = false,
): string =>
  richToPlain(
    answerSentence(comparison(at, rest), 'no seed is repeated in this study', notParallel),
  ).replaceAll('\u00a0', ' ');

describe('the answer', () => {
  it('of a saving', () => {
    expect(sentence({})).toBe(
      'primer-ez reaches the loss of transformer with 1.93× less training compute (95% interval 1.52 to 2.44) at optimal size, measured between 2 × 10¹¹ and 10¹² FLOPs, absolute positions.',
    );
  });

  it('tells how the factor changes where frontiers are not parallel', () => {
    const change = (ratio: Interval) => ({ change: { fromFlops: 2e11, toFlops: 1e12, ratio } });
    expect(sentence({}, change(interval(0.8, 0.7, 0.9)), true)).toContain(
      'and 10¹² FLOPs, over which it changes by a factor of 0.80 (0.70 to 0.90), absolute positions.',
    );
    expect(sentence({}, change(interval(0.9, 0.8, 1.02)), true)).not.toContain('changes');
  });

  it('names extrapolated ends of the interval', () => {
    expect(sentence({ highExtrapolated: true })).toContain(
      '(95% interval 1.52 to 2.44, its upper end extrapolated)',
    );
    expect(sentence({ lowExtrapolated: true, highExtrapolated: true })).toContain(
      '(95% interval 1.52 to 2.44, its lower and upper ends extrapolated)',
    );
  });

  it('of more compute needed', () => {
    expect(sentence({ factor: interval(0.8, 0.7, 0.92), verdict: 'worse' })).toBe(
      'primer-ez needs 1.25× the training compute of transformer for the same loss: speedup 0.80× (95% interval 0.70 to 0.92) at optimal size, measured between 2 × 10¹¹ and 10¹² FLOPs, absolute positions.',
    );
  });

  it('of two that are not told apart', () => {
    expect(sentence({ factor: interval(1.05, 0.92, 1.2), verdict: 'not told apart' })).toBe(
      'primer-ez and transformer are not told apart: speedup 1.05× (95% interval 0.92 to 1.20) at optimal size, measured between 2 × 10¹¹ and 10¹² FLOPs, absolute positions.',
    );
  });

  it('without an interval says why there is none', () => {
    expect(sentence({ factor: interval(1.93), verdict: null })).toContain(
      '1.93× less training compute (no interval: no seed is repeated in this study) at optimal size',
    );
  });

  it('of bounds', () => {
    expect(sentence({ relation: '>', bound: 8.004, factor: interval(11) })).toBe(
      'primer-ez saves more than 8.00× of the training compute of transformer: it is below the loss of transformer at the largest budget of both (4.532 nats, 10¹² FLOPs) already at its own smallest, so only a bound was measured (extrapolated 11.0×); at optimal size, absolute positions.',
    );
    expect(sentence({ relation: '<', bound: 0.8, factor: interval(0.6), verdict: 'worse' })).toBe(
      'primer-ez does not reach the loss of transformer (4.532 nats, 10¹² FLOPs) within its measured budgets: the speedup is below 0.80× (extrapolated 0.60×), at optimal size, absolute positions.',
    );
  });

  it('of a bound that noise explains says first that the two are not told apart', () => {
    const factor = interval(0.98, 0.92, 1.05);
    expect(sentence({ relation: '<', bound: 1, factor, verdict: 'not told apart' })).toBe(
      'primer-ez and transformer are not told apart: within its measured budgets primer-ez does not quite reach the loss of transformer (4.532 nats, 10¹² FLOPs), so the speedup is below 1.00× (extrapolated 0.98×, 0.92 to 1.05), at optimal size, absolute positions.',
    );
  });

  it('of a comparison without a number gives the reason', () => {
    expect(sentence(null, { reason: 'No law.' })).toBe(
      'primer-ez over transformer: no number, absolute positions. No law.',
    );
  });

  it('gives other costs where they were measured or differ', () => {
    const seconds = {
      ...headline,
      cost: 'seconds' as const,
      hardware: 'Some CPU',
      factor: interval(1.71, 1.6, 1.8),
    };
    const matmul = { ...headline, cost: 'flopsMatmul' as const, factor: interval(1.85, 1.7, 2.01) };
    const all = { atOptimalSize: [headline, matmul, seconds] };
    expect(furtherCosts(comparison({}, all))).toBe('In seconds 1.71× (1.60 to 1.80) on Some CPU.');
    expect(furtherCosts(comparison({}, { ...all, matmulDiffers: true }))).toBe(
      'In matrix FLOPs 1.85× (1.70 to 2.01); in seconds 1.71× (1.60 to 1.80) on Some CPU.',
    );
    expect(furtherCosts(comparison({}, all), false)).toBe('In seconds 1.71× (1.60 to 1.80).');
    expect(furtherCosts(comparison({}))).toBeNull();
  });
});

describe('intervals', () => {
  it('are short in tables', () => {
    const text = (value: number): string => value.toFixed(1);
    expect(shortInterval(interval(1, 0.5, 2), text)).toBe('1.0 (0.5 to 2.0)');
    expect(shortInterval(interval(1), text)).toBe('1.0');
    expect(shortInterval(interval(1, 0.5), text)).toBe('1.0 (0.5 or more)');
    expect(shortInterval(interval(1, null, 2), text)).toBe('1.0 (2.0 or less)');
    expect(shortInterval(null, text)).toBe('–');
  });
});
