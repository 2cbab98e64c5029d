import { describe, expect, it } from 'vitest';
import { budgetTicks, paddedDomain } from '../../src/report/charts/chart.js';
import { niceLinearTicks, niceLogTicks } from '../../src/report/charts/ticks.js';

describe('ticks', () => {
  it('are round on a linear axis', () => {
    expect(niceLinearTicks([4.43, 5.31], 6)).toEqual([4.6, 4.8, 5, 5.2]);
    expect(niceLinearTicks([-0.18, 0.02], 5)).toEqual([-0.15, -0.1, -0.05, 0]);
    expect(niceLinearTicks([3, 3], 5)).toEqual([3]);
  });

  it('are powers of ten, and multiples of them where there is room, on a logarithmic axis', () => {
    expect(niceLogTicks([8e8, 1.1e12], 5)).toEqual([1e9, 1e10, 1e11, 1e12]);
    expect(niceLogTicks([0.9, 2.3], 7)).toEqual([1, 1.5, 2]);
    expect(niceLogTicks([1e3, 1e15], 5).length).toBeLessThanOrEqual(5);
    expect(niceLogTicks([1.02, 1.08], 7).length).toBeGreaterThanOrEqual(2);
  });

  it('are the budgets, thinned to those that fit, the largest among them', () => {
    expect(budgetTicks([1e12, 1e11, 3e11, 1e11])).toEqual([1e11, 3e11, 1e12]);
    expect(budgetTicks([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5)).toEqual([2, 4, 6, 8, 10]);
  });
});

describe('domains', () => {
  it('have room at both ends', () => {
    expect(paddedDomain([1, 100], 'log', 0.5)).toEqual([expect.closeTo(0.1, 12), expect.closeTo(1000, 9)]);
    expect(paddedDomain([0, 10], 'linear', 0.1)).toEqual([-1, 11]);
  });

  it('are not empty for equal values, nor infinite for none', () => {
    const [low, high] = paddedDomain([4.5, 4.5], 'linear');
    expect(low).toBeLessThan(4.5);
    expect(high).toBeGreaterThan(4.5);
    expect(paddedDomain([], 'log')).toEqual([0.5, 2]);
  });
});
