import { describe, expect, it } from 'vitest';
import { akima, akimaAt, akimaMinimum } from '../../src/fit/akima.js';
import { analyse } from '../../src/fit/analyse.js';
import { learningCurveEnvelope, learningCurveSpeedup, type LearningCurve } from '../../src/fit/curves.js';
import { buildStudy } from '../../src/fit/cells.js';
import { aicc, fitSaturating } from '../../src/fit/forms.js';
import { refineSaturating } from '../../src/fit/gaussNewton.js';
import { findMinimum, fitParabola } from '../../src/fit/isoflop.js';
import { logLossErrors } from '../../src/fit/lackOfFit.js';
import { optimaLaws } from '../../src/fit/optima.js';
import { fitPowerLaw, fitSharedExponent } from '../../src/fit/powerLaw.js';
import { powerOf } from '../../src/fit/power.js';
import { randomStream } from '../../src/fit/random.js';
import { fitStudy } from '../../src/fit/studyFit.js';
import { syntheticRows, type Design } from './synthetic.js';

describe('the law with an irreducible loss', () => {
  it('refined from a near start comes as low as a search from many starts', () => {
    const centre = Math.log(1e12);
    const random = randomStream(3, 0);
    // Among the draws of the second law some have their lowest point at no irreducible loss at all.
    for (const [irreducible, deviation] of [
      [2, 0.0005],
      [0.3, 0.001],
    ] as const) {
      const drawn = (noise: number) =>
        [0, 1, 2, 3, 4].map((i) => {
          const x = Math.log(3e11) + i * Math.log(3);
          const y = Math.log(irreducible + 90 * Math.exp(-0.13 * x)) + noise * random.normal();
          return { x, y };
        });
      const near = fitSaturating(drawn(0), centre);
      expect(near.irreducibleLoss).toBeCloseTo(irreducible, 4);
      for (let i = 0; i < 25; i++) {
        const points = drawn(deviation);
        const whole = fitSaturating(points, centre);
        const refined = refineSaturating(points, centre, near.parameters)!;
        expect(refined.squares / whole.squares).toBeLessThan(1 + 1e-4);
      }
    }
  });
});

describe('power laws', () => {
  it('fits y = a x^b by least squares in logs', () => {
    // ln x = 0, 1, 2 and ln y = 0, 1, 3: slope 3/2, intercept 4/3 - 3/2.
    const law = fitPowerLaw([0, 1, 2].map((x, i) => ({ x, y: [0, 1, 3][i]! })))!;
    expect(law.exponent).toBeCloseTo(1.5, 12);
    expect(law.logCoefficient).toBeCloseTo(-1 / 6, 12);
    expect(fitPowerLaw([{ x: 1, y: 2 }])).toBeNull();
    expect(
      fitPowerLaw([
        { x: 1, y: 2 },
        { x: 1, y: 3 },
      ]),
    ).toBeNull();
  });

  it('loses no digits at 1e24 FLOPs', () => {
    const law = fitPowerLaw(
      [22, 23, 24].map((d) => ({ x: d * Math.LN10, y: Math.log(30) - 0.05 * d * Math.LN10 })),
    )!;
    expect(law.exponent).toBeCloseTo(-0.05, 12);
    expect(Math.exp(law.logCoefficient)).toBeCloseTo(30, 8);
  });

  it('tests whether lines are parallel as an analysis of covariance does', () => {
    // R: anova(lm(y ~ x + g), lm(y ~ x * g)) on x = 0..3 twice, by hand from the moments:
    // slopes .94 and 1.56, shared 1.25; restricted RSS 1.09, free RSS .128: F(1, 4) = .962 / 1 / (.128 / 4) = 30.03.
    const groups = [
      [0, 1.1, 1.8, 2.9],
      [0, 1.4, 3.1, 4.7],
    ].map((ys) => ys.map((y, x) => ({ x, y })));
    const slope = (ys: number[]) => (-1.5 * ys[0]! - 0.5 * ys[1]! + 0.5 * ys[2]! + 1.5 * ys[3]!) / 5;
    const rss = (ys: number[], b: number) => {
      const m = ys.reduce((s, y) => s + y, 0) / 4;
      return ys.reduce((s, y, x) => s + (y - m - b * (x - 1.5)) ** 2, 0);
    };
    const [u, v] = [
      [0, 1.1, 1.8, 2.9],
      [0, 1.4, 3.1, 4.7],
    ] as const;
    const both = (slope([...u]) + slope([...v])) / 2;
    const free = rss([...u], slope([...u])) + rss([...v], slope([...v]));
    const restricted = rss([...u], both) + rss([...v], both);
    const shared = fitSharedExponent(groups)!;
    expect(shared.exponent).toBeCloseTo(both, 12);
    expect(shared.degreesOfFreedom).toEqual([1, 4]);
    expect(shared.fStatistic!).toBeCloseTo((restricted - free) / (free / 4), 8);
    expect(shared.pValue!).toBeLessThan(0.01);
    const exact = fitSharedExponent([u, v].map((_, g) => [0, 1, 2].map((x) => ({ x, y: g + x }))))!;
    expect([exact.fStatistic, exact.pValue]).toEqual([null, 1]);
  });

  it('gives optima Student intervals', () => {
    // ln y = 0, 1, 3 at ln x = 0, 1, 2: residuals 1/6, -1/3, 1/6, s^2 = 1/6, error of the slope sqrt(1/12), t(.975, 1) = 12.706.
    const points = [0, 1, 2].map((x, i) => ({
      flops: Math.exp(x),
      params: Math.exp([0, 1, 3][i]!),
      tokens: null,
      loss: 1 + i,
    }));
    const { params, tokens } = optimaLaws('a', points);
    expect(tokens).toBeNull();
    expect(params!.exponent.high! - 1.5).toBeCloseTo(12.7062 * Math.sqrt(1 / 12), 3);
  });
});

