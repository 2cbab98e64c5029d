/** Tiny models of every preset, and their logits, for the tests of the zoo. */
import type { Engine } from '../../src/engine/executable.js';
import type { HostTensors, TensorSpec } from '../../src/engine/tensors.js';
import { ortEngine } from '../../src/engine/ort.js';
import { decoder } from '../../src/models/decoder.js';
import type { DecoderOptions, ExpertOptions } from '../../src/models/decoderOptions.js';
import type { LanguageModel, ModelShape, Positions } from '../../src/models/model.js';
import { PRESETS } from '../../src/models/presets.js';
import { paramSpecs } from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { randomValues, runOnce } from '../engine/harness.js';

export const TINY: ModelShape = {
  vocabSize: 17,
  contextLength: 8,
  dModel: 8,
  nLayers: 2,
  nHeads: 2,
  dHead: 4,
  dFf: 12,
  tiedEmbeddings: false,
  init: 'small',
};

/** Experts that a tiny model can have, with so little room that some tokens find none. */
export const FEW_EXPERTS: ExpertOptions = {
  count: 3,
  everyNthLayer: 2,
  capacityFactor: 1,
  minCapacity: 1,
  balanceWeight: 0.01,
};

export interface TinyModel {
  readonly shape: ModelShape;
  readonly options: DecoderOptions;
  readonly positions: Positions;
  readonly model: LanguageModel;
}

export function tinyModel(preset: string, positions?: Positions): TinyModel {
  const { options, positions: own } = PRESETS[preset]!;
  const tinyOptions = options.experts === null ? options : { ...options, experts: FEW_EXPERTS };
  const chosen = positions ?? own;
  return {
    shape: TINY,
    options: tinyOptions,
    positions: chosen,
    model: decoder(TINY, tinyOptions, chosen),
  };
}

const isSynthesizer = (name: string): boolean =>
  ['random', 'dense'].includes(PRESETS[name]!.options.attentionWeights);

/** Every preset of the decoder core with every kind of positions that it can have. */
export const PRESETS_AND_POSITIONS: readonly (readonly [string, Positions])[] = Object.keys(PRESETS).flatMap(
  (name) =>
    (['absolute', 'relative', 'rotary'] as const)
      .filter((positions) => positions !== 'rotary' || !isSynthesizer(name))
      .map((positions) => [name, positions] as const),
);

/** Random values for every parameter, those that start as a constant included, so that nothing is neutral. */
export const randomParams = ({ params }: LanguageModel): Record<string, Float32Array> =>
  Object.fromEntries(
    params.map(({ name, shape }, i) => {
      const range = name === 'embedding' ? 0.03 : 0.6;
      return [name, randomValues({ shape, dtype: 'float32' }, 31 + i, -range, range) as Float32Array];
    }),
  );

/** Sequences of tokens as a model takes them: token t of sequence b at t * batchSize + b. */
export const timeMajor = (sequences: readonly (readonly number[])[]): Int32Array =>
  Int32Array.from({ length: sequences.length * sequences[0]!.length }, (_, i) => {
    const batchSize = sequences.length;
    return sequences[i % batchSize]![Math.floor(i / batchSize)]!;
  });

/** A function from sequences to their logits, [sequence][time][vocabSize], compiled once for a number of sequences. */
export async function logitsOf(
  { model, shape }: TinyModel,
  params: Readonly<Record<string, Float32Array>>,
  sequences: readonly (readonly number[])[],
  engine: Engine = ortEngine,
): Promise<number[][][]> {
  const batchSize = sequences.length;
  const tokens: TensorSpec = { name: 'tokens', shape: [batchSize * shape.contextLength], dtype: 'int32' };
  const program = {
    inputs: [...paramSpecs(model), tokens],
    fn: (inputs: Readonly<Record<string, Parameters<LanguageModel['logits']>[1]>>) => ({
      logits: model.logits(
        Object.fromEntries(model.params.map(({ name }) => [name, inputs[paramKey(name)]!])),
        inputs['tokens']!,
        batchSize,
      ),
    }),
  };
  const keyed: HostTensors = Object.fromEntries(
    Object.entries(params).map(([name, values]) => [paramKey(name), values]),
  );
  const { logits } = await runOnce(engine, program, { ...keyed, tokens: timeMajor(sequences) });
  return sequences.map((sequence, b) =>
    sequence.map((_, t) => {
      const row = (t * batchSize + b) * shape.vocabSize;
      return Array.from(logits!.subarray(row, row + shape.vocabSize));
    }),
  );
}
