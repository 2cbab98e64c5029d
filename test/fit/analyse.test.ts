import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import type { Analysis } from '../../src/fit/analysis.js';
import type { Speedup } from '../../src/fit/comparison.js';
import { FitError } from '../../src/fit/error.js';
import type { FitRow } from '../../src/fit/row.js';
import { syntheticRows, type Design, type Truth } from './synthetic.js';

const design: Design = { budgets: [2.5e11, 5e11, 1e12, 2e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1] };
const baseline: Truth = { arch: 'base', a: 4, k: 0.1 };
/** b = (a_A / a_B)^(1/k) = 1.05^10 = 1.6289. */
const better: Truth = { arch: 'better', a: 4 / 1.05, k: 0.1 };

/** Alternating noise that leaves every cell mean exact: +-0.01 nats, so the seed deviation is 0.01 sqrt(2). */
const alternating = (seed: number): number => (seed % 2 === 0 ? 0.01 : -0.01);

function speedupOf(analysis: Analysis, arch: string): Speedup {
  const found = analysis.speedup.find((entry) => entry.arch === arch);
  if (!found) throw new Error(`no speedup of ${arch}`);
  return found;
}

const pair = (noise?: (seed: number) => number): FitRow[] =>
  [baseline, better].flatMap((truth) => syntheticRows(truth, design, noise));

