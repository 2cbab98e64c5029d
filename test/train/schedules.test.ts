/** Learning-rate schedules at points worked out by hand, and the rule of divergence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleSetup } from '../../src/store/record.js';
import { watchDivergence } from '../../src/train/divergence.js';
import { scheduleFactor } from '../../src/train/schedules.js';

describe('schedules', () => {
  it.each<[ScheduleSetup, Readonly<Record<number, number>>]>([
    [
      { kind: 'cosine', warmupFraction: 0.1, finalFraction: 0.1 },
      // Half-way down after (10 + 100) / 2 steps: 0.1 + 0.9 / 2; at a third of the way cos(pi / 3) = 1/2.
      { 1: 0.1, 5: 0.5, 9: 0.9, 10: 1, 40: 0.1 + 0.9 * 0.75, 55: 0.55, 70: 0.1 + 0.9 * 0.25, 100: 0.1 },
    ],
    [
      { kind: 'cosine', warmupFraction: 0, finalFraction: 0 },
      { 50: 0.5, 100: 0 },
    ],
    [
      { kind: 'rsqrt', warmupSteps: 10 },
      { 1: 0.1, 10: 1, 40: 0.5, 90: 1 / 3 },
    ],
    [
      { kind: 'wsd', warmupSteps: 5, decayFraction: 0.2, finalFraction: 0 },
      { 1: 0.2, 5: 1, 50: 1, 80: 1, 85: 0.75, 90: 0.5, 99: 0.05, 100: 0 },
    ],
    [
      { kind: 'wsd', warmupSteps: 0, decayFraction: 0.5, finalFraction: 0.2 },
      { 1: 1, 50: 1, 75: 0.6, 100: 0.2 },
    ],
    [
      { kind: 'constant', warmupFraction: 0.04 },
      { 1: 0.25, 3: 0.75, 4: 1, 100: 1 },
    ],
  ])('%j', (schedule, expected) => {
    for (const [step, factor] of Object.entries(expected)) {
      expect(scheduleFactor(schedule, Number(step), 100), `step ${step}`).toBeCloseTo(factor, 12);
    }
  });

  it('stay between 0 and the peak and end at their final fraction', () => {
    const fraction = fc.double({ min: 0, max: 0.5, noNaN: true });
    const steps = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(
        fraction,
        fraction,
        fraction,
        steps,
        fc.nat(4999),
        (warmupFraction, decayFraction, finalFraction, n, at) => {
          const step = 1 + (at % n);
          const decaying: ScheduleSetup[] = [
            { kind: 'cosine', warmupFraction, finalFraction },
            { kind: 'wsd', warmupSteps: Math.round(warmupFraction * n), decayFraction, finalFraction },
          ];
          for (const schedule of [...decaying, { kind: 'constant', warmupFraction } as const]) {
            const factor = scheduleFactor(schedule, step, n);
            expect(factor).toBeGreaterThanOrEqual(0);
            expect(factor).toBeLessThanOrEqual(1 + 1e-12);
          }
          for (const schedule of decaying)
            expect(scheduleFactor(schedule, n, n)).toBeCloseTo(finalFraction, 12);
        },
      ),
    );
  });
});

/** The first step at which a series counts as diverged, and why; null where it does not. */
function divergedAt(losses: readonly number[]): { step: number; cause: string } | null {
  const watch = watchDivergence();
  for (const [i, loss] of losses.entries()) {
    const cause = watch.observe(i + 1, loss);
    if (cause !== null) return { step: i + 1, cause };
  }
  return null;
}

const repeated = (loss: number, times: number): number[] => Array.from({ length: times }, () => loss);

describe('divergence', () => {
  it.each([NaN, Infinity, -Infinity])('a loss of %d, at the first step or later', (loss) => {
    expect(divergedAt([loss])).toMatchObject({ step: 1 });
    expect(divergedAt([3, 3, loss])).toMatchObject({ step: 3, cause: `the loss was ${loss} at step 3` });
  });

  it('a mean over 50 steps more than 1 nat above the first loss', () => {
    // The first window is full at step 50: (3 + 49 x) / 50 > 4 needs x > 4.0204.
    expect(divergedAt([3, ...repeated(4.03, 200)])?.step).toBe(50);
    // With x = 4.01 the first loss must have left the window.
    expect(divergedAt([3, ...repeated(4.01, 200)])?.step).toBe(51);
    expect(divergedAt([3, ...repeated(4, 500)])).toBeNull();
    expect(divergedAt([3, ...repeated(3.99, 500)])).toBeNull();
  });

  it('never for a finite loss before step 50, however large', () => {
    expect(divergedAt([3, ...repeated(1e30, 48)])).toBeNull();
    expect(divergedAt([3, ...repeated(1e30, 49)])?.step).toBe(50);
  });

  it('of a spike that passes is none, of one that stays is one', () => {
    const spike = (height: number): number[] => [
      5,
      ...repeated(3, 100),
      ...repeated(height, 10),
      ...repeated(3, 100),
    ];
    expect(divergedAt(spike(15))).toBeNull();
    // 40 steps of 3 and 10 of x: a mean above 6 needs x > 18.
    expect(divergedAt(spike(18.1))?.step).toBe(111);
  });

  it('says what the mean was', () => {
    expect(divergedAt([3, ...repeated(5, 60)])?.cause).toMatch(
      /mean loss of the 50 steps up to 50 was 4\.960 nats, .* first loss of 3\.000/,
    );
  });
});
