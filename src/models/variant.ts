/**
 * Architectures of the user's own, the public entry `isoloss/variants`: options over the decoder core, or a whole forward
 * pass in TensorFlow.js. What a file exports is checked here when it is loaded, and again when a model is built from it (buildVariant.ts).
 */
import { z } from 'zod';
import { shortPath } from '../ops/callSite.js';
import { didYouMean } from '../ops/nearest.js';
import type { Tensor } from '../ops/tf.js';
import type { Activation, DecoderOptions } from './decoderOptions.js';
import { ModelError, problemsOf } from './error.js';
import type { ModelShape, Params, Positions } from './model.js';
import type { ParamSpec } from './params.js';
import { ENCODER_DECODER_PRESETS, PRESETS, type Preset } from './presets.js';

export { kernelOf, matrix, residualScale, table, vector } from './paramSpecs.js';
export type { Activation, DecoderOptions, ExpertOptions } from './decoderOptions.js';
export type { ModelShape, Params, Positions } from './model.js';
export type { Init, ParamGroup, ParamSpec } from './params.js';
export type { Tensor } from '../ops/tf.js';

interface VariantHead {
  /** What sweeps and reports call it: letters, digits, dot, underscore and dash; not the name of a preset. */
  readonly name: string;
  readonly description?: string;
  /** Width of the feed-forward layer where a size does not give it; 4 dModel (2/3 of that where gated) where left out. */
  readonly defaultDff?: (dModel: number) => number;
}

/** A preset with some of its options changed. */
export interface DecoderVariant extends VariantHead {
  /** Name of the preset that it starts from (docs/architectures.md). */
  readonly base: string;
  readonly options: Partial<DecoderOptions>;
  /** The preset's own where left out; a sweep may ask for others. */
  readonly positions?: Positions;
}

/** What the forward pass is told beside parameters and tokens. */
export interface ForwardContext {
  readonly batchSize: number;
  readonly shape: ModelShape;
  /** Whether this is a training step, and not an evaluation. `ops.dropout` sees to it by itself. */
  readonly training: boolean;
}

/** Logits, and a further term of the training loss. */
export interface ForwardOutputs {
  /** [contextLength * batchSize, vocabSize] */
  readonly logits: Tensor;
  /**
   * A scalar with its weight in it, such as the load balancing of a mixture (`ops.balanceLoss` times 0.01). Training
   * minimises the cross-entropy plus this; what is reported and compared is the cross-entropy alone.
   */
  readonly auxiliaryLoss: Tensor;
}

/** A model written out. */
export interface ForwardVariant extends VariantHead {
  /** The family that it is compared in: how it knows where a token stands. */
  readonly positions: Positions;
  readonly params: (shape: ModelShape) => readonly ParamSpec[];
  /**
   * Next-token logits, and an auxiliary loss where the model has one.
   * @param tokens [contextLength * batchSize] int32, time-major: token t of sequence b at t * batchSize + b
   * @returns [contextLength * batchSize, vocabSize], alone or beside the auxiliary loss
   */
  readonly logits: (params: Params, tokens: Tensor, context: ForwardContext) => Tensor | ForwardOutputs;
}

export type VariantDefinition = DecoderVariant | ForwardVariant;

/** Gives a definition its type, so that an editor knows a mistyped key; what it says is checked when the file is loaded. */
export function defineVariant(definition: DecoderVariant): DecoderVariant;
export function defineVariant(definition: ForwardVariant): ForwardVariant;
export function defineVariant(definition: VariantDefinition): VariantDefinition {
  return definition;
}

const VARIANT_NAME = /^[A-Za-z][A-Za-z0-9._-]*$/;

/** Vega takes a name that every JavaScript object has, such as `constructor`, for one that it has seen, and draws nothing. */
const canBeDrawn = (name: string): boolean => !(name in Object.prototype);

const NAME_RULE =
  'has to begin with a letter, and to go on with letters, digits, dots, underscores and dashes';
const NOT_DRAWN = 'has to be another name: every JavaScript object has this one, and no chart can show it';

/** What a variant's name has to be and this text is not; null where it can be one. */
export const wrongName = (name: string): string | null =>
  !VARIANT_NAME.test(name) ? NAME_RULE : canBeDrawn(name) ? null : NOT_DRAWN;

const aFunction = <Fn>(what: string): z.ZodType<Fn> =>
  z.custom<Fn>((value) => typeof value === 'function', { error: `has to be a function ${what}` });

const positionsSchema = z.enum(['absolute', 'relative', 'rotary']);

const headShape = {
  name: z.string().regex(VARIANT_NAME, { error: NAME_RULE }).refine(canBeDrawn, { error: NOT_DRAWN }),
  description: z.string().optional(),
  defaultDff: aFunction<(dModel: number) => number>('from dModel to the width').optional(),
};

