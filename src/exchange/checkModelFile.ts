/** Whether an exported file computes what the run's own evaluation does. */
import type { Engine } from '../engine/executable.js';
import { openModelFile } from '../engine/modelSession.js';
import type { HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import { forwardProgram } from '../train/programs.js';
import { LOGITS, SOURCE, TOKENS, tokenInputs } from '../train/portableForward.js';

export interface ModelFileCheck {
  readonly batchSizes: readonly number[];
  /** Largest difference of a logit from the engine's own, as a share of the largest logit. */
  readonly largestError: number;
}

/** Two orders of the same float32 sums differ by this much at most; a wrong graph by far more. */
export const LOGIT_TOLERANCE = 1e-4;

/**
 * Compares the file's logits with those of the engine on made-up tokens.
 * @param params by the names of a run's state
 * @throws Error where they differ by more than `LOGIT_TOLERANCE`, or have another shape
 */
export async function checkModelFile(
  path: string,
  engine: Engine,
  model: LanguageModel,
  params: HostTensors,
  {
    contextLength,
    vocabSize,
    batchSizes,
  }: {
    readonly contextLength: number;
    readonly vocabSize: number;
    readonly batchSizes: readonly number[];
  },
): Promise<ModelFileCheck> {
  const session = await openModelFile(path);
  let largestError = 0;
  try {
    for (const batchSize of batchSizes) {
      const tokens = Object.fromEntries(
        tokenInputs(model, contextLength).map(({ name, length }, i) => [
          name,
          { shape: [batchSize, length], data: madeUp(batchSize * length, vocabSize, i) },
        ]),
      );
      const { [LOGITS]: found } = await session.run(tokens);
      const forward = await engine.compileFunction(forwardProgram(model, { batchSize, contextLength }), {
        threads: 1,
      });
      const source = tokens[SOURCE];
      const { logits: expected } = await forward.run({
        ...params,
        inputs: byTime(tokens[TOKENS]!),
        ...(source === undefined ? {} : { source: byTime(source) }),
      });
      await forward.dispose();
      largestError = Math.max(largestError, errorOf(found!, expected!, batchSize));
    }
  } finally {
    await session.dispose();
  }
  if (!(largestError <= LOGIT_TOLERANCE)) {
    throw new Error(
      `The exported file does not give the logits of the run: they differ by ${largestError.toExponential(1)} of the ` +
        'largest one. Nothing was written; please report this.',
    );
  }
  return { batchSizes, largestError };
}

const madeUp = (count: number, vocabSize: number, salt: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => ((i + salt) * 7919 + (i >> 3)) % vocabSize);

/** [batch, length] to the order by time that the engine reads. */
function byTime({ shape, data }: { readonly shape: readonly number[]; readonly data: Int32Array }) {
  const [batchSize, length] = shape as [number, number];
  return Int32Array.from(data, (_, i) => data[(i % batchSize) * length + Math.floor(i / batchSize)]!);
}

/** @param found [batch, length, vocabulary] @param expected [length * batch, vocabulary] */
function errorOf(
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  expected: Float32Array,
  batchSize: number,
): number {
  const [batch, length, vocabSize] = shape as [number, number, number];
  if (batch !== batchSize || batch * length * vocabSize !== expected.length) {
    throw new Error(`the exported file gives logits of shape [${shape.join()}] for ${batchSize} sequences`);
  }
  let difference = 0;
  let largest = 0;
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < length; t++) {
      for (let v = 0; v < vocabSize; v++) {
        const mine = expected[(t * batch + b) * vocabSize + v]!;
        const theirs = data[(b * length + t) * vocabSize + v]!;
        largest = Math.max(largest, Math.abs(mine));
        difference = Math.max(difference, Math.abs(mine - theirs));
        if (Number.isNaN(theirs)) return NaN;
      }
    }
  }
  return difference / Math.max(largest, Number.MIN_VALUE);
}
