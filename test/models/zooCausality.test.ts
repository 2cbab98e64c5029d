/** No preset sees the future, or another sequence of its batch. */
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../src/models/presets.js';
import { logitsOf, randomParams, tinyModel, TINY, type TinyModel } from './zooModels.js';

const CHANGED = 5;
const FIRST = [3, 16, 0, 5, 5, 11, 2, 9];
const SECOND = [7, 1, 1, 14, 8, 3, 12, 6];

/** Both sequences as they are, and the first with one token changed beside the second. */
async function beforeAndAfter(tiny: TinyModel) {
  const params = randomParams(tiny.model);
  const before = await logitsOf(tiny, params, [FIRST, SECOND]);
  const after = await logitsOf(tiny, params, [FIRST.with(CHANGED, 13), SECOND]);
  return { before, after };
}

describe('changing a token', () => {
  it.each(Object.keys(PRESETS))('of %s changes no logit before it, and some from it on', async (preset) => {
    const { before, after } = await beforeAndAfter(tinyModel(preset));
    expect(after[0]!.slice(0, CHANGED)).toEqual(before[0]!.slice(0, CHANGED));
    expect(after[0]![CHANGED]).not.toEqual(before[0]![CHANGED]);
    expect(after[0]![TINY.contextLength - 1]).not.toEqual(before[0]![TINY.contextLength - 1]);
    expect(after[1]).toEqual(before[1]);
  });
});