const expertsSchema = z.strictObject({
  count: z.number().int().min(2),
  everyNthLayer: z.number().int().positive(),
  capacityFactor: z.number().positive(),
  minCapacity: z.number().int().positive(),
  balanceWeight: z.number().nonnegative(),
  jitter: z.number().min(0).max(1).optional(),
});

const optionsSchema = z
  .strictObject({
    block: z.enum(['transformer', 'evolved']),
    norm: z.enum(['layerNorm', 'rmsNorm', 'primerNormLingvo']),
    feedForwardNorm: z.enum(['before', 'after']),
    activation: z.union([
      z.enum(['relu', 'gelu', 'swish', 'squaredRelu']),
      aFunction<Activation>('from a tensor to one of the same shape'),
    ]),
    gated: z.boolean(),
    feedForwardRatio: z.number().positive(),
    feedForwardBiases: z.boolean(),
    experts: expertsSchema.nullable(),
    qkvConvolution: z.enum(['none', 'afterProjection', 'beforeProjection']),
    sharedQueryKey: z.boolean(),
    attentionWeights: z.enum(['queryKey', 'random', 'dense', 'randomPlus']),
    postSoftmaxGating: z.boolean(),
  } satisfies Record<keyof DecoderOptions, z.ZodType>)
  .partial();

function noPreset(name: string): string {
  if (Object.hasOwn(ENCODER_DECODER_PRESETS, name))
    return `"${name}" is an encoder-decoder; a variant starts from a decoder, such as "t5"`;
  const [preset = '', positions] = name.split('@');
  if (positions !== undefined && Object.hasOwn(PRESETS, preset))
    return `write base: '${preset}', and positions: '${positions}' beside it`;
  const known = Object.keys(PRESETS);
  return `there is no preset "${name}".${didYouMean(name, known)} There are ${known.join(', ')}`;
}

const decoderVariantSchema = z.strictObject({
  ...headShape,
  base: z.string().refine((name) => Object.hasOwn(PRESETS, name), {
    error: ({ input }) => noPreset(String(input)),
  }),
  options: optionsSchema,
  positions: positionsSchema.optional(),
});

const forwardVariantSchema = z.strictObject({
  ...headShape,
  positions: positionsSchema,
  params: aFunction<ForwardVariant['params']>('from the shape to the parameters'),
  logits: aFunction<ForwardVariant['logits']>('(params, tokens, { batchSize, shape, training }) => logits'),
});

/** The keys that there are at a place of a definition. */
function keysAt(path: readonly PropertyKey[], schema: z.ZodObject): readonly string[] {
  switch (path.map(String).join('.')) {
    case '':
      return Object.keys(schema.shape);
    case 'options':
      return Object.keys(optionsSchema.shape);
    case 'options.experts':
      return Object.keys(expertsSchema.shape);
    default:
      return [];
  }
}

/**
 * Checks what a file exports.
 * @param file named in errors
 * @param source the file's text, for line numbers in errors
 * @throws ModelError saying what is wrong with it
 */
export function parseVariant(value: unknown, file: string, source = ''): VariantDefinition {
  const isForward = typeof value === 'object' && value !== null && ('logits' in value || 'params' in value);
  const schema = isForward ? forwardVariantSchema : decoderVariantSchema;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelError(
      `${shortPath(file)} does not define a variant: what it exports is ${Array.isArray(value) ? 'an array' : `a ${typeof value}`}. ` +
        'Export what defineVariant({ ... }) gives.',
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return value as VariantDefinition;
  const lines = parsed.error.issues.flatMap((issue) => {
    const word = issue.code === 'unrecognized_keys' ? issue.keys[0] : issue.path.at(-1);
    return lineOf(source, new RegExp(`\\b${String(word ?? '')}\\b\\s*[:,(}]`)) ?? [];
  });
  const place = lines.length > 0 ? `${shortPath(file)}:${Math.min(...lines)}` : shortPath(file);
  throw new ModelError(
    `${place} does not define a variant as it should:\n` +
      problemsOf(parsed.error, undefined, (path) => keysAt(path, schema)),
  );
}

/** The first line that a pattern is found in, counted from 1; null where it is nowhere. */
export function lineOf(source: string, pattern: RegExp): number | null {
  const line = source.split('\n').findIndex((text) => pattern.test(text));
  return line < 0 ? null : line + 1;
}

export const isForwardVariant = (variant: VariantDefinition): variant is ForwardVariant =>
  'logits' in variant;

/** The preset that a variant over the decoder core amounts to. */
export function presetOfVariant({ base, options, positions, description }: DecoderVariant): Preset {
  const preset = PRESETS[base]!;
  return {
    options: { ...preset.options, ...options },
    positions: positions ?? preset.positions,
    description: description ?? `${base} with ${Object.keys(options).join(', ')} changed`,
  };
}