describe('analyse on rows of known truth', () => {
  const analysis = analyse(pair(alternating), { baselines: ['base'], bootstraps: 300, seed: 1 });

  it('finds the vertex of every budget', () => {
    for (const entry of analysis.isoflop) {
      expect(entry.accepted).toBe(true);
      const truth = entry.arch === 'base' ? 4 : 4 / 1.05;
      expect(entry.optimum!.lossNats.value).toBeCloseTo(truth * (entry.budgetFlops / 1e12) ** -0.1, 9);
      expect(entry.optimum!.flopsPerToken.value / (1e5 * Math.sqrt(entry.budgetFlops / 1e12))).toBeCloseTo(
        1,
        9,
      );
      expect(entry.optimum!.paramsNonEmbedding / (entry.optimum!.flopsPerToken.value / 6)).toBeCloseTo(1, 9);
    }
  });

  it('recovers the laws of loss, size and tokens', () => {
    const { law, optimalFlopsPerToken, optimalTokens } = analysis.frontier[0]!;
    expect(law!.exponent.value).toBeCloseTo(-0.1, 9);
    expect(law!.coefficient.value).toBeCloseTo(4 * 1e12 ** 0.1, 6);
    expect(optimalFlopsPerToken!.exponent.value).toBeCloseTo(0.5, 9);
    expect(optimalTokens!.exponent.value).toBeCloseTo(0.5, 9);
  });

  it('names the convention of every exponent of N', () => {
    const { optimalParams, optimalParamsNonEmbedding } = analysis.frontier[0]!;
    expect(optimalParams.map(({ convention }) => convention)).toEqual(['non-embedding', 'total']);
    expect(optimalParamsNonEmbedding).toEqual(optimalParams[0]!.law);
    // An output matrix that goes as the square root of the size: N = s / 6 + 500 sqrt(s).
    const counted = syntheticRows(baseline, design).map((row) => ({
      ...row,
      paramsOutput: 500 * Math.sqrt(row.flops / row.tokens),
    }));
    const [first] = analyse(counted, { baselines: [] }).frontier[0]!.optimalParams;
    expect(first!.convention).toBe('non-embedding plus output matrix');
    expect(first!.law.exponent.value).toBeLessThan(0.5);
    expect(first!.law.exponent.value).toBeGreaterThan(0.25);
  });

  it('reads the headline off the laws without extrapolating', () => {
    const headline = speedupOf(analysis, 'better').atOptimalSize[0]!;
    expect(headline.cost).toBe('flops');
    expect(headline.relation).toBe('=');
    expect(headline.bound).toBeNull();
    expect(headline.baselineCost).toBeCloseTo(2e12, -3);
    expect(headline.factor.value).toBeCloseTo(1.05 ** 10, 7);
    expect(headline.factor.low!).toBeLessThan(headline.factor.value);
    expect(headline.factor.high!).toBeGreaterThan(headline.factor.value);
    expect(headline.verdict).toBe('better');
  });

  it('marks the part of the curve that the architecture was not measured at', () => {
    const { curve } = speedupOf(analysis, 'better');
    // At the baseline's 2.5e11 the other needs 1.5e11, below its smallest budget; from 2.5e11 x 1.63 on it was measured.
    expect(curve[0]!.extrapolated).toBe(true);
    expect(curve.at(-1)!.extrapolated).toBe(false);
    for (const point of curve) {
      expect(point.factor.value).toBeCloseTo(1.05 ** 10, 7);
      expect(point.extrapolated).toBe(point.baselineFlops / 1.05 ** 10 < 2.5e11 * 0.99);
    }
  });

  it('has a point of the curve at every budget of the baseline, which is measured up to where the headline is read', () => {
    const { curve, atOptimalSize } = speedupOf(analysis, 'better');
    const budgets = curve.filter(({ budgetFlops }) => budgetFlops !== null);
    expect(budgets.map(({ budgetFlops }) => budgetFlops)).toEqual(design.budgets);
    for (const { budgetFlops, baselineFlops } of budgets)
      expect(baselineFlops / budgetFlops!).toBeCloseTo(1, 9);
    const flops = curve.map(({ baselineFlops }) => baselineFlops);
    expect(flops).toEqual([...flops].sort((a, b) => a - b));
    expect(curve.at(-1)).toMatchObject({ extrapolated: false, factor: atOptimalSize[0]!.factor });
  });

  it('gives the factor of parallel lines and the law of savings', () => {
    const { pureLawFactor, savings } = speedupOf(analysis, 'better');
    const factor = 1.05 ** 10;
    expect(pureLawFactor!.value).toBeCloseTo(factor, 7);
    // l = a1 (1 - 1/b)^k s^-k
    expect(savings!.exponent.value).toBeCloseTo(-0.1, 8);
    const expected = 4 * 1e12 ** 0.1 * (1 - 1 / factor) ** 0.1;
    expect(savings!.coefficient.value).toBeCloseTo(expected, 6);
    expect(savings!.parallelCoefficient!).toBeCloseTo(expected, 6);
  });

  it('pools the seed noise, and finds none between pairs that share it', () => {
    expect(analysis.seedNoise!.standardDeviation).toBeCloseTo(0.01 * Math.SQRT2, 12);
    expect(analysis.seedNoise!.degreesOfFreedom).toBe(40);
    expect(analysis.pairedNoise!.standardDeviation).toBeCloseTo(0, 12);
  });

  it('says once of all architectures that their laws miss the largest budget, and by how much', () => {
    const longer: Design = { ...design, budgets: [...design.budgets, 4e12] };
    const bent = (seed: number, budget: number): number => alternating(seed) + (budget === 4e12 ? 0.2 : 0);
    const rows = [baseline, better].flatMap((truth) => syntheticRows(truth, longer, bent));
    const { warnings, heldOut } = analyse(rows, { baselines: ['base'], bootstraps: 100 });
    // The largest budget is predicted twice, from four smaller ones and from three.
    expect(heldOut.filter(({ budgetFlops }) => budgetFlops === 4e12)).toHaveLength(4);
    // 3.4822 predicted and 0.2 more observed, 5.43% too low; 3.3164 and 0.2 more, 5.69%.
    expect(warnings.filter((w) => w.startsWith('Laws below'))).toEqual([
      'Laws below 4e12 FLOPs miss the loss measured there, outside of their intervals: base by -5.43% and better by -5.69%. ' +
        'Whoever had stopped below would have extrapolated wrongly.',
    ]);
  });

  it('names a cell whose seeds scatter far wider than the others', () => {
    const scattered = (wide: number) => {
      const three = { ...design, seeds: [0, 1, 2] };
      const rows = [baseline, better].flatMap((truth) =>
        syntheticRows(
          truth,
          three,
          (seed, budget, size) =>
            (truth === better && budget === 1e12 && size === 2 ? wide : 1) * 0.01 * (((seed + size) % 3) - 1),
        ),
      );
      return analyse(rows, { baselines: ['base'], bootstraps: 0 }).warnings.filter((w) =>
        w.startsWith('The seeds of'),
      );
    };
    expect(scattered(1)).toEqual([]);
    expect(scattered(5)).toEqual([
      expect.stringMatching(/^The seeds of better 48x2 at 1e12 FLOPs end between 3\.760 and 3\.860/),
    ]);
  });

  it('predicts the budgets held out', () => {
    for (const entry of analysis.heldOut) {
      expect(entry.relativeError).toBeCloseTo(0, 9);
      expect(entry.inSampleError).toBeCloseTo(0, 9);
      expect(entry.covered).toBe(true);
    }
    expect(
      analysis.heldOut.filter((entry) => entry.arch === 'base').map((entry) => entry.budgetFlops),
    ).toEqual([2e12]);
  });

  it('survives JSON and repeats with its seed', () => {
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis);
    const again = analyse(pair(alternating).reverse(), { baselines: ['base'], bootstraps: 300, seed: 1 });
    const [a, b] = [speedupOf(analysis, 'better'), speedupOf(again, 'better')].map(
      (s) => s.atOptimalSize[0]!.factor,
    );
    expect(b!.low).toBeCloseTo(a!.low!, 9);
    expect(b!.high).toBeCloseTo(a!.high!, 9);
  });
});

