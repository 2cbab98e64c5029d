/** Noise by group against R's published answer, and what is said of it. */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { noiseByGroup } from '../../src/fit/noise.js';
import { syntheticRows, type Design } from './synthetic.js';

/** Insect counts by spray (Beall 1942), R's data set InsectSprays. */
const SPRAYS = {
  A: [10, 7, 20, 14, 14, 12, 10, 23, 17, 20, 14, 13],
  B: [11, 17, 21, 11, 16, 14, 17, 17, 19, 21, 7, 13],
  C: [0, 1, 7, 2, 3, 1, 2, 1, 3, 0, 1, 4],
  D: [3, 5, 12, 6, 4, 3, 5, 5, 5, 5, 2, 4],
  E: [3, 5, 3, 5, 3, 6, 1, 1, 3, 2, 6, 4],
  F: [11, 9, 15, 22, 15, 16, 13, 10, 26, 26, 24, 13],
};

describe('noiseByGroup', () => {
  const cells = Object.entries(SPRAYS).map(([name, losses]) => ({ name, losses }));

  it('has the p-value that R documents for bartlett.test(count ~ spray, InsectSprays)', () => {
    expect(noiseByGroup(cells, ({ name }) => name)!.pValue).toBeCloseTo(9.085e-5, 8);
  });

  it('pools the cells of a group within themselves, whatever their means', () => {
    const shifted = [
      ...cells,
      ...cells.map(({ name, losses }) => ({ name, losses: losses.map((x) => x + 100) })),
    ];
    const { groups } = noiseByGroup(shifted, ({ name }) => name)!;
    expect(groups.map(({ noise }) => noise.degreesOfFreedom)).toEqual(Array<number>(6).fill(22));
    expect(groups[0]!.noise.standardDeviation ** 2).toBeCloseTo(22.2727, 4);
  });

  it('says nothing of one group, or of seeds that are copies', () => {
    expect(noiseByGroup(cells, () => 'all')).toBeNull();
    expect(
      noiseByGroup([...cells.slice(0, 1), { name: 'B', losses: [3, 3] }], ({ name }) => name),
    ).toBeNull();
  });
});

describe('the warning of unequal noise', () => {
  const design: Design = { budgets: [2.5e11, 5e11, 1e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1] };
  const noisy = (amount: number) => (seed: number, budget: number, size: number) =>
    amount * (1 + size / 10 + budget / 1e13) * (seed === 0 ? 1 : -1);
  const warningsWith = (rotary: number) =>
    analyse(
      [
        ...syntheticRows({ arch: 'base', a: 4, k: 0.1 }, design, noisy(0.004)),
        ...syntheticRows({ arch: 'base@rotary', positions: 'rotary', a: 3.9, k: 0.1 }, design, noisy(rotary)),
      ],
      { baselines: ['base'], bootstraps: 0 },
    ).warnings.filter((warning) => warning.startsWith('Seeds scatter unequally'));

  it('names each family with its own, and the one that intervals take', () => {
    expect(warningsWith(0.016)).toEqual([
      expect.stringMatching(
        /^Seeds scatter unequally by families of positions \(Bartlett, p < 0\.001\): 0\.00\d+ with absolute and 0\.02\d+ with rotary, in nats\. Intervals and tests take 0\.0\d+ for all/,
      ),
    ]);
  });

  it('points to no factors where there are none', () => {
    expect(warningsWith(0.016)[0]).toMatch(/not sure enough\.$/);
  });

  it('is not given where they are alike', () => {
    expect(warningsWith(0.005)).toEqual([]);
  });
});
