import { describe, expect, it } from 'vitest';
import { bestLearningRate } from '../../src/fit/learningRate.js';

const grid = [0.004, 0.008, 0.016, 0.032];

describe('bestLearningRate', () => {
  it('finds the vertex of a quadratic in log rate', () => {
    // loss = 3 + 0.1 (ln rate - ln 0.01)^2: the best of the grid is 0.008, the vertex 0.01.
    const trials = grid.map((learningRate) => ({
      learningRate,
      lossNats: 3 + 0.1 * Math.log(learningRate / 0.01) ** 2,
    }));
    const best = bestLearningRate(trials);
    expect(best.learningRate).toBe(0.008);
    expect(best.vertexLearningRate).toBeCloseTo(0.01, 12);
    expect(best.vertexLossNats).toBeCloseTo(3, 12);
    expect(best).toMatchObject({ edge: null, flags: [] });
  });

  it.each([
    [[3, 3.1, 3.2, 3.3], 'low'],
    [[3.3, 3.2, 3.1, 3], 'high'],
  ])('flags an edge (%s)', (losses, edge) => {
    const best = bestLearningRate(grid.map((learningRate, i) => ({ learningRate, lossNats: losses[i]! })));
    expect(best.edge).toBe(edge);
    expect(best.vertexLearningRate).toBeNull();
    expect(best.flags[0]).toMatch(/extend the grid/);
  });

  it('takes a diverged trial for an infinite loss, not a missing one', () => {
    const best = bestLearningRate(
      grid.map((learningRate, i) => ({ learningRate, lossNats: [3.2, 3.1, 3, null][i]! })),
    );
    expect(best).toMatchObject({ learningRate: 0.016, edge: null, vertexLearningRate: null });
    expect(best.flags[0]).toMatch(/diverged/);
  });

  it('averages seeds, and one diverged seed spoils its rate', () => {
    const trials = [
      { learningRate: 0.004, lossNats: 3.2 },
      { learningRate: 0.008, lossNats: 3.0 },
      { learningRate: 0.008, lossNats: 3.1 },
      { learningRate: 0.016, lossNats: 2.9 },
      { learningRate: 0.016, lossNats: null },
    ];
    expect(bestLearningRate(trials)).toMatchObject({ learningRate: 0.008, lossNats: 3.05 });
  });

  it('refuses nothing, nonsense and a grid that diverged as a whole', () => {
    expect(() => bestLearningRate([])).toThrow(/no trials/);
    expect(() => bestLearningRate([{ learningRate: 0, lossNats: 3 }])).toThrow(/positive/);
    expect(() => bestLearningRate([{ learningRate: 0.1, lossNats: NaN }])).toThrow(/null/);
    expect(() => bestLearningRate([{ learningRate: 0.1, lossNats: null }])).toThrow(
      /diverged; try a learning rate below 0.1/,
    );
  });
});
