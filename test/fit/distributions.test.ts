import { describe, expect, it } from 'vitest';
import {
  chiSquaredUpperTail,
  fUpperTail,
  logGamma,
  normalCdf,
  normalQuantile,
  studentQuantile,
} from '../../src/fit/distributions.js';

/** Values by SciPy 1.17 (scipy.stats, scipy.special). */
describe('distributions', () => {
  it('agrees with SciPy', () => {
    expect(logGamma(0.5)).toBeCloseTo(0.5723649429247001, 13);
    expect(logGamma(30.5)).toBeCloseTo(72.9534711841694, 12);
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 13);
    expect(normalCdf(-3)).toBeCloseTo(0.0013498980316300933, 14);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 11);
  });
  it.each([
    [1.5, 3, 4, 0.34288790863858565],
    [10, 1, 2, 0.08712907082472314],
    [0.2, 5, 30, 0.9599575282870428],
    [4.3, 3, 100, 0.00675034156795744],
  ] as const)('F upper tail at %s with %s and %s', (f, d1, d2, p) => {
    expect(fUpperTail(f, d1, d2) / p).toBeCloseTo(1, 10);
  });
  it.each([
    [0.5, 1, 0.47950012218695337],
    [3.84, 1, 0.05004352124870519],
    [20, 10, 0.029252688076961124],
    [2, 30, 0.9999999999997],
    [150, 100, 0.0009039320423540184],
  ] as const)('chi-squared upper tail at %s with %s', (x, d, p) => {
    expect(chiSquaredUpperTail(x, d) / p).toBeCloseTo(1, 10);
  });
  it.each([
    [0.975, 1, 12.706204736174694],
    [0.975, 4, 2.7764451051977934],
    [0.9, 30, 1.3104150253913955],
    [0.025, 12, -2.1788128296672293],
  ] as const)('t quantile %s with %s', (p, d, t) => {
    expect(studentQuantile(p, d)).toBeCloseTo(t, 9);
  });
});
