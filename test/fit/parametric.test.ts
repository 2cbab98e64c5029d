import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FitError } from '../../src/fit/error.js';
import { parametricLackOfFit } from '../../src/fit/goodness.js';
import { fitOverTraining, overTrainingLoss } from '../../src/fit/overTraining.js';
import { parametricLoss, parametricOptimum, type ParametricRow } from '../../src/fit/parametric.js';
import {
  fitParametric,
  predictParametric,
  type ParametricFit,
  type ParametricOptions,
} from '../../src/fit/parametricFit.js';
import { powerSumObjective, type ObjectiveKind } from '../../src/fit/powerSum.js';
import { randomStream } from '../../src/fit/random.js';

/** Hoffmann et al. 2022, the values of their approach 3. */
const truth = { E: 1.69, A: 406.4, alpha: 0.34, B: 410.7, beta: 0.28 };

function grid(noise: (i: number) => number = () => 0): ParametricRow[] {
  const rows: ParametricRow[] = [];
  for (let n = 0; n < 12; n++) {
    for (let d = 0; d < 20; d++) {
      const params = 4e7 * 1.7 ** n;
      const tokens = 1e9 * 1.4 ** d;
      const loss = 1.69 + 406.4 / params ** 0.34 + 410.7 / tokens ** 0.28;
      rows.push({ params, tokens, loss: loss * Math.exp(noise(rows.length)) });
    }
  }
  return rows;
}

/** A fit without intervals from few starts, for tests of something else. */
async function quickFit(
  rows: readonly ParametricRow[],
  options: ParametricOptions = {},
): Promise<ParametricFit> {
  const { fit } = await fitParametric(rows, { bootstraps: 0, starts: 36, ...options });
  return fit;
}

