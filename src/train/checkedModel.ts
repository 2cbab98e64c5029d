/** What the checks of a model share: the model at hand, what a check says, and tokens to try it on. */
import type { Engine } from '../engine/executable.js';
import type { HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import type { ModelSetup } from '../store/record.js';
import type { BatchShape } from './programs.js';

export interface CheckResult {
  readonly name: 'trace' | 'causality' | 'sequences' | 'gradients' | 'training';
  readonly passed: boolean;
  /** What was found, in a sentence. */
  readonly detail: string;
  /** What to do; null where it passed. */
  readonly remedy: string | null;
}

/** A model at its check's size, with parameters moved off their initial values, so that a layer that starts at 0 is seen too. */
export interface CheckedModel {
  readonly setup: ModelSetup;
  readonly model: LanguageModel;
  readonly batch: BatchShape;
  readonly params: HostTensors;
  readonly engine: Engine;
}

/** Tokens of a batch: few ones often, most ones seldom, as in text. */
export function sampleTokens({ batchSize, contextLength }: BatchShape, vocabSize: number): Int32Array {
  let state = 12345;
  return Int32Array.from({ length: batchSize * contextLength }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.min(vocabSize - 1, Math.floor(vocabSize ** (state / 4294967296)) - 1);
  });
}
