/**
 * Architectures by name: the presets, and the variants of the user's own that this process has loaded. What builds their
 * models is apart (`buildModel.ts`), so that a command which needs names alone starts without TensorFlow.js.
 */
import type { DecoderOptions } from './decoderOptions.js';
import { ModelError } from './error.js';
import type { ObjectiveKind, Positions } from './model.js';
import { ENCODER_DECODER_PRESETS, PRESETS, type EncoderDecoderPreset, type Preset } from './presets.js';
import { isForwardVariant, presetOfVariant, type VariantDefinition } from './variant.js';

export interface RegisteredVariant {
  readonly definition: VariantDefinition;
  readonly file: string;
}

const variants = new Map<string, RegisteredVariant>();

/** Names that a sweep may use, in the order in which they are listed to people. */
export const architectureNames = (): string[] => [
  ...Object.keys(PRESETS),
  ...Object.keys(ENCODER_DECODER_PRESETS),
  ...variants.keys(),
];

// `constructor` and the like are no architectures, though every object has them.
export const encoderDecoderPreset = (name: string): EncoderDecoderPreset | undefined =>
  Object.hasOwn(ENCODER_DECODER_PRESETS, name) ? ENCODER_DECODER_PRESETS[name] : undefined;

/** Whether a name is one that comes with isoloss. */
export const isPreset = (name: string): boolean =>
  Object.hasOwn(PRESETS, name) || encoderDecoderPreset(name) !== undefined;

/** What an architecture is trained to do; losses of different objectives can't be compared. */
export const objectiveOf = (name: string): ObjectiveKind =>
  encoderDecoderPreset(name) === undefined ? 'nextToken' : 'spanCorruption';

/** A variant that was loaded, if there is one of this name. */
export const variantNamed = (name: string): RegisteredVariant | undefined => variants.get(name);

/**
 * Makes a variant known by its name.
 * @param file where it was loaded from
 * @throws ModelError where the name is a preset's, or a variant's from another file
 */
export function registerVariant(definition: VariantDefinition, file: string): void {
  const { name } = definition;
  if (isPreset(name)) {
    throw new ModelError(`${file}: "${name}" is the name of a preset; give the variant a name of its own`);
  }
  const known = variants.get(name);
  if (known !== undefined && known.file !== file) {
    throw new ModelError(
      `${file}: there is a variant "${name}" in ${known.file} already; rename one of them`,
    );
  }
  variants.set(name, { definition, file });
}

/**
 * @throws Error naming the known architectures if there is none of this name
 */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : encoderDecoderPreset(name);
  if (preset === undefined)
    throw new Error(`unknown architecture "${name}"; known are ${architectureNames().join(', ')}`);
  return preset;
}

export function defaultPositions(name: string): Positions {
  const definition = variants.get(name)?.definition;
  if (definition === undefined) return presetNamed(name).positions;
  return isForwardVariant(definition) ? definition.positions : presetOfVariant(definition).positions;
}

/** The positions that a forward pass has written into it; null where an architecture can have any. */
export function fixedPositions(name: string): Positions | null {
  const definition = variants.get(name)?.definition;
  return definition !== undefined && isForwardVariant(definition) ? definition.positions : null;
}

/** The preset's ratio (4, or 12 with the bottleneck) times dModel, cut where the layer is gated. */
export function defaultDff(preset: string, dModel: number): number {
  const definition = variants.get(preset)?.definition;
  const own = definition?.defaultDff?.(dModel);
  if (own !== undefined) {
    if (Number.isInteger(own) && own > 0) return own;
    throw new ModelError(
      `defaultDff of "${preset}" gives ${own} for dModel ${dModel}; it has to be a whole number`,
    );
  }
  return feedForwardWidth(preset, (optionsOf(preset)?.feedForwardRatio ?? 4) * dModel);
}

/** Options of the decoder core; null for a forward pass of its own. */
function optionsOf(name: string): DecoderOptions | null {
  const definition = variants.get(name)?.definition;
  if (definition === undefined) return presetNamed(name).options;
  return isForwardVariant(definition) ? null : presetOfVariant(definition).options;
}

/** Fewest layers that an architecture can have, where that is known before it is built. */
export const leastLayers = (name: string): number => optionsOf(name)?.experts?.everyNthLayer ?? 1;

/** dFf; gated presets have two input matrices, so theirs is 2/3 of that, rounded to a multiple of 4 (1364 for 2048). */
export function feedForwardWidth(preset: string, dFf: number): number {
  return optionsOf(preset)?.gated === true ? 4 * Math.round((dFf * 2) / 3 / 4) : dFf;
}
