/** Whether a model looks at later tokens, or at other sequences of its batch: judged on what a changed token changes. */
import type { ExecutableFunction } from '../engine/executable.js';
import { sampleTokens, type CheckedModel, type CheckResult } from './checkedModel.js';
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
  { batch, setup }: CheckedModel,
  a: Float32Array,
  b: Float32Array,
): readonly Difference[] {
  const found: Difference[] = [];
  for (let row = 0; row < batch.batchSize * batch.contextLength; row++) {
    let size = 0;
    for (let i = row * setup.vocabSize; i < (row + 1) * setup.vocabSize; i++) {
      const difference = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(a[i]!));
      // NaN compares as different.
      if (!(difference <= size)) size = Number.isNaN(difference) ? Infinity : difference;
    }
    if (size > ROUNDING) {
      found.push({ time: Math.floor(row / batch.batchSize), sequence: row % batch.batchSize, size });
    }
  }
  return found;
}

/** Logits before and after other tokens stand at the rows that `changes` picks. */
async function changedLogits(
  checked: CheckedModel,
  compiled: ExecutableFunction,
  changes: (time: number, sequence: number) => boolean,
): Promise<readonly Difference[]> {
  const { batch, setup, params } = checked;
  const tokens = sampleTokens(batch, setup.vocabSize);
  const other = tokens.map((token, row) =>
    changes(Math.floor(row / batch.batchSize), row % batch.batchSize) ? (token + 1) % setup.vocabSize : token,
  );
  const before = (await compiled.run({ ...params, inputs: tokens }))['logits']!;
  const after = (await compiled.run({ ...params, inputs: other }))['logits']!;
  return differences(checked, before, after);
}

/** Changing token t must change no logit before t, and some from t on. */
export async function checkCausality(checked: CheckedModel): Promise<CheckResult> {
  const { contextLength } = checked.setup;
  const times = [...new Set([1, Math.floor(contextLength / 2), contextLength - 1])].filter(
    (time) => time > 0,
  );
  return withForward(checked, async (compiled) => {
    for (const time of times) {
      const changed = await changedLogits(checked, compiled, (at) => at === time);
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
      detail: `tokens ${times.join(', ')} of ${contextLength} change no logit before them`,
      remedy: null,
    };
  });
}

/** A sequence's logits must not depend on the others in its batch. */
export async function checkSequences(checked: CheckedModel): Promise<CheckResult> {
  return withForward(checked, async (compiled) => {
    const changed = await changedLogits(checked, compiled, (_, sequence) => sequence === 0);
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