describe('bounds instead of extrapolation', () => {
  const run = (a: number, k = 0.1) =>
    speedupOf(
      analyse([...syntheticRows(baseline, design), ...syntheticRows({ arch: 'other', a, k }, design)], {
        baselines: ['base'],
      }),
      'other',
    ).atOptimalSize[0]!;

  it('says "> x" where the other is below the loss at its smallest budget', () => {
    // The baseline at 2e12 has 4 x 2^-0.1; the other has 2.5 x 4^0.1 = 2.87 at 2.5e11.
    const headline = run(2.5);
    expect(headline.relation).toBe('>');
    expect(headline.bound).toBeCloseTo(8, 6);
  });

  it('says "< x" where it never gets there', () => {
    const headline = run(4.2);
    expect(headline.relation).toBe('<');
    expect(headline.bound).toBeCloseTo(1, 6);
    expect(headline.factor.value).toBeCloseTo((4 / 4.2) ** 10, 7);
  });

  it('is read at the largest budget that both were trained at', () => {
    const shorter: Design = { ...design, budgets: design.budgets.slice(0, 3) };
    const analysis = analyse([...syntheticRows(baseline, design), ...syntheticRows(better, shorter)], {
      baselines: ['base'],
    });
    const headline = speedupOf(analysis, 'better').atOptimalSize[0]!;
    expect(headline.baselineCost / 1e12).toBeCloseTo(1, 9);
    expect(headline.lossNats).toBeCloseTo(4, 9);
    expect(headline).toMatchObject({ relation: '=', bound: null });
    expect(headline.factor.value).toBeCloseTo(1.05 ** 10, 7);
  });

  it('calls equal architectures equal, in spite of rounding', () => {
    const headline = run(4);
    expect(headline.relation).toBe('=');
    expect(headline.factor.value).toBeCloseTo(1, 9);
  });

  it('has no interval and no verdict without a repeated seed, and says so', () => {
    const single: Design = { ...design, seeds: [0] };
    const analysis = analyse(
      [baseline, better].flatMap((truth) => syntheticRows(truth, single)),
      { baselines: ['base'] },
    );
    const headline = speedupOf(analysis, 'better').atOptimalSize[0]!;
    expect([headline.factor.low, headline.factor.high, headline.verdict]).toEqual([null, null, null]);
    expect(analysis.warnings[0]).toMatch(/No seed is repeated/);
  });
});

