/**
 * Architectures of the user's own, the public entry `isoloss/variants`: options over the decoder core, or a whole forward
 * pass in TensorFlow.js. What a file exports is checked here when it is loaded, and again when a model is built from it.
 */
import { z } from 'zod';
import type { Tensor } from '../ops/tf.js';
import { decoder } from './decoder.js';
import type { Activation, DecoderOptions } from './decoderOptions.js';
import { ModelError } from './error.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import type { ParamSpec } from './params.js';
import { PRESETS, type Preset } from './presets.js';

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
}

/** A model written out. */
export interface ForwardVariant extends VariantHead {
  /** The family that it is compared in: how it knows where a token stands. */
  readonly positions: Positions;
  readonly params: (shape: ModelShape) => readonly ParamSpec[];
  /**
   * Next-token logits.
   * @param tokens [contextLength * batchSize] int32, time-major: token t of sequence b at t * batchSize + b
   * @returns [contextLength * batchSize, vocabSize]
   */
  readonly logits: (params: Params, tokens: Tensor, context: ForwardContext) => Tensor;
}

export type VariantDefinition = DecoderVariant | ForwardVariant;

/** Gives a definition its type; what it says is checked when the file is loaded. */
export const defineVariant = <Variant extends VariantDefinition>(definition: Variant): Variant => definition;

const VARIANT_NAME = /^[A-Za-z][A-Za-z0-9._-]*$/;

/** Whether a text can be a variant's name. */
export const isVariantName = (name: string): boolean => VARIANT_NAME.test(name);

const aFunction = <Fn>(what: string): z.ZodType<Fn> =>
  z.custom<Fn>((value) => typeof value === 'function', { error: `has to be a function ${what}` });

const positionsSchema = z.enum(['absolute', 'relative', 'rotary']);

const headShape = {
  name: z.string().regex(VARIANT_NAME, {
    error: 'has to begin with a letter, and to go on with letters, digits, dots, underscores and dashes',
  }),
  description: z.string().optional(),
  defaultDff: aFunction<(dModel: number) => number>('from dModel to the width').optional(),
};

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
    experts: z
      .strictObject({
        count: z.number().int().min(2),
        everyNthLayer: z.number().int().positive(),
        capacityFactor: z.number().positive(),
        minCapacity: z.number().int().positive(),
        balanceWeight: z.number().nonnegative(),
      })
      .nullable(),
    qkvConvolution: z.enum(['none', 'afterProjection', 'beforeProjection']),
    sharedQueryKey: z.boolean(),
    attentionWeights: z.enum(['queryKey', 'random', 'dense', 'randomPlus']),
    postSoftmaxGating: z.boolean(),
  } satisfies Record<keyof DecoderOptions, z.ZodType>)
  .partial();

const decoderVariantSchema = z.strictObject({
  ...headShape,
  base: z.string().refine((name) => Object.hasOwn(PRESETS, name), {
    error: ({ input }) =>
      `there is no preset "${String(input)}"; there are ${Object.keys(PRESETS).join(', ')}`,
  }),
  options: optionsSchema,
  positions: positionsSchema.optional(),
});

const forwardVariantSchema = z.strictObject({
  ...headShape,
  positions: positionsSchema,
  params: aFunction<ForwardVariant['params']>('from the shape to the parameters'),
  logits: aFunction<ForwardVariant['logits']>('(params, tokens, { batchSize, shape }) => logits'),
});

const paramsSchema = z
  .array(
    z.strictObject({
      name: z.string().min(1),
      shape: z.array(z.number().int().positive()),
      init: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('normal'), std: z.number().nonnegative() }),
        z.strictObject({ kind: z.literal('constant'), value: z.number() }),
        z.strictObject({ kind: z.literal('rows'), values: z.array(z.number()).min(1) }),
      ]),
      group: z.enum([
        'embedding',
        'output',
        'attention',
        'convolution',
        'feedForward',
        'experts',
        'router',
        'norm',
        'positions',
      ]),
      decay: z.boolean(),
      experts: z.number().int().positive().optional(),
    }),
  )
  .min(1);

const problemsOf = (error: z.ZodError): string =>
  error.issues
    .map(({ path, message }) => `  ${path.length > 0 ? `${path.map(String).join('.')}: ` : ''}${message}`)
    .join('\n');

/**
 * Checks what a file exports.
 * @param file named in errors
 * @throws ModelError saying what is wrong with it
 */
export function parseVariant(value: unknown, file: string): VariantDefinition {
  const isForward = typeof value === 'object' && value !== null && ('logits' in value || 'params' in value);
  const schema: z.ZodType = isForward ? forwardVariantSchema : decoderVariantSchema;
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new ModelError(`${file} does not define a variant as it should:\n${problemsOf(parsed.error)}`);
  }
  return value as VariantDefinition;
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

/**
 * The model of a variant.
 * @param file where it comes from, named in errors
 * @throws ModelError where it can't have this shape or these positions, or its parameters are not what they should be
 */
export function buildVariant(
  variant: VariantDefinition,
  file: string,
  shape: ModelShape,
  positions: Positions,
): LanguageModel {
  if (!isForwardVariant(variant)) return decoder(shape, presetOfVariant(variant).options, positions);
  if (positions !== variant.positions) {
    throw new ModelError(
      `${variant.name} (${file}) has ${variant.positions} positions written into its forward pass and can't have ${positions} ones`,
    );
  }
  const parsed = paramsSchema.safeParse(variant.params(shape));
  if (!parsed.success) {
    throw new ModelError(
      `params() of ${file} does not give parameters as it should:\n${problemsOf(parsed.error)}`,
    );
  }
  const params = parsed.data as ParamSpec[];
  const names = params.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new ModelError(`params() of ${file} gives the parameter "${twice}" twice`);
  const expected = (batchSize: number): number[] => [shape.contextLength * batchSize, shape.vocabSize];
  return {
    params,
    logits(values, tokens, batchSize) {
      const logits = variant.logits(named(values, names, file), tokens, { batchSize, shape }) as
        Partial<Tensor> | undefined;
      if (logits?.shape?.join() !== expected(batchSize).join()) {
        throw new ModelError(
          `logits() of ${file} has to return a tensor of shape [${expected(batchSize).join()}] ` +
            `([contextLength * batchSize, vocabSize]), not ${logits?.shape ? `[${logits.shape.join()}]` : typeof logits}`,
        );
      }
      return logits as Tensor;
    },
  };
}

/** Parameters that say so when one is asked for that does not exist, instead of failing inside TensorFlow.js. */
function named(values: Params, names: readonly string[], file: string): Params {
  return new Proxy(values, {
    get(target, key, receiver): unknown {
      if (typeof key === 'string' && !Object.hasOwn(target, key)) {
        throw new ModelError(
          `logits() of ${file} asks for a parameter "${key}", which params() does not give; it gives ${names.join(', ')}`,
        );
      }
      return Reflect.get(target, key, receiver);
    },
  });
}
