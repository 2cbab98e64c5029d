/** Every preset, with every kind of positions, against the decoder written again in float64 loops (zooReference.ts). */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../engine/harness.js';
import { logitsOf, PRESETS_AND_POSITIONS, randomParams, tinyModel, TINY } from './zooModels.js';
import { referenceLogits } from './zooReference.js';

const SEQUENCES = [
  [3, 16, 0, 5, 5, 11, 2, 9],
  [7, 1, 1, 14, 8, 3, 12, 6],
];

describe('logits are those of the definition', () => {
  it.each(PRESETS_AND_POSITIONS)('%s, %s', async (preset, positions) => {
    const tiny = tinyModel(preset, positions);
    const values = randomParams(tiny.model);
    const actual = await logitsOf(tiny, values, SEQUENCES);
    SEQUENCES.forEach((sequence, b) => {
      const expected = referenceLogits({ ...tiny, values }, sequence);
      expectClose(actual[b]!.flat(), expected.flat(), `${preset}@${positions}`, {
        relative: 2e-5,
        absolute: 1e-5,
      });
    });
  });

  it('of models that differ are different', async () => {
    const logits = await Promise.all(
      ['transformer', 'transformer+primer-norm-lingvo', 'transformer+separable-conv', 'transformer+mdha'].map(
        async (preset) => {
          const tiny = tinyModel(preset);
          return (await logitsOf(tiny, randomParams(tiny.model), SEQUENCES))[0]![TINY.contextLength - 1]![0]!;
        },
      ),
    );
    expect(new Set(logits).size).toBe(4);
  });
});
