/** Forward passes of tiny models with parameters that hide nothing: no gain is 1, no bias and no table 0. */
import type { FunctionProgram } from '../../src/engine/executable.js';
import type { HostTensors } from '../../src/engine/tensors.js';
import type { LanguageModel } from '../../src/models/model.js';
import { randomValues } from '../engine/harness.js';

/** Names of parameters and inputs are disjoint. */
const TOKENS = 'tokens';

/** Logits of a batch of sequences. */
export function logitsProgram(
  model: LanguageModel,
  contextLength: number,
  batchSize: number,
): FunctionProgram {
  const params = model.params.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }) as const);
  return {
    inputs: [...params, { name: TOKENS, shape: [contextLength * batchSize], dtype: 'int32' }],
    fn: (inputs) => ({ logits: model.logits(inputs, inputs[TOKENS]!, batchSize) }),
  };
}

/** Time-major, as models read them. */
export const asInputs = (params: HostTensors, sequences: readonly (readonly number[])[]): HostTensors => ({
  ...params,
  [TOKENS]: Int32Array.from(sequences[0]!.flatMap((_, t) => sequences.map((sequence) => sequence[t]!))),
});

export const telltaleParams = (model: LanguageModel): Record<string, Float32Array> =>
  Object.fromEntries(
    model.params.map(({ name, shape, init }, i) => {
      const [from, to] =
        name === 'embedding' && init.kind === 'normal' && init.std < 0.1
          ? [-0.03, 0.03]
          : name.endsWith('.gamma')
            ? [0.5, 1.5]
            : [-0.6, 0.6];
      return [name, randomValues({ shape, dtype: 'float32' }, 500 + i, from, to) as Float32Array];
    }),
  );