describe('the isoFLOP parabola', () => {
  const x = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5];

  it('goes through three sizes exactly, and through the means of seeds', () => {
    const { center, coefficients } = fitParabola([0, 0, 1, 2], [4, 6, 2, 3], 3, 0)!;
    // Through (0, 5), (1, 2), (2, 3): 5 - 5 x + 2 x^2, minimum at 1.25 of 1.875.
    expect(center).toBe(1);
    expect(coefficients[0]).toBeCloseTo(2, 12);
    expect(findMinimum({ center, coefficients }, 0, 2)).toMatchObject({
      accepted: true,
      logSize: expect.closeTo(1.25, 12) as number,
      lossNats: expect.closeTo(1.875, 12) as number,
    });
  });

  it('is not moved by an outlier', () => {
    const y = x.map((u) => 3 + 0.1 * (u - 1.7) ** 2 + 0.001 * Math.sin(9 * u));
    y[1] = y[1]! + 0.4;
    const minimum = findMinimum(fitParabola(x, y, 8, 0.001), 0, 3.5);
    expect(minimum.accepted && Math.abs(minimum.logSize - 1.7)).toBeLessThan(0.03);
  });
});

describe("Akima's interpolation", () => {
  it('agrees with SciPy (Akima1DInterpolator)', () => {
    const curve = akima([0, 1, 2, 3.5, 5, 6], [5, 3, 2.2, 2.5, 4, 4.1]);
    const expected = [
      [0.3, 4.270563636363636],
      [1, 3.0],
      [1.7, 2.317436363636364],
      [2.6, 2.172968421052632],
      [4.2, 3.198335603715171],
      [5.9, 4.130738235294118],
    ];
    for (const [at, value] of expected) expect(akimaAt(curve, at!)).toBeCloseTo(value!, 12);
  });

  it('finds its exact minimum', () => {
    const curve = akima([0, 1, 2, 3, 4], [4, 1, 0.2, 1.5, 4]);
    const { x, y } = akimaMinimum(curve);
    for (let at = 0; at <= 4; at += 0.001) expect(akimaAt(curve, at)).toBeGreaterThanOrEqual(y - 1e-12);
    expect(akimaAt(curve, x)).toBeCloseTo(y, 12);
  });

  it('can stand in for the parabola', () => {
    const design: Design = {
      budgets: [2.5e11, 1e12, 4e12],
      sizes: [0.125, 0.25, 0.5, 1, 2, 4, 8],
      seeds: [0, 1],
    };
    const rows = syntheticRows({ arch: 'a', a: 4, k: 0.1 }, design, (seed) => (seed ? 0.001 : -0.001));
    const { isoflop, frontier } = analyse(rows, { baselines: [], bootstraps: 50, isoflopMethod: 'akima' });
    for (const { optimum, parabola, curve } of isoflop) {
      expect(parabola).toBeNull();
      expect(curve).toHaveLength(41);
      expect(optimum!.lossNats.low!).toBeLessThan(optimum!.lossNats.high!);
    }
    // The optimum lies on a sampled size, where the interpolation is exact.
    expect(frontier[0]!.law!.exponent.value).toBeCloseTo(-0.1, 6);
  });
});

