/** Text that a trained model writes: the compiled forward pass, asked for one token after another. */
import type { Engine } from '../engine/executable.js';
import type { HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import { forwardProgram } from './programs.js';

export interface GenerateOptions {
  readonly model: LanguageModel;
  readonly vocabSize: number;
  readonly contextLength: number;
  /** Parameters by the names of the state (`paramKey`). */
  readonly params: HostTensors;
  /** At least one token; continuations end where the context is full, since the model knows no further position. */
  readonly prompt: readonly number[];
  /** Continuations, written beside each other. */
  readonly samples: number;
  /** 0 always takes the likeliest token; 1 draws from the model's own distribution. */
  readonly temperature: number;
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
  /** Token after which a continuation ends. */
  readonly endId: number;
  readonly threads: number;
}

/**
 * Continues a prompt.
 *
 * @returns the tokens after the prompt, for each sample
 * @throws RangeError where the prompt is empty or leaves no room in the context
 */
export async function generate(engine: Engine, options: GenerateOptions): Promise<number[][]> {
  const { model, vocabSize, contextLength, params, prompt, samples, temperature, random, endId } = options;
  if (prompt.length === 0 || prompt.length >= contextLength) {
    throw new RangeError(
      `The prompt has ${prompt.length} tokens; it needs at least 1, and fewer than the context of ${contextLength}.`,
    );
  }
  const forward = await engine.compileFunction(forwardProgram(model, { batchSize: samples, contextLength }), {
    threads: options.threads,
  });
  try {
    // What stands after a token can't change what follows it, so the rest may hold anything.
    const inputs = new Int32Array(contextLength * samples).fill(endId);
    prompt.forEach((token, t) => inputs.fill(token, t * samples, (t + 1) * samples));
    const texts: number[][] = Array.from({ length: samples }, () => []);
    const ended = new Set<number>();
    for (let t = prompt.length; t < contextLength && ended.size < samples; t++) {
      const { logits } = await forward.run({ ...params, inputs });
      for (let sample = 0; sample < samples; sample++) {
        if (ended.has(sample)) continue;
        const from = ((t - 1) * samples + sample) * vocabSize;
        const token = chooseToken(logits!.subarray(from, from + vocabSize), temperature, random);
        inputs[t * samples + sample] = token;
        if (token === endId) ended.add(sample);
        else texts[sample]!.push(token);
      }
    }
    return texts;
  } finally {
    await forward.dispose();
  }
}

/**
 * Chooses a token from its logits.
 *
 * @param temperature 0 for the likeliest (the first of equals); otherwise drawn from softmax(logits / temperature)
 */
export function chooseToken(logits: Float32Array, temperature: number, random: () => number): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  if (temperature === 0) return best;
  const weights = Array.from(logits, (logit) => Math.exp((logit - logits[best]!) / temperature));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i]!;
    if (left < 0) return i;
  }
  // Only rounding leads here.
  return best;
}
