import { describe, expect, it } from 'vitest';
import { permutation, xoshiro128 } from '../../src/data/shuffle.js';

describe('xoshiro128', () => {
  it('gives the numbers of the reference from the state 1, 2, 3, 4', () => {
    const next = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 6 }, next)).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492]);
  });
});

describe('permutation', () => {
  // From a Python implementation of the definition. Other numbers here mean another data order for every run.
  it('is the one that its label defines', () => {
    expect([...permutation(10, 'isoloss sequences 0 0')]).toEqual([1, 5, 4, 9, 8, 2, 7, 6, 3, 0]);
    expect([...permutation(10, 'isoloss sequences 0 1')]).toEqual([3, 4, 0, 8, 6, 7, 9, 5, 1, 2]);
    expect([...permutation(10, 'isoloss sequences 1 0')]).toEqual([6, 5, 1, 2, 8, 3, 9, 0, 7, 4]);
  });

  it('holds every number once', () => {
    expect([...permutation(1000, 'x')].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
    expect([...permutation(0, 'x')]).toEqual([]);
  });

  it('is uniform over all orders', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = permutation(3, `draw ${i}`).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(6);
    // 0.999 quantile with 5 degrees of freedom.
    expect(chiSquare).toBeLessThan(20.5);
  });
});