describe('the parametric form', () => {
  it.each(['huber', 'asymmetric', 'leastSquares', 'logLeastSquares'] as const)(
    'recovers a known truth by %s, from 500 starts over 240 rows',
    async (objective: ObjectiveKind) => {
      const { fit } = await fitParametric(grid(), { objective, bootstraps: 0 });
      expect(fit.nRows).toBe(240);
      expect(fit.starts).toBeGreaterThanOrEqual(500);
      expect(fit.E.value).toBeCloseTo(truth.E, 3);
      expect(fit.alpha.value).toBeCloseTo(truth.alpha, 3);
      expect(fit.beta.value).toBeCloseTo(truth.beta, 3);
      expect(fit.A.value / truth.A).toBeCloseTo(1, 1.7);
      expect(fit.B.value / truth.B).toBeCloseTo(1, 1.7);
      expect(fit.objective).toBeLessThan(1e-6);
    },
  );

  it('is not moved by outliers under Huber, and is by least squares', async () => {
    const rows = grid((i) => (i % 40 === 7 ? 0.3 : 0));
    const robust = await quickFit(rows);
    const square = await quickFit(rows, { objective: 'leastSquares' });
    expect(Math.abs(robust.E.value - truth.E)).toBeLessThan(0.005);
    expect(Math.abs(square.E.value - truth.E)).toBeGreaterThan(0.02);
    expect(robust.warnings.join()).toMatch(/6 of 240 rows lie more than 10 times/);
  });

  it('has analytic gradients that agree with differences', () => {
    const rows = grid((i) => 0.02 * Math.sin(i)).slice(0, 50);
    const column = (read: (row: ParametricRow) => number): Float64Array => Float64Array.from(rows, read);
    const loss = column((row) => row.loss);
    const data = {
      logX: [column((row) => Math.log(row.params) - 20), column((row) => Math.log(row.tokens) - 22)],
      scales: [1, 1],
      loss,
      logLoss: loss.map(Math.log),
      weight: column((row) => (row.params > 1e9 ? 2 : 1)),
    };
    const at = Float64Array.of(0.4, -0.9, 0.3, -0.7, 0.35);
    for (const kind of ['huber', 'asymmetric', 'leastSquares', 'logLeastSquares'] as const) {
      const objective = powerSumObjective(data, { kind, delta: 0.01, smoothing: 0.05 });
      const gradient = new Float64Array(5);
      objective(at, gradient);
      at.forEach((_, k) => {
        const shifted = (by: number): number =>
          objective(
            at.map((v, i) => (i === k ? v + by : v)),
            new Float64Array(5),
          );
        const difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
        expect(gradient[k]! / difference).toBeCloseTo(1, 5);
      });
    }
  });

  it('has its optimum where a search along constant compute finds it', () => {
    const flops = 5.76e23;
    const { params, tokens } = parametricOptimum(truth, flops);
    expect(6 * params * tokens).toBeCloseTo(flops, -10);
    const best = parametricLoss(truth, params, tokens);
    for (const factor of [0.5, 0.9, 0.99, 1.01, 1.1, 2]) {
      expect(parametricLoss(truth, params * factor, tokens / factor)).toBeGreaterThan(best);
    }
    // Their exponents: a = beta / (alpha + beta) = .4516, b = .5484.
    const larger = parametricOptimum(truth, flops * 10);
    expect(Math.log10(larger.params / params)).toBeCloseTo(0.28 / 0.62, 9);
    expect(Math.log10(larger.tokens / tokens)).toBeCloseTo(0.34 / 0.62, 9);
  });

  it('holds what it is told to hold', async () => {
    const fit = await quickFit(grid(), { fixed: { E: 1.69, alpha: 0.34 } });
    expect(fit.E).toEqual({ value: 1.69, low: null, high: null, level: 0.95 });
    expect(fit.A.value / truth.A).toBeCloseTo(1, 4);
    expect(fit.beta.value).toBeCloseTo(0.28, 5);
    expect(fit.fixed).toEqual(['E', 'alpha']);
    const none = await quickFit(grid(), { fixed: { E: 0 } });
    expect(none.E.value).toBe(0);
    expect(none.objective).toBeGreaterThan(fit.objective);
    const held = await quickFit(grid(), { fixed: { A: 406.4, B: 410.7 } });
    expect(held.alpha.value).toBeCloseTo(0.34, 6);
  });

  it('weighs rows: weight 2 is the row twice, weight 0 is no row', async () => {
    const rows = grid((i) => 0.01 * Math.sin(i * i)).filter((_, i) => i % 6 === 0);
    const doubled = rows.map((row, i) => ({ ...row, weight: i % 3 === 0 ? 2 : 1 }));
    const copied = rows.flatMap((row, i) => (i % 3 === 0 ? [row, row] : [row]));
    const [a, b] = await Promise.all(
      [doubled, copied].map((r) => quickFit(r, { objective: 'leastSquares' })),
    );
    expect(a!.E.value).toBeCloseTo(b!.E.value, 6);
    expect(a!.objective).toBeCloseTo(b!.objective, 9);
    expect(b!.warnings.join()).toMatch(/exact copies/);
    const [c, d] = await Promise.all(
      [rows.map((row, i) => ({ ...row, weight: i < 5 ? 0 : 1 })), rows.slice(5)].map((r) =>
        quickFit(r, { objective: 'leastSquares' }),
      ),
    );
    expect(c!.E.value).toBeCloseTo(d!.E.value, 6);
  });

  it('gives intervals of the right width, which repeat with their seed and agree with the covariance', async () => {
    const random = randomStream(5, 0);
    const rows = grid(() => 0.005 * random.normal()).filter((_, i) => i % 2 === 0);
    const options = { objective: 'logLeastSquares', bootstraps: 300, seed: 3, starts: 50 } as const;
    const result = await fitParametric(rows, options);
    const { fit } = result;
    // One study of noise: the truth lies within twice the half-width (4 standard errors) of every value.
    for (const name of ['E', 'alpha', 'beta'] as const) {
      expect(Math.abs(fit[name].value - truth[name])).toBeLessThan(fit[name].high! - fit[name].low!);
    }
    const alphaError = Math.sqrt(fit.covariance![2]![2]!);
    expect((fit.alpha.high! - fit.alpha.low!) / (2 * 1.96 * alphaError)).toBeCloseTo(1, 0.5);
    expect((await fitParametric(rows, options)).fit).toEqual(fit);
    expect(fit.optimum.paramsExponent.value).toBeCloseTo(
      fit.beta.value / (fit.alpha.value + fit.beta.value),
      12,
    );

    const inside = predictParametric(result, 1e9, 2e10);
    expect(inside.extrapolated).toBe(false);
    expect(inside.loss.value / (1.69 + 406.4 / 1e9 ** 0.34 + 410.7 / 2e10 ** 0.28)).toBeCloseTo(1, 2.5);
    expect(inside.loss.high! - inside.loss.low!).toBeLessThan(0.02);
    expect(predictParametric(result, 1e13, 2e10).extrapolated).toBe(true);

    const bca = (await fitParametric(rows, { ...options, interval: 'bca' })).fit;
    expect(bca.intervalKind).toBe('bca');
    expect((bca.alpha.high! - bca.alpha.low!) / (fit.alpha.high! - fit.alpha.low!)).toBeCloseTo(1, 0.5);
  });

  it('draws rows of one unit together', async () => {
    const random = randomStream(6, 0);
    const rows = grid(() => 0.01 * random.normal()).filter((_, i) => i % 3 === 0);
    const quadrupled = rows.flatMap((row, i) => [0, 1, 2, 3].map(() => ({ ...row, unit: `run ${i}` })));
    const options = { objective: 'logLeastSquares', bootstraps: 200, starts: 20 } as const;
    const width = async (r: readonly ParametricRow[]): Promise<number> => {
      const { alpha } = (await fitParametric(r, options)).fit;
      return alpha.high! - alpha.low!;
    };
    const [single, units, naive] = [
      await width(rows),
      await width(quadrupled),
      await width(rows.flatMap((row) => [row, row, row, row])),
    ];
    expect(units / single).toBeCloseTo(1, 1);
    expect(naive / single).toBeLessThan(0.7);
  });

  it('does the same on threads', async ({ skip }) => {
    const compiled = new URL('../../dist/fit/parametricFit.js', import.meta.url);
    if (!existsSync(fileURLToPath(compiled))) skip('needs the compiled package: npm run build');
    const built = (await import(compiled.href)) as { fitParametric: typeof fitParametric };
    const rows = grid((i) => 0.01 * Math.sin(i * i)).filter((_, i) => i % 4 === 0);
    const options = { bootstraps: 200, starts: 20 };
    const alone = (await built.fitParametric(rows, { ...options, threads: 1 })).fit;
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    expect((await built.fitParametric(rows, { ...options, threads: 2, onProgress })).fit).toEqual(alone);
    expect(seen.at(-1)).toBe(200);
  });

  it.each([
    ['too few rows', grid().slice(0, 4), {}, /4 rows do not determine 5 parameters/],
    ['one size', grid().slice(0, 20), {}, /same params/],
    ['equal losses', grid().map((row) => ({ ...row, loss: 3 })), {}, /All losses are equal/],
    ['NaN', [{ params: 1e8, tokens: NaN, loss: 3 }, ...grid()], {}, /Row 1 has tokens NaN/],
    ['a negative loss', [...grid(), { params: 1e8, tokens: 1e9, loss: -3 }], {}, /Row 241 has loss -3/],
    ['a nonsense hold', grid(), { fixed: { A: -1 } }, /A can't be held at -1/],
  ])('refuses %s', async (_, rows, options, message) => {
    await expect(fitParametric(rows, options)).rejects.toThrow(FitError);
    await expect(fitParametric(rows, options)).rejects.toThrow(message);
  });

  it('gives no interval to 8 runs, and flags an exponent that is none', async () => {
    const few = (
      await fitParametric(
        grid()
          .filter((_, i) => i % 31 === 0)
          .slice(0, 8),
      )
    ).fit;
    expect([few.E.low, few.bootstraps]).toEqual([null, 0]);
    expect(few.warnings.join()).toMatch(/8 runs are too few/);
    const rising = grid().map((row) => ({
      ...row,
      loss: 1.5 + 0.01 * Math.log(row.params) + 100 / row.tokens ** 0.28,
    }));
    expect((await quickFit(rising)).warnings.length).toBeGreaterThan(0);
  });
});

describe('goodness of a parametric fit', () => {
  it('holds out the largest tenth, and shows its error beside the one in sample', async () => {
    const fit = await quickFit(grid());
    expect(fit.heldOut).toMatchObject({ nRows: 24, meanRelativeError: expect.closeTo(0, 5) as number });
    // A kink that the smaller runs do not show: the largest tenth is 1% worse than the form says.
    const sorted = grid().sort((a, b) => a.params * a.tokens - b.params * b.tokens);
    const kinked = sorted.map((row, i) => ({ ...row, loss: row.loss * (i >= 216 ? 1.01 : 1) }));
    const { heldOut, residuals } = await quickFit(kinked);
    expect(heldOut!.meanRelativeError).toBeCloseTo(1 - 1 / 1.01, 4);
    expect(heldOut!.largestRunRelativeError).toBeCloseTo(1 / 1.01 - 1, 4);
    expect(residuals).toHaveLength(240);
  });

  it('tells whether the rows ask for an irreducible loss', async () => {
    const noisy = grid((i) => 0.003 * Math.sin(i * i));
    const asked = (await quickFit(noisy)).irreducibleLoss!;
    expect(asked.aiccDifference).toBeLessThan(-50);
    expect(asked.pValue).toBeLessThan(1e-9);
    const without = noisy.map((row) => ({
      ...row,
      loss:
        (406.4 / row.params ** 0.34 + 410.7 / row.tokens ** 0.28) * (1 + 0.003 * Math.sin(row.loss * 1e4)),
    }));
    const unasked = (await quickFit(without)).irreducibleLoss!;
    expect(unasked.pValue).toBeGreaterThan(0.01);
  });

  it('compares the form with the spread of repeated runs', () => {
    // Two runs at each of 10 places, +-1% in log about the truth: pure error 20 x 1e-4 on 10; lack 0 on 5.
    const places = grid().filter((_, i) => i % 24 === 0);
    const rows = places.flatMap((row) =>
      [0.01, -0.01].map((e) => ({ ...row, loss: row.loss * Math.exp(e) })),
    );
    const at = parametricLackOfFit(rows, truth, 5)!;
    expect(at.degreesOfFreedom).toEqual([5, 10]);
    expect(at.fStatistic).toBeCloseTo(0, 6);
    // 2% off everywhere: lack 20 x 4e-4 on 5 over pure error 20 x 1e-4 on 10: F = 1.6e-3 / 2e-4 = 8.
    const off = parametricLackOfFit(
      rows.map((row) => ({ ...row, loss: row.loss * Math.exp(0.02) })),
      truth,
      5,
    )!;
    expect(off.fStatistic).toBeCloseTo(8, 6);
    expect(parametricLackOfFit(places, truth, 5)).toBeNull();
  });
});

describe('the over-training form', () => {
  const values = { a: 166, b: -0.27, c: 367, E: 1.84 };
  const rows = [1e7, 8e7, 1.5e8, 4e8].flatMap((params) =>
    [20, 320].map((ratio) => ({
      params,
      tokens: ratio * params,
      loss: 166 * params ** -0.27 + 367 * 6 ** -0.135 * (ratio * params) ** -0.27 + 1.84,
    })),
  );

  it('recovers a known truth from 8 rows', () => {
    const { fit } = fitOverTraining(rows);
    for (const name of ['a', 'b', 'c', 'E'] as const)
      expect(fit[name].value / values[name]).toBeCloseTo(1, 5);
    expect(overTrainingLoss(values, 1e7, 2e8)).toBeCloseTo(rows[0]!.loss, 12);
  });

  it('says where rows at one ratio do not tell the terms apart', () => {
    expect(() => fitOverTraining(rows.filter((_, i) => i % 2 === 0))).toThrow(/one ratio/);
    expect(() => fitOverTraining(rows.slice(0, 3))).toThrow(/3 rows/);
  });
});
