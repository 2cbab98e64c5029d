import { describe, expect, it } from 'vitest';
import { acceleration, bcaInterval } from '../../src/fit/bca.js';
import { bootstrapStudy, intervalOf, percentileInterval } from '../../src/fit/bootstrap.js';
import { buildStudy } from '../../src/fit/cells.js';
import { randomStream } from '../../src/fit/random.js';
import type { FitRow } from '../../src/fit/row.js';
import { quantileSorted, standardDeviation } from '../../src/fit/statistics.js';
import { syntheticRows, type Design, type Truth } from './synthetic.js';

const truth: Truth = { arch: 'base', a: 4, k: 0.1, sizeExponent: 0 };
const other: Truth = { ...truth, arch: 'other', a: 3.9 };
const design: Design = {
  budgets: [1e12, 4e12],
  sizes: [0.5, 1, 2],
  seeds: Array.from({ length: 20 }, (_, i) => i),
};

/** Deviations with mean 0 and sample standard deviation 0.01 over 20 seeds: 0.01 sqrt(19/20) up and down. */
const square = (seed: number): number => (seed % 2 === 0 ? 1 : -1) * 0.01 * Math.sqrt(19 / 20);

describe('bootstrapStudy', () => {
  it('has the standard error that theory gives to the loss at the vertex', () => {
    const study = buildStudy(syntheticRows(truth, design, square));
    expect(study.seedNoise!.standardDeviation).toBeCloseTo(0.01, 12);
    const { draws } = bootstrapStudy(study, { bootstraps: 4000, seed: 1 });
    // The vertex is at the middle size, where the other sizes have no first-order say: the error of a mean of 20.
    const error = standardDeviation(draws.map((draw) => draw.vertices[0]!.lossNats))!;
    expect(error / (0.01 / Math.sqrt(20))).toBeCloseTo(1, 1.3);
  });

  it('makes Student intervals where the noise is known from few seeds', () => {
    // One repeated cell of 3 seeds leaves 2 degrees of freedom: half-width t(.975, 2) = 4.3027 standard errors.
    const rows = syntheticRows(
      truth,
      { ...design, budgets: [1e12], seeds: [0, 1, 2] },
      (seed) => [0.01, -0.01, 0][seed]!,
    );
    const study = buildStudy(rows.filter((row) => row.seed === 0 || row.dModel === 32));
    expect(study.seedNoise).toEqual({
      standardDeviation: expect.closeTo(0.01, 12) as number,
      degreesOfFreedom: 2,
      nCells: 1,
    });
    const fit = bootstrapStudy(study, { bootstraps: 20_000, seed: 2 });
    const { low, high } = intervalOf(fit, (draw) => draw.cellMeans[0]!)!;
    expect((high! - low!) / 2 / 0.01).toBeCloseTo(4.3027, 0.5);
  });

  it('draws the noise that pairs share together, and what sets them apart apart', () => {
    const random = randomStream(9, 0);
    const common = new Map<string, number>();
    const noise = (seed: number, budget: number, size: number): number => {
      const key = `${seed} ${budget} ${size}`;
      const shared = common.get(key) ?? 0.008 * random.normal();
      common.set(key, shared);
      return shared + 0.002 * random.normal();
    };
    const few: Design = { ...design, seeds: [0, 1, 2, 3] };
    const rows: FitRow[] = [...syntheticRows(truth, few, noise), ...syntheticRows(other, few, noise)];
    const study = buildStudy(rows);
    const paired = study.pairedNoise!.standardDeviation;
    expect(paired / (0.002 * Math.SQRT2)).toBeCloseTo(1, 0.5);
    const { draws } = bootstrapStudy(study, { bootstraps: 4000, seed: 3 });
    const difference = standardDeviation(draws.map(({ cellMeans }) => cellMeans[6]! - cellMeans[0]!))!;
    // 18 degrees of freedom: Student's deviation is sqrt(18 / 16) of the normal one.
    expect(difference / ((paired / 2) * Math.sqrt(18 / 16))).toBeCloseTo(1, 1);
  });

  it('gives budgets of one trunk the same draw', () => {
    const few: Design = { ...design, seeds: [0, 1] };
    const rows = syntheticRows(truth, few, (seed, _, size) => (seed === 0 ? 1 : -1) * 0.01 * (size + 1));
    const trunked = rows.map((row) => ({ ...row, trunk: `${row.dModel} ${row.seed}` }));
    const { draws } = bootstrapStudy(buildStudy(trunked), { bootstraps: 50, seed: 4 });
    const free = bootstrapStudy(buildStudy(rows), { bootstraps: 50, seed: 4 });
    const offsets = (fit: typeof free.draws) =>
      fit.map(({ cellMeans }) => cellMeans[0]! - cellMeans[3]! - 4 * (1 - 4 ** -0.1));
    for (const offset of offsets(draws)) expect(offset).toBeCloseTo(0, 12);
    expect(standardDeviation(offsets(free.draws))!).toBeGreaterThan(0.005);
  });

  it('tells the trunks of one size and seed apart, and pairs them between architectures', () => {
    const budgets = [1e12, 2e12, 4e12, 8e12];
    const few: Design = { ...design, budgets, seeds: [0, 1] };
    const noise = (seed: number, _: number, size: number): number =>
      (seed === 0 ? 1 : -1) * 0.01 * (size + 1);
    const trunked = (of: Truth): FitRow[] =>
      syntheticRows(of, few, noise).map((row) => ({
        ...row,
        trunk: `${of.arch} ${row.dModel} ${row.seed} ${row.budgetFlops > 3e12 ? 'high' : 'low'}`,
      }));
    const study = buildStudy([...trunked(truth), ...trunked(other)]);
    const { draws } = bootstrapStudy(study, { bootstraps: 200, seed: 4 });
    /** How far a draw of the first size moves, by architecture and budget. */
    const moved = (arch: number, budget: number): number[] =>
      draws.map(({ cellMeans }) => {
        const cell = study.groups[study.archs[arch]!.groups[budget]!]!.cells[0]!;
        return cellMeans[cell]! - study.cells[cell]!.lossNats;
      });
    const largestGap = (a: number[], b: number[]): number =>
      Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
    expect(largestGap(moved(0, 0), moved(0, 1))).toBeLessThan(1e-12);
    expect(largestGap(moved(0, 2), moved(0, 3))).toBeLessThan(1e-12);
    expect(largestGap(moved(0, 1), moved(0, 2))).toBeGreaterThan(0.01);
    // Equal noise at equal seed: whatever the architectures differ by is no noise.
    expect(largestGap(moved(0, 0), moved(1, 0))).toBeLessThan(1e-12);
    expect(largestGap(moved(0, 2), moved(1, 2))).toBeLessThan(1e-12);
  });

  it('is centred on the fit where one run of a cell lies far off', () => {
    const wide: Design = { budgets: [1e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1, 2] };
    const outlier = (seed: number, _: number, size: number): number =>
      [-0.008, 0, 0.008][seed]! + (seed === 2 && size === 2 ? 0.06 : 0);
    const study = buildStudy(syntheticRows(truth, wide, outlier));
    const { point, draws } = bootstrapStudy(study, { bootstraps: 1000, seed: 7 });
    const losses = draws.map(({ vertices }) => vertices[0]!.lossNats).sort((a, b) => a - b);
    const error = standardDeviation(losses)!;
    expect(Math.abs(quantileSorted(losses, 0.5) - point.vertices[0]!.lossNats) / error).toBeLessThan(0.3);
  });

  it('draws residuals scaled by sqrt(n / (n - 1)) where a cell has many seeds', () => {
    const study = buildStudy(
      syntheticRows(truth, { ...design, budgets: [1e12] }, (seed) => (seed === 0 ? 0.19 : -0.01)),
    );
    const { draws } = bootstrapStudy(study, { bootstraps: 2000, seed: 5 });
    // Residuals are 0.19 once and -0.01 nineteen times; a draw is their mean with k copies of the first.
    const scale = Math.sqrt(20 / 19);
    const mean = study.cells[0]!.lossNats;
    for (const { cellMeans } of draws) {
      const copies = ((cellMeans[0]! - mean) / scale + 0.01) / (0.2 / 20);
      expect(copies).toBeCloseTo(Math.round(copies), 6);
    }
  });

  it('does not depend on the order of rows, nor draws on how many there are', () => {
    const rows = syntheticRows(truth, { ...design, seeds: [0, 1] }, square);
    const a = bootstrapStudy(buildStudy(rows), { bootstraps: 20, seed: 6 });
    const b = bootstrapStudy(buildStudy([...rows].reverse()), { bootstraps: 10, seed: 6 });
    const lossesOf = (fit: typeof a) => fit.draws.slice(0, 10).map((draw) => draw.vertices[0]!.lossNats);
    lossesOf(a).forEach((loss, i) => expect(lossesOf(b)[i]).toBeCloseTo(loss, 12));
  });

  it('has no draws without a repeated seed', () => {
    expect(
      bootstrapStudy(buildStudy(syntheticRows(truth, { ...design, seeds: [0] })), { bootstraps: 50, seed: 0 })
        .draws,
    ).toEqual([]);
  });
});

