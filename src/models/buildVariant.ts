/** The model of a variant: what its functions give is checked at every build, since it depends on the size. */
import { z } from 'zod';
import { shortPath } from '../ops/callSite.js';
import { isTraining } from '../ops/random.js';
import { tf, type Tensor } from '../ops/tf.js';
import { decoder } from './decoder.js';
import type { Activation, DecoderOptions } from './decoderOptions.js';
import { ModelError, problemsOf } from './error.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import type { ParamSpec } from './params.js';
import { inUserCode } from './userCode.js';
import { isForwardVariant, presetOfVariant, type ForwardVariant, type VariantDefinition } from './variant.js';

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
  if (!isForwardVariant(variant)) return decoder(shape, optionsOf(variant, file), positions);
  if (positions !== variant.positions) {
    throw new ModelError(
      `${variant.name} (${file}) has ${variant.positions} positions written into its forward pass and can't have ${positions} ones`,
    );
  }
  const params = paramsOf(variant, file, shape);
  const names = params.map(({ name }) => name);
  const run = (values: Params, tokens: Tensor, batchSize: number) => {
    const context = { batchSize, shape, training: isTraining() };
    const returned: unknown = inUserCode(file, 'logits()', () =>
      variant.logits(named(values, names, file), tokens, context),
    );
    return checkedOutputs(returned, [shape.contextLength * batchSize, shape.vocabSize], shortPath(file));
  };
  return {
    params,
    logits: (values, tokens, batchSize) => run(values, tokens, batchSize).logits,
    logitsAndAuxiliaryLoss: run,
  };
}

function paramsOf(variant: ForwardVariant, file: string, shape: ModelShape): ParamSpec[] {
  const given: unknown = inUserCode(file, 'params()', () => variant.params(shape));
  const parsed = paramsSchema.safeParse(given);
  if (!parsed.success) {
    throw new ModelError(
      `params() of ${shortPath(file)} does not give parameters as it should:\n${problemsOf(parsed.error, (path) => paramNamed(given, path))}`,
    );
  }
  const params = parsed.data as ParamSpec[];
  const names = params.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ModelError(`params() of ${shortPath(file)} gives the parameter "${twice}" twice`);
  return params;
}

/** `3.shape.0` as people look for it: `"layer0.mix": shape.0`. */
function paramNamed(given: unknown, [index, ...rest]: readonly PropertyKey[]): string {
  const param: unknown = Array.isArray(given) ? given[Number(index)] : undefined;
  const name = typeof param === 'object' && param !== null && 'name' in param ? param.name : undefined;
  const where = [index, ...rest].map(String).join('.');
  return typeof name === 'string' && rest.length > 0 ? `"${name}": ${rest.map(String).join('.')}` : where;
}

/** The options of a variant; an activation of its own is checked where it is called, since a wrong one would only fail later. */
function optionsOf(variant: Exclude<VariantDefinition, ForwardVariant>, file: string): DecoderOptions {
  const { options } = presetOfVariant(variant);
  const { activation } = options;
  return typeof activation === 'function'
    ? { ...options, activation: checkedActivation(activation, file) }
    : options;
}

function checkedActivation(activation: Activation, file: string): Activation {
  return (x) => {
    const y: unknown = inUserCode(file, 'the activation', () => activation(x));
    if (!isTensor(y) || y.shape.join() !== x.shape.join() || y.dtype !== x.dtype) {
      throw new ModelError(
        `the activation of ${shortPath(file)} has to return a float32 tensor of the shape that it is given ` +
          `([${x.shape.join()}] here); it returned ${describeReturned(y)}`,
      );
    }
    return y;
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
          `logits() of ${shortPath(file)} asks for a parameter "${key}", which params() does not give; it gives ${names.join(', ')}`,
        );
      }
      return Reflect.get(target, key, receiver);
    },
  });
}