describe('the law with an irreducible loss', () => {
  const points = Array.from({ length: 7 }, (_, i) => {
    const flops = 1e17 * 10 ** i;
    return { x: Math.log(flops), y: Math.log(1.8 + 600 * flops ** -0.16) };
  });

  it('recovers a known truth', () => {
    const law = fitSaturating(points, Math.log(1e20));
    expect(law.irreducibleLoss).toBeCloseTo(1.8, 6);
    expect(law.exponent).toBeCloseTo(-0.16, 6);
    expect(Math.exp(law.logCoefficient) / 600).toBeCloseTo(1, 4);
  });

  it('is preferred where it holds, and not asked for with fewer than 5 budgets', () => {
    const design: Design = {
      budgets: [1e11, 3e11, 1e12, 3e12, 1e13, 3e13, 1e14],
      sizes: [0.1, 0.3, 1, 3, 10],
      seeds: [0, 1],
    };
    const curved = syntheticRows({ arch: 'a', a: 1, k: 0.2 }, design).map((row) => ({
      ...row,
      lossNats: row.lossNats + 2 + (row.seed ? 1e-4 : -1e-4) + 2e-5 * Math.sin(7 * Math.log(row.flops)),
    }));
    const { frontier, warnings } = analyse(curved, { baselines: [], bootstraps: 100 });
    const saturating = frontier[0]!.saturating!;
    expect(saturating.irreducibleLoss.value).toBeCloseTo(2, 2);
    expect(saturating.aiccDifference).toBeLessThan(-10);
    expect(saturating.pValue).toBeLessThan(1e-6);
    expect(frontier[0]!.lackOfFit!.pValue).toBeLessThan(1e-6);
    expect(warnings.some((w) => w.includes('irreducible loss of 2.00'))).toBe(true);
    // Five points are too few for AICc, and not for a test against the noise between seeds.
    const five = analyse(
      curved.filter((row) => row.budgetFlops < 2e13),
      { baselines: [], bootstraps: 100 },
    );
    expect(five.frontier[0]!.saturating).toMatchObject({ nPoints: 5, aiccDifference: null });
    expect(five.frontier[0]!.saturating!.noisePValue).toBeLessThan(1e-6);
    expect(five.warnings.join('\n')).toMatch(
      /irreducible loss of 2\.\d+ \(\d\.\d+ to \d\.\d+\) describes a better \(p < 0\.001 against seed noise\)/,
    );
    const few = analyse(
      curved.filter((row) => row.budgetFlops < 5e12),
      { baselines: [], bootstraps: 20 },
    );
    expect(few.frontier[0]!.saturating).toBeNull();
  });

  it('counts parameters as Hurvich and Tsai do', () => {
    // n = 10, RSS = 10, 2 parameters and the variance: 0 + 6 + 24 / 6 = 10.
    expect(aicc(10, 10, 2)).toBeCloseTo(10, 12);
  });
});

describe('standard errors of optima', () => {
  it.each([4, 20])('are those of the mean where the optimum lies on a size with %i seeds', (nSeeds) => {
    const seeds = Array.from({ length: nSeeds }, (_, seed) => seed);
    const design: Design = { budgets: [1e12, 4e12], sizes: [0.5, 1, 2], seeds };
    const truth = { arch: 'a', a: 4, k: 0.1, sizeExponent: 0 };
    const study = buildStudy(syntheticRows(truth, design, (seed) => (seed % 2 === 0 ? 0.01 : -0.01)));
    const { vertices } = fitStudy(study, study.losses);
    const errors = logLossErrors(study, vertices, study.archs[0]!.groups)!;
    // There the other sizes have no first-order say.
    const expected = study.seedNoise!.standardDeviation / Math.sqrt(nSeeds);
    errors.forEach((error, i) => expect(error * vertices[i]!.lossNats).toBeCloseTo(expected, 9));
  });
});