describe('intervals', () => {
  it('are quantiles 2.5% and 97.5%, and withheld where a tenth of the draws gave nothing', () => {
    const values = Array.from({ length: 1001 }, (_, i) => i);
    expect(percentileInterval(500, values)).toEqual({ value: 500, low: 25, high: 975, level: 0.95 });
    const gaps = values.map((v) => (v % 9 === 0 ? null : v));
    expect(percentileInterval(500, gaps)).toEqual({ value: 500, low: null, high: null, level: 0.95 });
    expect(quantileSorted([1, 2, 4, 8], 0.5)).toBe(3);
  });

  it('BCa shifts with bias and skew as in the literature', () => {
    // Symmetric draws about the value and no acceleration: the percentile interval itself.
    const symmetric = Array.from({ length: 2001 }, (_, i) => i - 1000);
    const [low, high] = bcaInterval(0, symmetric, 0)!;
    expect(low).toBeCloseTo(-950, 6);
    expect(high).toBeCloseTo(950, 6);
    // Phi(z0 + (z0 + z) / (1 - a (z0 + z))) for z0 = .1 (.539828 of the draws below) and a = .05, by SciPy's norm.cdf.
    const shifted = bcaInterval(2000 * 0.539828 - 1000, symmetric, 0.05)!;
    expect((shifted[0] + 1000) / 2000).toBeCloseTo(0.05461, 3);
    expect((shifted[1] + 1000) / 2000).toBeCloseTo(0.99172, 3);
    expect(bcaInterval(5000, symmetric, 0)).toBeNull();
  });

  it('acceleration of a mean is skewness / (6 sqrt n)', () => {
    const data = [1, 2, 2, 3, 9];
    const total = 17;
    const leaveOneOut = data.map((x) => (total - x) / 4);
    // Deviations -2.4 -1.4 -1.4 -.4 5.6: sum of cubes 156.24, of squares 41.2; a = 156.24 / (6 x 41.2^1.5).
    expect(acceleration(leaveOneOut)).toBeCloseTo(156.24 / (6 * 41.2 ** 1.5), 12);
  });
});
