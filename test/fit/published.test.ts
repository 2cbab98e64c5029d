import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/fit/csv.js';
import { fitRuns } from '../../src/fit/fitRuns.js';
import { fitOverTraining, overTrainingLoss } from '../../src/fit/overTraining.js';
import { fitParametric } from '../../src/fit/parametricFit.js';
import { runSetOfTable } from '../../src/fit/runSet.js';
import { readRunTable, type RunColumns, type RunTable } from '../../src/fit/runTable.js';

/** Public run tables with published answers; they are not part of the repository, so these tests skip without them. */
const folder = join(
  process.env['ISOLOSS_SHARED'] ?? join(import.meta.dirname, '../../../shared'),
  'data/fits',
);
const present = existsSync(folder);
if (!present)
  console.warn(`published.test.ts skipped: there are no public tables in ${folder} (set ISOLOSS_SHARED)`);

function table(file: string, columns: RunColumns, where: Record<string, string> = {}): RunTable {
  return readRunTable(parseCsv(readFileSync(join(folder, file), 'utf8'), file), columns, where);
}

describe.skipIf(!present)('published answers', () => {
  it('Chinchilla form on 234 runs (kyo-takano/chinchilla)', async () => {
    const { parametric } = runSetOfTable(table('kyo_takano/df.csv', {}), 'df.csv');
    const { fit } = await fitParametric(parametric.get('runs')!, { objective: 'asymmetric', bootstraps: 0 });
    expect(fit.nRows).toBe(234);
    expect(fit.objective).toBeLessThanOrEqual(0.022783);
    expect(Math.abs(fit.E.value - 1.7002)).toBeLessThan(5e-4);
    expect(Math.abs(fit.alpha.value - 0.28901)).toBeLessThan(5e-4);
    expect(Math.abs(fit.beta.value - 0.35579)).toBeLessThan(5e-4);
    expect(Math.abs(fit.A.value / 184.7 - 1)).toBeLessThan(0.01);
    expect(Math.abs(fit.B.value / 1633 - 1)).toBeLessThan(0.01);
  });

  /** Minima of the same objectives found by SciPy 1.17 (BFGS then Nelder-Mead; least_squares). */
  it.each([
    ['huber', 0.0008400931199574184, [1.78389413, 0.34262605, 0.3420019]],
    ['leastSquares', 0.04634289408793203, [1.80911157, 0.34704743, 0.35876412]],
    ['logLeastSquares', 0.0070105773767794415, [1.79623826, 0.35126133, 0.34406155]],
  ] as const)('agrees with SciPy on the %s objective', async (objective, minimum, [E, alpha, beta]) => {
    const { parametric } = runSetOfTable(table('kyo_takano/df.csv', {}), 'df.csv');
    const { fit } = await fitParametric(parametric.get('runs')!, { objective, bootstraps: 0 });
    expect(fit.objective / minimum).toBeCloseTo(1, 9);
    expect(fit.E.value).toBeCloseTo(E, 6);
    expect(fit.alpha.value).toBeCloseTo(alpha, 6);
    expect(fit.beta.value).toBeCloseTo(beta, 6);
  });

  it('over-training form on five small runs (mlfoundations/scaling), and its predictions', () => {
    const { runs } = table(
      'mlfoundations_scaling/models.csv',
      { loss: 'loss_c4_val', params: 'params', id: 'name' },
      { dataset: 'rpj' },
    );
    const rowOf = (model: string, multiplier: number) => {
      const run = runs.find(({ id }) => id === `rpj-${model}-${multiplier.toFixed(1)}`)!;
      return { params: run.params!, tokens: 20 * multiplier * run.params!, loss: run.loss };
    };
    const rows = [
      ...['d=96_l=8_h=4', 'd=512_l=8_h=4', 'd=576_l=24_h=8', 'd=1024_l=24_h=8'].map((model) =>
        rowOf(model, 1),
      ),
      rowOf('d=96_l=8_h=4', 16),
    ];
    const { values } = fitOverTraining(rows);
    expect(values.a).toBeCloseTo(166.21, 2);
    expect(values.c).toBeCloseTo(366.69, 2);
    expect(values.b).toBeCloseTo(-0.27285, 5);
    expect(values.E).toBeCloseTo(1.83665, 5);
    const error = ({ params, tokens, loss }: ReturnType<typeof rowOf>): number =>
      100 * Math.abs(overTrainingLoss(values, params, tokens) / loss - 1);
    expect(Math.abs(error(rowOf('open_lm_1b', 32)) - 0.71)).toBeLessThan(0.002);
    expect(Math.abs(error(rowOf('open_lm_7b', 1)) - 0.732)).toBeLessThan(0.002);
  });

  it('exponents of optima by parameter-count convention (karpathy/nanochat)', async () => {
    const columns = { params: 'eff_params', loss: 'val_bpb', arch: 'convention' };
    const set = runSetOfTable(table('nanochat/optimal_configs_jan27.csv', columns), 'nanochat');
    const { optima } = await fitRuns(set, { optima: true });
    const exponents = optima.map(({ arch, params, tokens }) => [
      arch,
      params!.exponent.value.toFixed(2),
      tokens!.exponent.value.toFixed(2),
    ]);
    expect(exponents).toEqual([
      ['kaplan_no_embed_plus_lm_head', '0.54', '0.49'],
      ['chinchilla_all', '0.37', '0.50'],
      ['transformer_only', '0.70', '0.41'],
    ]);
  });
});
