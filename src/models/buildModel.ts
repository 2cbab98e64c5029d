/** From the name of an architecture and a size to its model. */
import { buildVariant } from './buildVariant.js';
import { decoder } from './decoder.js';
import { encoderDecoder } from './encoderDecoder.js';
import type { LanguageModel, ModelShape, Positions } from './model.js';
import { encoderDecoderPreset, presetNamed, variantNamed } from './registry.js';

export interface ModelChoice extends ModelShape {
  readonly preset: string;
  readonly positions: Positions;
}

/**
 * The model of a preset at a size.
 * @throws ModelError where the architecture cannot have this shape or these positions
 */
export function buildModel(choice: ModelChoice): LanguageModel {
  const variant = variantNamed(choice.preset);
  if (variant !== undefined) {
    return buildVariant(variant.definition, variant.file, choice, choice.positions);
  }
  const encoded = encoderDecoderPreset(choice.preset);
  if (encoded !== undefined) return encoderDecoder(choice, encoded.options, choice.positions);
  return decoder(choice, presetNamed(choice.preset).options, choice.positions);
}
