/** Whether a model looks at later tokens, or at other sequences of its batch: judged on what a changed token changes. */
import type { ExecutableFunction } from '../engine/executable.js';
import { given, sampleBatch, type CheckedModel, type CheckResult } from './checkedModel.js';
import { forwardProgram } from './programs.js';

/** Differences up to this are rounding. */
const ROUNDING = 1e-5;

interface Difference {
  readonly time: number;
  readonly sequence: number;
  readonly size: number;
}

async function withForward<T>(
  { model, batch, engine }: CheckedModel,
  use: (compiled: ExecutableFunction) => Promise<T>,
): Promise<T> {
  const compiled = await engine.compileFunction(forwardProgram(model, batch), { threads: 1 });
  try {
    return await use(compiled);
  } finally {
    await compiled.dispose();
  }
}

/** Where logits differ by more than rounding, the largest difference of each position. */
function differences(
  a: Float32Array,
  b: Float32Array,
  batchSize: number,
  rows: number,
): readonly Difference[] {
  const found: Difference[] = [];
  const width = a.length / rows;
  for (let row = 0; row < rows; row++) {
    let size = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      const difference = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(a[i]!));
      // NaN compares as different.
      if (!(difference <= size)) size = Number.isNaN(difference) ? Infinity : difference;
    }
    if (size > ROUNDING) {
      found.push({ time: Math.floor(row / batchSize), sequence: row % batchSize, size });
    }
  }
  return found;
}

type Picked = (time: number, sequence: number) => boolean;
const nowhere: Picked = () => false;

/** Logits before and after other tokens stand at the rows that are picked, of what is read and of what an encoder reads. */
async function changedLogits(
  { batch: shape, setup, model, params }: CheckedModel,
  compiled: ExecutableFunction,
  { inputs: picked, source: pickedSource }: { readonly inputs: Picked; readonly source: Picked },
): Promise<readonly Difference[]> {
  const { batchSize } = shape;
  const { inputs, source } = sampleBatch(model, shape, setup.vocabSize);
  const changed = (tokens: Int32Array, pick: Picked): Int32Array =>
    tokens.map((token, row) =>
      pick(Math.floor(row / batchSize), row % batchSize) ? (token + 1) % setup.vocabSize : token,
    );
  const logits = async (read: Int32Array, encoded: Int32Array | undefined): Promise<Float32Array> =>
    (await compiled.run({ ...params, ...given({ inputs: read, source: encoded }) }))['logits']!;
  const before = await logits(inputs, source);
  const after = await logits(
    changed(inputs, picked),
    source === undefined ? undefined : changed(source, pickedSource),
  );
  return differences(before, after, batchSize, inputs.length);
}

/** Changing token t must change no logit before t, and some from t on. */
export async function checkCausality(checked: CheckedModel): Promise<CheckResult> {
  const length = checked.model.encoder?.targetLength ?? checked.setup.contextLength;
  const times = [...new Set([1, Math.floor(length / 2), length - 1])].filter((time) => time > 0);
  return withForward(checked, async (compiled) => {
    for (const time of times) {
      const changed = await changedLogits(checked, compiled, {
        inputs: (at) => at === time,
        source: nowhere,
      });
      const leak = changed.find((difference) => difference.time < time);
      if (leak !== undefined) {
        return {
          name: 'causality',
          passed: false,
          detail: `changing token ${time} changes the logits at position ${leak.time} by ${leak.size.toPrecision(2)}`,
          remedy:
            'Mask attention (ops.causalMask), shift convolutions (ops.causalConv), and mix positions by cumsum rather than sum or mean. ' +
            'Rows are time-major: token t of sequence b is row t * batchSize + b.',
        };
      }
      if (changed.length === 0) {
        return {
          name: 'causality',
          passed: false,
          detail: `changing token ${time} changes no logit at all`,
          remedy:
            'The logits have to depend on the tokens: look for a constant, or for a tensor that is never used.',
        };
      }
    }
    return {
      name: 'causality',
      passed: true,
      detail: `tokens ${times.join(', ')} of ${length} change no logit before them`,
      remedy: null,
    };
  });
}

/** A sequence's logits must not depend on the others in its batch. */
export async function checkSequences(checked: CheckedModel): Promise<CheckResult> {
  return withForward(checked, async (compiled) => {
    const first: Picked = (_, sequence) => sequence === 0;
    const changed = await changedLogits(checked, compiled, { inputs: first, source: first });
    const leak = changed.find(({ sequence }) => sequence !== 0);
    if (leak === undefined) {
      return { name: 'sequences', passed: true, detail: 'sequences of a batch do not mix', remedy: null };
    }
    return {
      name: 'sequences',
      passed: false,
      detail: `changing sequence 0 changes the logits of sequence ${leak.sequence} at position ${leak.time} by ${leak.size.toPrecision(2)}`,
      remedy:
        'Rows are time-major: reshape [rows, d] to [contextLength, batchSize, d], never to [batchSize, contextLength, d], and leave the batch axis alone.',
    };
  });
}

/** Every token that an encoder reads may change any logit, and has to change some. */
export async function checkEncoder(checked: CheckedModel): Promise<CheckResult> {
  const { sourceLength } = checked.model.encoder!;
  const times = [...new Set([0, Math.floor(sourceLength / 2), sourceLength - 1])];
  return withForward(checked, async (compiled) => {
    for (const time of times) {
      const changed = await changedLogits(checked, compiled, {
        inputs: nowhere,
        source: (at) => at === time,
      });
      if (changed.length === 0) {
        return {
          name: 'encoder',
          passed: false,
          detail: `changing token ${time} of what the encoder reads changes no logit`,
          remedy:
            'The decoder has to attend to all that the encoder gives it: look at the masks of cross-attention.',
        };
      }
    }
    return {
      name: 'encoder',
      passed: true,
      detail: `tokens ${times.join(', ')} of the ${sourceLength} that the encoder reads reach the logits`,
      remedy: null,
    };
  });
}
