import { expect, it } from 'vitest';
import { coverageOf } from '../../src/fit/coverage.js';
import { designOfPlan, PILOT_NOISE } from '../../src/fit/designs.js';
import type { SimulatedRun } from '../../src/fit/simulate.js';
import { simulationText } from '../../src/report/terminal/coverage.js';

async function textOf(budgets: readonly number[], seeds: readonly number[]): Promise<string> {
  const runs = ['transformer', 'primer-ez'].flatMap((arch) =>
    budgets.flatMap((budgetFlops) =>
      [1e5, 2e5, 4e5].flatMap((flopsPerToken) =>
        seeds.map((seed): SimulatedRun => ({
          arch,
          positions: 'absolute',
          dModel: flopsPerToken / 1e4,
          nLayers: 2,
          flopsPerToken,
          budgetFlops,
          seed,
          trunk: null,
        })),
      ),
    ),
  );
  const design = designOfPlan('small', runs, ['transformer'], 1.3, PILOT_NOISE);
  return simulationText(await coverageOf(design, { studies: 4, bootstraps: 20 }), runs);
}

it('shows every kind of interval where a study has them', async () => {
  const text = await textOf([1e11, 1e12], [0, 1]);
  expect(text).toMatch(/\n {2}speedup: \d/);
  expect(text).not.toContain('No study of this design');
});

it('says which intervals a study of one budget never has, and what they take', async () => {
  const text = await textOf([1e12], [0, 1]);
  expect(text).not.toMatch(/; 0\.0% of them can be given/);
  expect(text).toMatch(/\n {2}difference at the largest budget: \d/);
  expect(text).toContain(
    'No study of this design has an interval for: exponent, speedup and speedup of 1. A law, and a speedup read from it, takes 2 budgets of 3 sizes or more of an architecture, and here there is one;',
  );
});

it('asks for a further seed where none is repeated', async () => {
  expect(await textOf([1e11, 1e12], [0])).toMatch(
    /^No study of this design has an interval for: .*train some sizes with a further seed\.$/,
  );
});
