/** Families of positions set against each other: at the compute that both reached, and with their own noise. */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { type Design, syntheticRows, type Truth } from './synthetic.js';

const design: Design = { budgets: [2.5e11, 5e11, 1e12, 2e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1] };
const truths: readonly Truth[] = [
  { arch: 'base', a: 4, k: 0.1 },
  { arch: 'other', a: 4 / 1.05, k: 0.11 },
  { arch: 'base@rotary', positions: 'rotary', a: 3.9, k: 0.1 },
  { arch: 'other@rotary', positions: 'rotary', a: 3.9 / 1.02, k: 0.12 },
];
const contrasts = [
  { first: { arch: 'other', baseline: 'base' }, other: { arch: 'other@rotary', baseline: 'base@rotary' } },
];
const alternating = (seed: number): number => (seed % 2 === 0 ? 0.002 : -0.002);

/** Factor of a pair of laws a (C / 1e12)^-k at the loss that the baseline has with `flops`. */
function trueFactor(baseline: Truth, arch: Truth, flops: number): number {
  const loss = baseline.a * (flops / 1e12) ** -baseline.k;
  return flops / (1e12 * (arch.a / loss) ** (1 / arch.k));
}

describe('the factors of two families', () => {
  it('are compared at the largest budget that all four architectures have', () => {
    const short: Design = { ...design, budgets: design.budgets.slice(0, 3) };
    const rows = truths.flatMap((truth) =>
      syntheticRows(truth, truth.positions === 'rotary' ? design : short, alternating),
    );
    const analysis = analyse(rows, { baselines: ['base'], bootstraps: 50, contrasts });
    const [contrast] = analysis.contrasts;
    expect(contrast!.budgetFlops).toBe(1e12);
    const [own, others] = [
      trueFactor(truths[0]!, truths[1]!, 1e12),
      trueFactor(truths[2]!, truths[3]!, 1e12),
    ];
    expect(contrast!.ratio.value).toBeCloseTo(others / own, 6);
  });

  it('are not compared without a budget of both', () => {
    const early: Design = { ...design, budgets: [2.5e11, 5e11] };
    const late: Design = { ...design, budgets: [1e12, 2e12] };
    const rows = truths.flatMap((truth) =>
      syntheticRows(truth, truth.positions === 'rotary' ? late : early, alternating),
    );
    expect(analyse(rows, { baselines: ['base'], bootstraps: 50, contrasts }).contrasts).toEqual([]);
  });
});

describe('families whose seeds scatter unequally', () => {
  const rows = truths.flatMap((truth) =>
    syntheticRows(truth, design, (seed) => alternating(seed) * (truth.positions === 'rotary' ? 5 : 1)),
  );
  const { ownNoise, speedup } = analyse(rows, { baselines: ['base'], bootstraps: 400, seed: 1 });
  const widthOf = ({ low, high }: { readonly low: number | null; readonly high: number | null }): number =>
    Math.log(high! / low!);

  it('have their factors with their own noise too, wider and narrower than with one for all', () => {
    expect(ownNoise!.families).toEqual([
      { positions: 'absolute', standardDeviation: expect.closeTo(0.002 * Math.SQRT2, 6) as number },
      { positions: 'rotary', standardDeviation: expect.closeTo(0.01 * Math.SQRT2, 6) as number },
    ]);
    const pooled = Math.sqrt((0.002 ** 2 + 0.01 ** 2) / 2);
    for (const { arch, baseline, factor } of ownNoise!.factors) {
      const comparison = speedup.find((entry) => entry.arch === arch && entry.baseline === baseline)!;
      const headline = comparison.atOptimalSize[0]!.factor;
      expect(factor.value).toBe(headline.value);
      // Widths go with the deviation, up to the noise of 400 draws.
      const own = comparison.positions === 'rotary' ? 0.01 : 0.002;
      expect(widthOf(factor) / widthOf(headline) / (own / pooled)).toBeGreaterThan(0.85);
      expect(widthOf(factor) / widthOf(headline) / (own / pooled)).toBeLessThan(1.15);
    }
    expect(ownNoise!.factors).toHaveLength(2);
  });

  it('are told apart from families that scatter alike', () => {
    const alike = truths.flatMap((truth) => syntheticRows(truth, design, alternating));
    expect(analyse(alike, { baselines: ['base'], bootstraps: 50 }).ownNoise).toBeNull();
  });
});
