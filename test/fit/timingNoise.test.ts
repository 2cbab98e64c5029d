/** Errors of timings: their size by hand and by simulation, and what they do to intervals in seconds and to no other. */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { bootstrapStudy } from '../../src/fit/bootstrap.js';
import { buildStudy } from '../../src/fit/cells.js';
import { randomStream } from '../../src/fit/random.js';
import type { CountedFitRow } from '../../src/fit/row.js';
import { median, standardDeviation } from '../../src/fit/statistics.js';
import { timingError } from '../../src/fit/timingNoise.js';
import { syntheticRows, type Design, type Truth } from './synthetic.js';

const truth: Truth = { arch: 'base', a: 4, k: 0.1, sizeExponent: 0 };
const design: Design = { budgets: [1e12, 4e12], sizes: [0.5, 1, 2], seeds: [0, 1] };
const ERROR = 0.02;

/** Two architectures whose seeds hardly differ, timed with an error. */
const timedRows = (secondsError?: number): CountedFitRow[] =>
  [truth, { ...truth, arch: 'other', a: 3.9 }]
    .flatMap((each) => syntheticRows(each, design, (seed) => (seed === 0 ? 1e-7 : -1e-7)))
    .map((row) => ({
      ...row,
      secondsPerStep: 1e-3 * row.dModel,
      hardware: 'a machine',
      ...(secondsError === undefined ? {} : { secondsError }),
    }));

describe('the error of a timing', () => {
  it('is that of a median of rounds, by hand', () => {
    const timings = [0.9, 1, 1.3].map((percent) => ({
      secondsPerStep: 2,
      madSeconds: 0.02 * percent,
      rounds: 5,
    }));
    // 1.4826 x 1% x 5 / 4.2 x sqrt(pi / 10)
    expect(timingError(timings)).toBeCloseTo(0.0098928, 6);
    expect(timingError([])).toBeUndefined();
    expect(timingError([{ secondsPerStep: 1, madSeconds: 0, rounds: 1 }])).toBeUndefined();
  });

  it('is what medians of rounds of a known noise differ by', () => {
    const random = randomStream(5, 0);
    const rounds = Array.from({ length: 4000 }, () =>
      Array.from({ length: 5 }, () => 1 + 0.01 * random.normal()),
    );
    const timings = rounds.map((seconds) => {
      const secondsPerStep = median(seconds);
      const madSeconds = median(seconds.map((value) => Math.abs(value - secondsPerStep)));
      return { secondsPerStep, madSeconds, rounds: 5 };
    });
    const actual = standardDeviation(timings.map(({ secondsPerStep }) => secondsPerStep))!;
    expect(timingError(timings)! / actual).toBeGreaterThan(0.9);
    expect(timingError(timings)! / actual).toBeLessThan(1.1);
  });
});

describe('draws of timings', () => {
  const seconds = 3;
  const { draws } = bootstrapStudy(buildStudy(timedRows(ERROR)), { bootstraps: 4000, seed: 1 });
  const spread = (of: (draw: (typeof draws)[number]) => number): number => standardDeviation(draws.map(of))!;

  it('move the seconds of an optimum by their error', () => {
    // The optimum is at the middle size, so that one timing alone decides.
    expect(spread(({ vertices }) => vertices[0]!.logCost[seconds]!) / ERROR).toBeCloseTo(1, 1);
  });

  it('are one for all budgets of a size, and independent between architectures', () => {
    expect(spread(({ vertices: [a, b] }) => a!.logCost[seconds]! - b!.logCost[seconds]!)).toBeLessThan(1e-4);
    const between = spread(({ vertices: [a, , b] }) => a!.logCost[seconds]! - b!.logCost[seconds]!);
    expect(between / (ERROR * Math.SQRT2)).toBeCloseTo(1, 1);
  });

  it('leave every other cost and the losses as they are drawn without', () => {
    const exact = bootstrapStudy(buildStudy(timedRows()), { bootstraps: 50, seed: 1 }).draws;
    for (const [i, draw] of exact.entries()) {
      for (const [g, vertex] of draw.vertices.entries()) {
        const other = draws[i]!.vertices[g]!;
        expect(other.lossNats).toBe(vertex!.lossNats);
        expect(other.logCost.slice(0, seconds)).toEqual(vertex!.logCost.slice(0, seconds));
      }
    }
  });

  it('do not depend on the order of the rows', () => {
    const turned = bootstrapStudy(buildStudy(timedRows(ERROR).reverse()), { bootstraps: 20, seed: 1 }).draws;
    const costs = (of: typeof draws) => of.map(({ vertices }) => vertices[0]!.logCost[seconds]!);
    const archs = buildStudy(timedRows(ERROR).reverse()).groups.map(({ arch }) => arch);
    const first = archs.indexOf('base');
    turned
      .map(({ vertices }) => vertices[first]!.logCost[seconds]!)
      .forEach((cost, i) => expect(cost).toBeCloseTo(costs(draws)[i]!, 12));
  });

  it('widen intervals of seconds, and of nothing else', () => {
    const options = { baselines: ['base'], bootstraps: 2000, seed: 3 };
    const atOptimalSize = (error?: number) =>
      analyse(timedRows(error), options).speedup.find(({ arch }) => arch === 'other')!.atOptimalSize;
    const [exact, drawn] = [atOptimalSize(), atOptimalSize(ERROR)];
    const of = (all: typeof exact, kind: 'flops' | 'seconds') =>
      all.find(({ cost }) => cost === kind)!.factor;
    expect(of(drawn, 'flops')).toEqual(of(exact, 'flops'));
    const { low, high } = of(drawn, 'seconds');
    expect(Math.log(high! / low!) / (2 * 1.96 * ERROR * Math.SQRT2)).toBeCloseTo(1, 1);
    const { low: exactLow, high: exactHigh } = of(exact, 'seconds');
    expect(Math.log(exactHigh! / exactLow!)).toBeLessThan(0.001);
  });
});
