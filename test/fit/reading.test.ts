/** Frontiers that are no power laws: speedups are read between the optima, and say so. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { type FrontierLine, lossAt, rangeOf, reaches } from '../../src/fit/reading.js';
import type { FitRow } from '../../src/fit/row.js';
import { type Design, optimalLoss, syntheticRows, type Truth } from './synthetic.js';

const design: Design = { budgets: [2.5e11, 5e11, 1e12, 2e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1] };
const base: Truth = { arch: 'base', a: 4, k: 0.1 };
const other: Truth = { arch: 'other', a: 4 / 1.05, k: 0.1 };
const alternating = (seed: number): number => (seed % 2 === 0 ? 0.01 : -0.01);

/** The rows of a law, but `fall` nats lower at the largest budget. */
const bent = (truth: Truth, fall: number): FitRow[] =>
  syntheticRows(truth, design, (seed, budget) => alternating(seed) - (budget === 2e12 ? fall : 0));

const analysed = (rows: readonly FitRow[]) => {
  const analysis = analyse(rows, { baselines: ['base'], bootstraps: 200, seed: 1 });
  const readings = Object.fromEntries(analysis.frontier.map(({ arch, reading }) => [arch, reading]));
  const speedup = analysis.speedup.find(({ arch }) => arch === 'other')!;
  return { analysis, readings, speedup, headline: speedup.atOptimalSize[0]! };
};

describe('a baseline that leaves its power law', () => {
  const { analysis, readings, speedup, headline } = analysed([
    ...bent(base, 0.1),
    ...syntheticRows(other, design, alternating),
  ]);

  it('is compared at the loss that was measured', () => {
    expect(readings).toEqual({ base: 'optima', other: 'law' });
    const measured = optimalLoss(base, 2e12) - 0.1;
    expect(headline.lossNats).toBeCloseTo(measured, 9);
    // The other one is at that loss where (4 / 1.05) c^-0.1 is: at c = (4 / 1.05 / loss)^10 in units of 1e12.
    expect(headline.factor.value).toBeCloseTo(2 / (4 / 1.05 / measured) ** 10, 6);
    expect(headline.factor.low!).toBeLessThan(headline.factor.value);
    expect(headline.factor.high!).toBeGreaterThan(headline.factor.value);
    // Up to the third budget it lies on the law, and the factor is 1.05^10.
    const first = speedup.curve.find(({ extrapolated }) => !extrapolated)!;
    expect(first.factor.value).toBeCloseTo(1.05 ** 10, 6);
  });

  it('is read so without any draws too', () => {
    const rows = [...bent(base, 0.1), ...syntheticRows(other, design, alternating)];
    const [without] = analyse(rows, { baselines: ['base'], bootstraps: 0 }).speedup;
    expect(without!.reading).toBe('optima');
    expect(without!.atOptimalSize[0]!.factor).toEqual({ ...headline.factor, low: null, high: null });
  });

  it('has no factor of parallel laws, and a warning', () => {
    expect(speedup.pureLawFactor).toBeNull();
    expect(analysis.warnings.join('\n')).toMatch(
      /The optima of base lie further off .* speedups over or of it are read between optima instead, those of both architectures\./,
    );
  });
});

it('an architecture that leaves its law is read between its optima', () => {
  const { readings, headline } = analysed([...syntheticRows(base, design, alternating), ...bent(other, 0.3)]);
  expect(readings).toEqual({ base: 'law', other: 'optima' });
  const [before, last] = [optimalLoss(other, 1e12), optimalLoss(other, 2e12) - 0.3];
  const share = Math.log(before / optimalLoss(base, 2e12)) / Math.log(before / last);
  expect(headline.factor.value).toBeCloseTo(2 / 2 ** share, 6);
});

it('both are read between their optima where one is no law', () => {
  // Within noise of its law, and yet off it: 0.005 nats lower at the third budget.
  const nearly = syntheticRows(
    other,
    design,
    (seed, budget) => alternating(seed) - (budget === 1e12 ? 0.005 : 0),
  );
  const straight = analysed([...syntheticRows(base, design, alternating), ...nearly]);
  expect(straight.readings).toEqual({ base: 'law', other: 'law' });
  expect(straight.speedup.reading).toBe('law');
  const { readings, speedup, headline } = analysed([...bent(base, 0.1), ...nearly]);
  expect(readings).toEqual({ base: 'optima', other: 'law' });
  expect(speedup.reading).toBe('optima');
  const measured = optimalLoss(base, 2e12) - 0.1;
  const [before, last] = [optimalLoss(other, 1e12) - 0.005, optimalLoss(other, 2e12)];
  const share = Math.log(before / measured) / Math.log(before / last);
  expect(headline.factor.value).toBeCloseTo(2 / 2 ** share, 6);
});

it('tells by how much a factor changes between the budgets where it was measured', () => {
  const steady = analysed([
    ...syntheticRows(base, design, alternating),
    ...syntheticRows(other, design, alternating),
  ]);
  expect(steady.speedup.change).toMatchObject({ fromFlops: 5e11, toFlops: 2e12 });
  expect(steady.speedup.change!.ratio.value).toBeCloseTo(1, 6);
  expect(steady.speedup.change!.ratio.low!).toBeLessThan(1);
  expect(steady.speedup.change!.ratio.high!).toBeGreaterThan(1);
  const { speedup } = analysed([...bent(base, 0.1), ...syntheticRows(other, design, alternating)]);
  const atBudget = (flops: number): number =>
    speedup.curve.find(({ budgetFlops }) => budgetFlops === flops)!.factor.value;
  expect(speedup.change!.ratio.value).toBeCloseTo(atBudget(2e12) / atBudget(5e11), 9);
  expect(speedup.change!.ratio.high!).toBeLessThan(1);
});

describe('lines between optima', () => {
  const line = (...points: [number, number][]): FrontierLine => ({
    kind: 'optima',
    points: points.map(([x, y]) => ({ x, y })),
  });

  it('go through the optima, and on beyond them', () => {
    const three = line([0, 2], [1, 1], [3, 0]);
    expect([-1, 0, 0.5, 1, 2, 3, 5].map((x) => lossAt(three, x))).toEqual([3, 2, 1.5, 1, 0.5, 0, -1]);
    expect([3, 2, 1.5, 1, 0.5, 0, -1].map((y) => reaches(three, y))).toEqual([-1, 0, 0.5, 1, 2, 3, 5]);
    expect(rangeOf(three)).toEqual({ logMin: 0, logMax: 3 });
  });

  it('reach a loss where they first do, or never', () => {
    expect(reaches(line([0, 2], [1, 0], [2, 1], [3, -1]), 0.5)).toBe(0.75);
    expect(reaches(line([0, 2], [1, 1], [2, 1.5]), 0.5)).toBeNull();
  });

  it('reach what they have, wherever they fall', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.double({ min: 0.1, max: 3, noNaN: true }),
            fc.double({ min: 0.01, max: 1, noNaN: true }),
          ),
          {
            minLength: 2,
            maxLength: 6,
          },
        ),
        fc.double({ min: -0.5, max: 1.5, noNaN: true }),
        (steps, at) => {
          let [x, y] = [0, 0];
          const points = steps.map(([dx, dy]): [number, number] => [(x += dx), (y -= dy)]);
          const falling = line(...points);
          const { logMin, logMax } = rangeOf(falling);
          const logCost = logMin + at * (logMax - logMin);
          expect(reaches(falling, lossAt(falling, logCost))).toBeCloseTo(logCost, 6);
        },
      ),
    );
  });
});
