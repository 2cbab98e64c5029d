/** The model of a variant: what its functions give is checked at every build, since it depends on the size. */
import { z } from 'zod';
import { isTraining } from '../ops/random.js';
import { tf, type Tensor } from '../ops/tf.js';
import { decoder } from './decoder.js';
import { ModelError, problemsOf } from './error.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import type { ParamSpec } from './params.js';
import { isForwardVariant, presetOfVariant, type VariantDefinition } from './variant.js';

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
  const run = (values: Params, tokens: Tensor, batchSize: number) => {
    const returned: unknown = variant.logits(named(values, names, file), tokens, {
      batchSize,
      shape,
      training: isTraining(),
    });
    return checkedOutputs(returned, [shape.contextLength * batchSize, shape.vocabSize], file);
  };
  return {
    params,
    logits: (values, tokens, batchSize) => run(values, tokens, batchSize).logits,
    logitsAndAuxiliaryLoss: run,
  };
}

const describeReturned = (value: unknown): string => {
  if (isTensor(value)) return `a tensor of shape [${value.shape.join()}] and dtype ${value.dtype}`;
  if (value === undefined) return 'nothing (is a `return` missing?)';
  if (value instanceof Promise) return 'a promise: it can not be an async function, nor wait for anything';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) {
    return `an object with ${Object.keys(value).join(', ') || 'nothing in it'}`;
  }
  return typeof value;
};

const isTensor = (value: unknown): value is Tensor => value instanceof tf.Tensor;

/** What logits() of a variant returned, in one form. */
function checkedOutputs(
  returned: unknown,
  expected: readonly number[],
  file: string,
): { logits: Tensor; auxiliaryLoss: Tensor | null } {
  const both =
    typeof returned === 'object' && returned !== null && 'logits' in returned && 'auxiliaryLoss' in returned;
  const { logits, auxiliaryLoss } = both ? returned : { logits: returned, auxiliaryLoss: null };
  if (!isTensor(logits) || logits.shape.join() !== expected.join() || logits.dtype !== 'float32') {
    throw new ModelError(
      `logits() of ${file} has to return a float32 tensor of shape [${expected.join()}] ` +
        `([contextLength * batchSize, vocabSize]), or { logits, auxiliaryLoss }; it returned ${describeReturned(logits)}`,
    );
  }
  if (auxiliaryLoss === null) return { logits, auxiliaryLoss };
  if (!isTensor(auxiliaryLoss) || auxiliaryLoss.size !== 1 || auxiliaryLoss.dtype !== 'float32') {
    throw new ModelError(
      `logits() of ${file} has to return { logits, auxiliaryLoss } with a scalar (one float32 number, its weight in it) as ` +
        `auxiliaryLoss; it is ${describeReturned(auxiliaryLoss)}. Take the mean or sum, or return the logits alone`,
    );
  }
  return { logits, auxiliaryLoss: tf.reshape(auxiliaryLoss, []) };
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
