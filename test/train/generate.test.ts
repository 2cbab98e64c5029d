/** Generated text: each token is the one that the eager model, asked anew, would choose. */
import { describe, expect, it } from 'vitest';
import { eagerEngine } from '../../src/engine/eager.js';
import { ortEngine } from '../../src/engine/ort.js';
import { chooseToken, generate } from '../../src/train/generate.js';
import type { LanguageModel } from '../../src/models/model.js';
import { forwardProgram } from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { randomParams, TINY, tinyModel } from '../models/zooModels.js';

const { vocabSize, contextLength } = TINY;

/** Random parameters by the names of a run's state. */
const stateOf = (model: LanguageModel): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(randomParams(model)).map(([name, data]) => [paramKey(name), data]));

describe('generate', () => {
  it.each(['transformer', 'primer', 't5++'])(
    '%s: takes the likeliest token after everything before it',
    async (preset) => {
      const { model } = tinyModel(preset);
      const params = stateOf(model);
      const prompt = [3, 16];
      const base = { model, vocabSize, contextLength, params, prompt, endId: 1, threads: 1, random: () => 0 };
      const [first, second] = await generate(ortEngine, { ...base, samples: 2, temperature: 0 });
      expect(second).toEqual(first);
      const text = [...prompt, ...first!];
      const eager = await eagerEngine.compileFunction(
        forwardProgram(model, { batchSize: 1, contextLength }),
        {
          threads: 1,
        },
      );
      const inputs = Int32Array.from({ length: contextLength }, (_, t) => text[t] ?? 0);
      const { logits } = await eager.run({ ...params, inputs });
      await eager.dispose();
      for (let t = prompt.length; t < text.length; t++) {
        const row = logits!.subarray((t - 1) * vocabSize, t * vocabSize);
        expect(row.indexOf(Math.max(...row)), `token ${t}`).toBe(text[t]);
      }
      const isWhole = text.length === contextLength;
      const ended = logits!.subarray((text.length - 1) * vocabSize, text.length * vocabSize);
      expect(isWhole || ended.indexOf(Math.max(...ended)) === 1).toBe(true);
    },
  );

  it('draws other texts from other numbers, and needs a prompt that fits', async () => {
    const { model } = tinyModel('transformer');
    const base = {
      model,
      vocabSize,
      contextLength,
      params: stateOf(model),
      endId: 1,
      threads: 1,
      samples: 1,
    };
    const draw = (value: number) =>
      generate(ortEngine, { ...base, prompt: [3], temperature: 1, random: () => value });
    expect(await draw(0.01)).not.toEqual(await draw(0.99));
    for (const prompt of [[], Array.from({ length: contextLength }, () => 2)]) {
      await expect(generate(ortEngine, { ...base, prompt, temperature: 0, random: () => 0 })).rejects.toThrow(
        RangeError,
      );
    }
  });
});

describe('chooseToken', () => {
  it('draws in proportion to softmax(logits / temperature)', () => {
    // Weights 1, 2 and 1 at temperature 1; 1, 4 and 1 at one half.
    const logits = Float32Array.from([0, Math.log(2), 0]);
    expect([0, 0.24, 0.26, 0.74, 0.76, 0.999].map((u) => chooseToken(logits, 1, () => u))).toEqual([
      0, 0, 1, 1, 2, 2,
    ]);
    expect([0.16, 0.17, 0.83, 0.84].map((u) => chooseToken(logits, 0.5, () => u))).toEqual([0, 1, 1, 2]);
    expect(chooseToken(Float32Array.from([1, 3, 3]), 0, () => 0.9)).toBe(1);
  });
});