describe('costs are never mixed', () => {
  it('gives seconds, tokens and matrix FLOPs from their own data', () => {
    const rows = [
      ...syntheticRows({ ...baseline, flopsPerSecond: 1e10 }, design),
      ...syntheticRows({ ...better, flopsPerSecond: 0.5e10, matmulShare: 0.6 }, design),
    ];
    const { atOptimalSize, matmulDiffers } = speedupOf(analyse(rows, { baselines: ['base'] }), 'better');
    const factorOf = (cost: string) => atOptimalSize.find((entry) => entry.cost === cost)!.factor.value;
    const b = 1.05 ** 10;
    expect(factorOf('seconds')).toBeCloseTo(b / 2, 6);
    expect(factorOf('flopsMatmul')).toBeCloseTo((b * 0.8) / 0.6, 6);
    // Tokens at optimal size go as C^0.5.
    expect(factorOf('tokens')).toBeCloseTo(Math.sqrt(b), 6);
    expect(matmulDiffers).toBe(true);
  });

  it('reads seconds at the largest budget at which both were timed', () => {
    const untimed = (row: FitRow): FitRow =>
      row.budgetFlops === 2e12 ? { ...row, secondsPerStep: null, hardware: null } : row;
    const rows = [
      ...syntheticRows({ ...baseline, flopsPerSecond: 1e10 }, design),
      ...syntheticRows({ ...better, flopsPerSecond: 0.5e10 }, design).map(untimed),
    ];
    const { atOptimalSize } = speedupOf(analyse(rows, { baselines: ['base'] }), 'better');
    const seconds = atOptimalSize.find((entry) => entry.cost === 'seconds')!;
    expect(seconds).toMatchObject({ relation: '=', bound: null, nBudgets: { arch: 3, baseline: 4 } });
    expect(seconds.baselineCost).toBeCloseTo(100, 6);
    expect(seconds.factor.value).toBeCloseTo(1.05 ** 10 / 2, 6);
    expect(atOptimalSize[0]!.baselineCost / 2e12).toBeCloseTo(1, 9);
  });

  it('makes no ratio across hardware', () => {
    const rows = [
      ...syntheticRows({ ...baseline, flopsPerSecond: 1e10, hardware: 'x' }, design),
      ...syntheticRows({ ...better, flopsPerSecond: 1e10, hardware: 'y' }, design),
    ];
    const { atOptimalSize } = speedupOf(analyse(rows, { baselines: ['base'] }), 'better');
    expect(atOptimalSize.map((entry) => entry.cost)).toEqual(['flops', 'flopsMatmul', 'tokens']);
  });

  it('never compares across positions, and finds the baseline of each family', () => {
    const rows = [
      ...syntheticRows(baseline, design),
      ...syntheticRows(better, design),
      ...syntheticRows({ arch: 'base@rotary', positions: 'rotary', a: 3.9, k: 0.1 }, design),
      ...syntheticRows({ arch: 'better@rotary', positions: 'rotary', a: 3.9, k: 0.1 }, design),
    ];
    const { speedup } = analyse(rows, { baselines: ['base'] });
    expect(speedup.map(({ arch, baseline: b, positions }) => [arch, b, positions])).toEqual([
      ['better', 'base', 'absolute'],
      ['better@rotary', 'base@rotary', 'rotary'],
    ]);
  });
});

describe('fixed size', () => {
  it('interpolates log loss in log compute between finished runs', () => {
    // Size 64x2 is the best at 4e12 (factor 2 at exponent 0.5); curvature 0 makes its loss the law itself.
    const flat = (truth: Truth): Truth => ({ ...truth, curvature: 0 });
    const analysis = analyse(
      [flat(baseline), flat(better)].flatMap((t) => syntheticRows(t, design, alternating)),
      {
        baselines: ['base'],
        bootstraps: 200,
      },
    );
    const { fixedSize, atOptimalSize } = speedupOf(analysis, 'better');
    expect(fixedSize).toHaveLength(5);
    for (const entry of fixedSize) {
      expect(entry.relation).toBe('=');
      expect(entry.factor!.value).toBeCloseTo(1.05 ** 10, 7);
      expect(entry.verdict).toBe('better');
    }
    expect(atOptimalSize).toEqual([]);
    expect(
      analysis.isoflop.every((entry) => !entry.accepted && entry.reason!.includes('curve upwards')),
    ).toBe(true);
  });

  it('reads at the largest budget that both have, not where the architecture was not trained', () => {
    const flat = { ...baseline, curvature: 0 };
    const short = { ...better, curvature: 0 };
    const rows = [
      ...syntheticRows(flat, design, alternating),
      ...syntheticRows(short, { ...design, budgets: [2.5e11, 5e11] }, alternating),
    ];
    const { fixedSize } = speedupOf(analyse(rows, { baselines: ['base'], bootstraps: 50 }), 'better');
    for (const entry of fixedSize) {
      expect(entry).toMatchObject({ budgetFlops: 5e11, relation: '=' });
      expect(entry.factor!.value).toBeCloseTo(1.05 ** 10, 7);
    }
  });

  it('gives bounds where the loss is not bracketed', () => {
    const flat = { ...baseline, curvature: 0 };
    const worse = { arch: 'worse', a: 4.4, k: 0.1, curvature: 0 };
    const { fixedSize } = speedupOf(
      analyse(
        [flat, worse].flatMap((t) => syntheticRows(t, design, alternating)),
        { baselines: ['base'], bootstraps: 100 },
      ),
      'worse',
    );
    expect(fixedSize[0]).toMatchObject({ relation: '<', factor: null, verdict: 'worse' });
    expect(fixedSize[0]!.bound).toBeCloseTo(1, 9);
  });
});

