/** How the grid of a tuning sweep grows: rounds simulated over losses with a known best rate. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestLearningRate } from '../../src/fit/learningRate.js';
import type { SweepFile } from '../../src/sweeps/schema.js';
import type { LoadedSweep } from '../../src/sweeps/sweepFile.js';
import { protocolOf, type TunedFile } from '../../src/sweeps/tuned.js';
import { gridOfSize } from '../../src/sweeps/tuningGrid.js';

const sweep = { corpus: 'sotu', vocabSize: 1024, batchSize: 8 } as SweepFile;
const loaded = { sweep } as LoadedSweep;
const shape = { dModel: 32, nLayers: 2, nHeads: 2, dHead: 16, dFf: 128 };
const FLOPS = 1e11;

/** The file of tuned rates after every architecture was tried on the grid; the loss is a parabola around its optimum. */
function tunedOn(
  grid: readonly number[],
  optima: readonly number[],
  change: Partial<TunedFile> = {},
): TunedFile {
  const rates = optima.map((optimum, i): TunedFile['rates'][number] => {
    const trials = grid.map((learningRate) => ({
      learningRate,
      seed: 0,
      lossNats: 4 + 0.01 * Math.log2(learningRate / optimum) ** 2,
      runKey: `${i}`,
    }));
    const { learningRate, vertexLearningRate, edge, flags } = bestLearningRate(trials);
    return {
      arch: `${i}`,
      shape,
      budgetFlops: FLOPS,
      learningRate,
      vertexLearningRate,
      edge,
      flags: [...flags],
      trials,
    };
  });
  return { format: 1, sweep: 'lr', chosenOn: 'val', protocol: protocolOf(sweep), rates, ...change };
}

function rounds(grid: readonly number[], extend: number, optima: readonly number[]): number[][] {
  const tried: number[][] = [];
  let known: TunedFile | null = null;
  for (;;) {
    const next = gridOfSize(loaded, { grid, extend }, known, shape, FLOPS);
    if (tried.at(-1)?.length === next.length) return tried;
    tried.push(next);
    known = tunedOn(next, optima);
  }
}

const GRID = [0.008, 0.016, 0.032];

describe('gridOfSize', () => {
  it('stays as it is where every best rate is inside', () => {
    expect(rounds(GRID, 4, [0.016, 0.018])).toEqual([GRID]);
  });

  it('grows for all at the ends where one has its best, a rate a round', () => {
    expect(rounds(GRID, 4, [0.004, 0.016, 0.064])).toEqual([
      GRID,
      [0.004, ...GRID, 0.064],
      [0.002, 0.004, ...GRID, 0.064, 0.128],
    ]);
  });

  it('stops growing at the limit', () => {
    expect(rounds(GRID, 2, [1e-9]).at(-1)).toEqual([0.002, 0.004, ...GRID]);
    expect(rounds(GRID, 0, [1e-9])).toEqual([GRID]);
  });

  it('grows alike for architectures whose feed-forward layers differ in width', () => {
    const gated = { ...shape, dFf: 64 };
    const known = tunedOn(GRID, [0.004]);
    expect(gridOfSize(loaded, { grid: GRID, extend: 4 }, known, gated, FLOPS)).toEqual([0.004, ...GRID]);
  });

  it('ends with the best inside, wherever it is, if the limit lets it, from whatever round it goes on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -6, max: 8, noNaN: true }), { minLength: 1, maxLength: 4 }),
        (logs) => {
          const optima = logs.map((log) => 0.016 * 2 ** log);
          const grid = rounds(GRID, 12, optima).at(-1)!;
          expect(grid).toEqual([...grid].sort((a, b) => a - b));
          for (const { edge } of tunedOn(grid, optima).rates) expect(edge).toBeNull();
          expect(gridOfSize(loaded, { grid: GRID, extend: 12 }, tunedOn(grid, optima), shape, FLOPS)).toEqual(
            grid,
          );
        },
      ),
    );
  });

  it('takes no notice of rates tuned under other settings, at another budget or for another size', () => {
    const spec = { grid: GRID, extend: 4 };
    const low = [1e-4];
    const grown = [0.004, ...GRID];
    expect(gridOfSize(loaded, spec, tunedOn(GRID, low), shape, FLOPS)).toEqual(grown);
    expect(gridOfSize(loaded, spec, tunedOn(GRID, low), shape, 2 * FLOPS)).toEqual(GRID);
    expect(gridOfSize(loaded, spec, tunedOn(GRID, low), { ...shape, nLayers: 4 }, FLOPS)).toEqual(GRID);
    const protocol = { ...protocolOf(sweep), vocabSize: 2048 };
    expect(gridOfSize(loaded, spec, tunedOn(GRID, low, { protocol }), shape, FLOPS)).toEqual(GRID);
  });
});
