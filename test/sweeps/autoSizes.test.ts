/** `sizes: auto`: rounds simulated over losses with a known best size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/store/record.js';
import { withChosenSizes } from '../../src/sweeps/autoSizes.js';
import type { PlannedRun } from '../../src/sweeps/expand.js';

const TOKENS_PER_STEP = 1024;

/** Every size of a ladder at one budget; size i has 2^i thousand parameters and costs 6 FLOPs each a token. */
function ladder(sizes: number, budgetFlops: number, seeds: readonly number[] = [0]): PlannedRun[] {
  return Array.from({ length: sizes }, (_, i) => i).flatMap((i) => {
    const paramsTotal = 1000 * 2 ** i;
    const flopsPerStep = 6 * paramsTotal * TOKENS_PER_STEP;
    const tokens = Math.round(budgetFlops / flopsPerStep) * TOKENS_PER_STEP;
    return seeds.map(
      (seed) =>
        ({
          runKey: `${budgetFlops} ${i} ${seed}`,
          architecture: { label: 'transformer' },
          sizeName: `${i}`,
          budgetFlops,
          isCandidate: true,
          cost: { paramsTotal, flopsPerStep },
          tokensPerStep: TOKENS_PER_STEP,
          tokens,
        }) as unknown as PlannedRun,
    );
  });
}

const done = (lossNats: number): RunRecord => ({ final: { val: { lossNats } } }) as unknown as RunRecord;

/** Trains what is chosen, round by round. @returns the sizes chosen in each */
function rounds(runs: readonly PlannedRun[], lossOf: (size: number) => number): number[][] {
  const ended = new Map<string, RunRecord>();
  const chosen: number[][] = [];
  for (;;) {
    const now = withChosenSizes(runs, (runKey) => ended.get(runKey) ?? null);
    const left = now.filter(({ runKey }) => !ended.has(runKey));
    if (left.length === 0) return chosen;
    chosen.push([...new Set(now.map(({ sizeName }) => Number(sizeName)))]);
    for (const run of left) ended.set(run.runKey, done(lossOf(Number(run.sizeName))));
  }
}

const parabola =
  (best: number) =>
  (size: number): number =>
    3 + 0.1 * (size - best) ** 2;

// 20 tokens a parameter is C = 120 N^2: 4.8e8 for 2000 parameters, 7.68e9 for 8000.
describe('sizes: auto', () => {
  it('begins with three sizes around 20 tokens a parameter, and stops there if the best is in the middle', () => {
    expect(rounds(ladder(6, 7.68e9), parabola(3))).toEqual([[2, 3, 4]]);
    expect(rounds(ladder(6, 4.8e8), parabola(1.2))).toEqual([[0, 1, 2]]);
  });

  it('adds a size a round on the side where the best lies at the end', () => {
    expect(rounds(ladder(7, 7.68e9), parabola(5))).toEqual([
      [2, 3, 4],
      [2, 3, 4, 5],
      [2, 3, 4, 5, 6],
    ]);
    expect(rounds(ladder(6, 7.68e9), parabola(1))).toEqual([
      [2, 3, 4],
      [1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
  });

  it('ends at the end of the ladder where the optimum lies beyond it', () => {
    expect(rounds(ladder(5, 7.68e9), parabola(9)).at(-1)).toEqual([2, 3, 4]);
    expect(rounds(ladder(2, 7.68e9), parabola(0))).toEqual([[0, 1]]);
  });

  it('takes a diverged run for an infinite loss, and the mean over seeds', () => {
    expect(rounds(ladder(6, 7.68e9, [0, 1]), (size) => (size === 4 ? Infinity : 4 - 0.1 * size))).toEqual([
      [2, 3, 4],
    ]);
  });

  it('chooses for each budget by itself, and leaves sizes that were named alone', () => {
    const named = ladder(6, 1e12).map((run) => ({ ...run, isCandidate: false }));
    const runs = [...ladder(6, 7.68e9), ...ladder(6, 4.8e8), ...named];
    const chosen = withChosenSizes(runs, () => null);
    expect(chosen.filter(({ budgetFlops }) => budgetFlops === 7.68e9)).toHaveLength(3);
    expect(chosen.filter(({ budgetFlops }) => budgetFlops === 4.8e8)).toHaveLength(3);
    expect(chosen.filter(({ budgetFlops }) => budgetFlops === 1e12)).toEqual(named);
  });

  it('brackets any best size that the ladder brackets', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.double({ min: 8, max: 12, noNaN: true }),
        (best, log) => {
          const last = rounds(ladder(10, 10 ** log), parabola(best)).at(-1)!;
          expect(last).toContain(best - 1);
          expect(last).toContain(best + 1);
        },
      ),
    );
  });
});
