/** A difference of loss as a factor of compute: against values by hand, Fieller's closed form and simulated coverage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeAtEqualLoss, type LadderPoint } from '../../src/fit/equalLoss.js';
import { randomStream } from '../../src/fit/random.js';

const ladderOf = (losses: readonly number[], seeds = 3): LadderPoint[] =>
  losses.map((lossNats, i) => ({ logFlops: Math.log(1e12 * 2 ** i), lossNats, seeds }));

describe('computeAtEqualLoss', () => {
  it('reads the factor between two budgets, in the logarithm of compute', () => {
    const ladder = ladderOf([4, 3.9, 3.85, 3.83]);
    const factor = (value: number): number =>
      computeAtEqualLoss(ladder, 1, { value, error: null }, 0).factor!.value;
    expect(factor(-0.025)).toBeCloseTo(Math.SQRT2, 12);
    expect(factor(-0.06)).toBeCloseTo(2 ** 1.5, 12);
    expect(factor(0.05)).toBeCloseTo(Math.SQRT1_2, 12);
    expect(factor(0)).toBeCloseTo(1, 12);
  });

  it('gives a bound beyond what was measured', () => {
    const ladder = ladderOf([4, 3.9, 3.85]);
    const bounds = [-0.06, 0.2].map((value) => computeAtEqualLoss(ladder, 1, { value, error: null }, 0.01));
    expect(bounds.map(({ relation }) => relation)).toEqual(['>', '<']);
    expect(bounds[0]!.bound).toBeCloseTo(2, 12);
    expect(bounds[1]!.bound).toBeCloseTo(0.5, 12);
    expect(bounds.map(({ factor }) => factor)).toEqual([null, null]);
  });

  it("has Fieller's interval, with an open end where it leaves what was measured", () => {
    const ladder = ladderOf([3.9, 3.8], 3);
    const [standardError, quantile, deviation] = [0.004, 2.1, 0.006];
    const { factor } = computeAtEqualLoss(
      ladder,
      0,
      { value: -0.05, error: { standardError, quantile } },
      deviation,
    );
    // Roots in r of (0.05 - 0.1 r)^2 = q^2 (se^2 (1 - r) + r^2 s^2 (1/3 + 1/3)).
    const spread = quantile ** 2 * deviation ** 2 * (2 / 3);
    const square = (quantile * standardError) ** 2;
    const [a, b, c] = [0.1 ** 2 - spread, -2 * 0.05 * 0.1 + square, 0.05 ** 2 - square];
    const roots = [-1, 1].map((sign) => (-b + sign * Math.sqrt(b * b - 4 * a * c)) / (2 * a));
    expect(Math.log2(factor!.low!)).toBeCloseTo(roots[0]!, 9);
    expect(Math.log2(factor!.high!)).toBeCloseTo(roots[1]!, 9);
    const near = { value: -0.095, error: { standardError, quantile } };
    expect(computeAtEqualLoss(ladder, 0, near, deviation).factor!.high).toBeNull();
  });

  it('leaves out 1 exactly where the difference leaves out 0', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -0.09, max: 0.09, noNaN: true }),
        fc.double({ min: 0.0005, max: 0.02, noNaN: true }),
        (value, standardError) => {
          const difference = { value, error: { standardError, quantile: 2 } };
          fc.pre(Math.abs(Math.abs(value) - 2 * standardError) > 1e-6);
          const { low, high } = computeAtEqualLoss(ladderOf([4, 3.9, 3.8]), 1, difference, 0.008).factor!;
          const holdsOne = (low ?? 0) < 1 && (high ?? Infinity) > 1;
          expect(holdsOne).toBe(Math.abs(value) < 2 * standardError);
        },
      ),
    );
  });

  it('covers the true factor in 95% of draws', () => {
    const random = randomStream(7, 0);
    const [deviation, seeds, truth, draws] = [0.008, 3, 0.6, 4000];
    const error = deviation / Math.sqrt(seeds);
    let covered = 0;
    for (let i = 0; i < draws; i++) {
      const [own, twice] = [3.9 + error * random.normal(), 3.8 + error * random.normal()];
      const other = 3.9 - 0.1 * truth + error * random.normal();
      const difference = {
        value: other - own,
        error: { standardError: error * Math.SQRT2, quantile: 1.96 },
      };
      const { factor } = computeAtEqualLoss(ladderOf([4, own, twice]), 1, difference, deviation);
      const [low, high] = [factor?.low ?? 0, factor?.high ?? Infinity];
      covered += Number(low < 2 ** truth && high > 2 ** truth);
    }
    expect(Math.abs(covered / draws - 0.95)).toBeLessThan(0.01);
  });
});
