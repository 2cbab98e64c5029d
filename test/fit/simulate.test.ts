import { describe, expect, it } from 'vitest';
import { coverageOf } from '../../src/fit/coverage.js';
import { coverageText } from '../../src/fit/coverageText.js';
import { designOfPlan, PILOT_NOISE, quickDesign, referenceDesign } from '../../src/fit/designs.js';
import { simulateRows, trueLoss, trueSpeedup, type SimulatedDesign } from '../../src/fit/simulate.js';
import { standardDeviation } from '../../src/fit/statistics.js';

describe('simulateRows', () => {
  const many: SimulatedDesign = {
    ...quickDesign,
    archs: quickDesign.archs.slice(0, 2),
    runs: Array.from({ length: 4000 }, (_, seed) =>
      quickDesign.archs.slice(0, 2).map(({ arch, positions }) => ({
        arch,
        positions,
        dModel: 32,
        nLayers: 2,
        flopsPerToken: 3e5,
        budgetFlops: 2e11,
        seed,
        trunk: null,
      })),
    ).flat(),
    noise: { seedDeviation: 0.01, pairedDeviation: 0.004, trunkShare: 0.5 },
  };

  it('has the mean, the noise over seeds and the paired noise that it is told', () => {
    const rows = simulateRows(many, 1, 0);
    const lossesOf = (name: string) => rows.filter(({ arch }) => arch === name).map((row) => row.lossNats);
    const [a, b] = [lossesOf('transformer'), lossesOf('transformer++')];
    expect(standardDeviation(a)! / 0.01).toBeCloseTo(1, 1.3);
    expect(standardDeviation(a.map((x, i) => x - b[i]!))! / 0.004).toBeCloseTo(1, 1.3);
    const mean = a.reduce((sum, x) => sum + x, 0) / a.length;
    expect(mean).toBeCloseTo(trueLoss(many, many.archs[0]!, 2e11, 3e5), 3);
  });

  it('repeats with its seed and study', () => {
    expect(simulateRows(quickDesign, 1, 2)).toEqual(simulateRows(quickDesign, 1, 2));
    expect(simulateRows(quickDesign, 1, 3)[0]!.lossNats).not.toBe(
      simulateRows(quickDesign, 1, 2)[0]!.lossNats,
    );
    expect(() =>
      simulateRows({ ...quickDesign, noise: { ...PILOT_NOISE, pairedDeviation: 1 } }, 0, 0),
    ).toThrow(/paired deviation/);
  });

  it('states its speedups', () => {
    const [transformer, , primerEz] = quickDesign.archs;
    for (const flops of [1e11, 1e12, 1e13])
      expect(trueSpeedup(primerEz!, transformer!, flops)).toBeCloseTo(1.8, 9);
  });
});

describe('coverage', () => {
  it('of the published designs stays near 95% (a small sample of what docs/coverage.md gives)', async () => {
    for (const design of [quickDesign, referenceDesign]) {
      const report = await coverageOf(design, { studies: 25, bootstraps: 150 });
      for (const { quantity, covered, standardError } of report.coverage) {
        expect
          .soft(covered, `${design.name}: ${quantity}`)
          .toBeGreaterThan(0.95 - 4 * Math.max(standardError, 0.02));
      }
      const ofOne = report.verdicts.find(({ arch }) => arch === 'copy of transformer')!;
      expect(ofOne.trueFactor).toBeCloseTo(1, 12);
      expect(ofOne.better + ofOne.worse).toBeLessThan(0.25);
      expect(coverageText(report)).toMatch(/primer-ez over transformer, truly 1\.80: better/);
    }
  });

  it('holds where one run in twenty ends far above the others', async () => {
    const design = { ...quickDesign, noise: { ...PILOT_NOISE, outliers: { share: 0.05, deviations: 4 } } };
    const rows = simulateRows(design, 1, 0);
    const plain = simulateRows(quickDesign, 1, 0);
    const moved = rows.filter((row, i) => row.lossNats > plain[i]!.lossNats + 3 * PILOT_NOISE.seedDeviation);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThan(rows.length / 5);
    const { coverage } = await coverageOf(design, { studies: 25, bootstraps: 150 });
    const speedup = coverage.find(({ quantity }) => quantity === 'speedup')!;
    expect(speedup.covered).toBeGreaterThan(0.85);
  });

  it('plans a sweep: a factor within the noise is not told apart, a large one is', async () => {
    const runs = quickDesign.runs.filter(({ arch }) => arch === 'transformer' || arch === 'primer');
    const better = async (factor: number): Promise<number> => {
      const design = designOfPlan('plan', runs, ['transformer'], factor, PILOT_NOISE);
      const { verdicts } = await coverageOf(design, { studies: 20, bootstraps: 150 });
      return verdicts.find(({ arch }) => arch === 'primer')!.better;
    };
    expect(await better(1.5)).toBeGreaterThan(0.7);
    expect(await better(1.005)).toBeLessThan(0.3);
    expect(() => designOfPlan('plan', runs.slice(0, 5), ['transformer'], 2, PILOT_NOISE)).toThrow(
      /one architecture/,
    );
  });
});
