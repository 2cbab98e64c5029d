/** What the checks of a model share: the model at hand, what a check says, and tokens to try it on. */
import type { Engine } from '../engine/executable.js';
import { sizeOf, type HostArray, type HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import type { ModelSetup } from '../store/record.js';
import { tokenSpecs, type BatchShape } from './programs.js';

export interface CheckResult {
  readonly name:
    'trace' | 'repeatable' | 'values' | 'causality' | 'sequences' | 'encoder' | 'gradients' | 'training';
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

/** Tokens, few ones often and most ones seldom, as in text. */
function sampleTokens(length: number, vocabSize: number): Int32Array {
  let state = 12345;
  return Int32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.min(vocabSize - 1, Math.floor(vocabSize ** (state / 4294967296)) - 1);
  });
}

/** A batch to try a model on, time-major: what it reads, the token after each as its target, and what an encoder reads. */
export function sampleBatch(
  model: LanguageModel,
  batch: BatchShape,
  vocabSize: number,
): Readonly<Record<'inputs' | 'targets', Int32Array>> & Readonly<Record<'source', Int32Array | undefined>> {
  const { batchSize } = batch;
  const lengths = new Map(tokenSpecs(model, batch).map(({ name, shape }) => [name, sizeOf(shape)]));
  const length = lengths.get('inputs')!;
  const sourceLength = lengths.get('source');
  const tokens = sampleTokens(batchSize + length + (sourceLength ?? 0), vocabSize);
  return {
    inputs: tokens.slice(0, length),
    targets: tokens.slice(batchSize, batchSize + length),
    source: sourceLength === undefined ? undefined : tokens.slice(batchSize + length),
  };
}

/** Without what is undefined. */
export const given = (tensors: Readonly<Record<string, HostArray | undefined>>): HostTensors =>
  Object.fromEntries(
    Object.entries(tensors).filter((entry): entry is [string, HostArray] => entry[1] !== undefined),
  );