describe('degenerate input', () => {
  const rows = pair(alternating);
  const options = { baselines: ['base'], bootstraps: 20 };

  it('flags one size, two sizes, an edge and an arch at the wrong end', () => {
    const reasonOf = (sizes: number[]) =>
      analyse(syntheticRows(baseline, { ...design, sizes }), options).isoflop[0]!.reason;
    expect(reasonOf([1])).toMatch(/Fewer than 3 sizes/);
    expect(reasonOf([1, 2])).toMatch(/Fewer than 3 sizes/);
    expect(reasonOf([1, 2, 4])).toMatch(/smallest size/);
    expect(reasonOf([0.1, 0.2, 0.4])).toMatch(/largest size/);
  });

  it('says where a minimum lies below everything that was trained', () => {
    const flagged = (depth: number): boolean[] => {
      // One size at the minimum stands above the curve through the others, as a badly tuned one does.
      const off = syntheticRows(
        baseline,
        design,
        (seed, budget, size) => alternating(seed) + (budget === 1e12 && size === 2 ? depth : 0),
      );
      return analyse(off, options).isoflop.map(({ flags }) => flags.some((flag) => flag.includes('no run')));
    };
    expect(flagged(0)).toEqual([false, false, false, false]);
    expect(flagged(0.09)).toEqual([false, false, true, false]);
  });

  it('leaves a flagged budget out of the law', () => {
    const bad = syntheticRows(baseline, design).map((row) =>
      row.budgetFlops === 5e11 ? { ...row, lossNats: 4 + 0.1 * Math.log(row.flops / row.tokens / 1e5) } : row,
    );
    const { frontier, warnings } = analyse(bad, options);
    expect(frontier[0]!.law!.nPoints).toBe(3);
    expect(frontier[0]!.law!.exponent.value).toBeCloseTo(-0.1, 9);
    expect(warnings.some((w) => w.includes('base at 5e11 FLOPs: left out of the law.'))).toBe(true);
  });

  it('flags equal losses everywhere', () => {
    const flat = rows.map((row) => ({ ...row, lossNats: 3 }));
    const { isoflop, frontier } = analyse(flat, options);
    expect(isoflop.every((entry) => !entry.accepted)).toBe(true);
    expect(frontier.every((entry) => entry.law === null && entry.reason !== null)).toBe(true);
  });

  it.each([
    ['NaN loss', { lossNats: NaN }, /lossNats is NaN/],
    ['negative loss', { lossNats: -1 }, /lossNats is -1/],
    ['no tokens', { tokens: 0 }, /tokens is 0/],
    ['infinite FLOPs', { flops: Infinity }, /flops is Infinity/],
  ])('refuses %s', (_, change, message) => {
    expect(() => analyse([{ ...rows[0]!, ...change }, ...rows.slice(1)], options)).toThrow(FitError);
    expect(() => analyse([{ ...rows[0]!, ...change }, ...rows.slice(1)], options)).toThrow(message);
  });

  it('takes repeated seeds of equal loss for copies', () => {
    const { warnings, seedNoise, speedup } = analyse(pair(), options);
    expect(seedNoise!.standardDeviation).toBe(0);
    expect(warnings[0]).toMatch(/exactly equal losses/);
    expect(speedup[0]!.atOptimalSize[0]!.factor.low).toBeNull();
  });

  it('refuses a run given twice, two runs of one cell and seed, and nothing at all', () => {
    expect(() => analyse([...rows, rows[0]!], options)).toThrow(/appears twice/);
    expect(() => analyse([...rows, { ...rows[0]!, id: 'again' }], options)).toThrow(/seed 0/);
    expect(() => analyse([], options)).toThrow(/None of the 0 runs/);
    expect(() => analyse([{ ...rows[0]!, positions: 'rotary', id: 'x' }, ...rows], options)).toThrow(
      /own label/,
    );
  });

  it('counts runs that are not done and never uses them', () => {
    const diverged: FitRow = { ...rows[0]!, id: 'd', seed: 9, status: 'diverged', lossNats: NaN };
    const { leftOut, warnings, cells } = analyse([...rows, diverged], options);
    expect(leftOut).toEqual([{ arch: 'base', status: 'diverged', nRuns: 1 }]);
    expect(warnings).toContain('1 run of base left out: diverged.');
    expect(cells.flatMap((cell) => cell.runIds)).not.toContain('d');
  });

  it('flags a best run of fewer than 200 steps', () => {
    const short = rows.map((row) => ({ ...row, steps: 150 }));
    expect(analyse(short, options).warnings).toContain(
      'base and better at 2.5e11, 5e11, 1e12 and 2e12 FLOPs: The best run has fewer than 200 steps.',
    );
  });
});