describe('lack of fit', () => {
  it('compares cell means off the parabola with seed noise', () => {
    const design: Design = { budgets: [1e12], sizes: [0.25, 0.5, 1, 2, 4], seeds: [0, 1] };
    const noise = (amount: number) => (seed: number, _: number, size: number) =>
      (seed ? 0.01 : -0.01) + amount * [1, -4, 6, -4, 1][size]!;
    const test = (amount: number) =>
      analyse(syntheticRows({ arch: 'a', a: 4, k: 0.1 }, design, noise(amount)), {
        baselines: [],
        bootstraps: 0,
      }).isoflop[0]!.lackOfFit!;
    expect(test(0)).toMatchObject({ degreesOfFreedom: [2, 5], fStatistic: expect.closeTo(0, 9) as number });
    // The fourth differences are orthogonal to a parabola: mean square 2 x 70 amount^2 / 2 over 2e-4, until Huber steps in.
    expect(test(0.001).fStatistic).toBeCloseTo((2 * 70 * 1e-6) / 2 / 2e-4, 6);
    expect(test(0.02).pValue).toBeLessThan(0.001);
  });
});

describe('power', () => {
  it('follows from the width of the interval', () => {
    // ln factor .1 with standard error .1: 2.8016 standard errors are needed where there is 1.
    const half = 1.959963984540054 * 0.1;
    const power = powerOf({
      value: Math.exp(0.1),
      low: Math.exp(0.1 - half),
      high: Math.exp(0.1 + half),
      level: 0.95,
    })!;
    expect(power.detectableFactor).toBeCloseTo(Math.exp(0.28016), 4);
    expect(power.seedsMultiple).toBeCloseTo(2.80159 ** 2, 3);
    expect(powerOf({ value: 1, low: null, high: null, level: 0.95 })).toBeNull();
  });
});

describe('learning curves', () => {
  const curve = (
    id: string,
    a: number,
    k: number,
    schedule: LearningCurve['schedule'] = 'rsqrt',
  ): LearningCurve => ({
    id,
    schedule,
    points: Array.from({ length: 50 }, (_, i) => ({
      flops: 1e10 * 1.2 ** i,
      lossNats: a * (1.2 ** i) ** -k,
    })),
  });

  it("gives the paper's speedup at one size", () => {
    // 4 x^-.1 and 3.8 x^-.1: the factor is (4 / 3.8)^10.
    const { relation, factor } = learningCurveSpeedup(curve('base', 4, 0.1), curve('arch', 3.8, 0.1));
    expect(relation).toBe('=');
    expect(factor).toBeCloseTo((4 / 3.8) ** 10, 9);
    expect(learningCurveSpeedup(curve('base', 4, 0.1), curve('worse', 4.2, 0.1))).toEqual({
      relation: '<',
      factor: 1,
    });
    expect(learningCurveSpeedup(curve('base', 4, 0.01), curve('far better', 2, 0.1)).relation).toBe('>');
  });

  it('makes the envelope of curves that cross, and refuses a decaying schedule', () => {
    const envelope = learningCurveEnvelope([curve('small', 4, 0.05), curve('large', 5, 0.1)], 50);
    expect(envelope[0]!.id).toBe('small');
    expect(envelope.at(-1)!.id).toBe('large');
    // They cross where (5 / 4) = x^.05: x = 1.25^20 = 86.7.
    const change = envelope.find((point) => point.id === 'large')!;
    expect(change.flops / 1e10).toBeGreaterThan(86.7);
    expect(change.flops / 1e10).toBeLessThan(86.7 * 1.2);
    expect(() => learningCurveEnvelope([curve('c', 4, 0.1, 'cosine')])).toThrow(/cosine schedule/);
  });
});
