/** Architectures by name. */
import { decoder } from './decoder.js';
import type { LanguageModel, ModelShape, Positions } from './model.js';
import { PRESETS, type Preset } from './presets.js';

/** Names that a sweep may use, in the order in which they are listed to people. */
export const architectureNames = (): string[] => Object.keys(PRESETS);

/**
 * @throws Error naming the known architectures if there is none of this name
 */
export function presetNamed(name: string): Preset {
  // `constructor` and the like are no architectures, though every object has them.
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined)
    throw new Error(`unknown architecture "${name}"; known are ${architectureNames().join(', ')}`);
  return preset;
}

export const defaultPositions = (preset: string): Positions => presetNamed(preset).positions;

/** The preset's ratio (4, or 12 with the bottleneck) times dModel, cut where the layer is gated. */
export function defaultDff(preset: string, dModel: number): number {
  return feedForwardWidth(preset, presetNamed(preset).options.feedForwardRatio * dModel);
}

/** dFf; gated presets have two input matrices, so theirs is 2/3 of that, rounded to a multiple of 4 (1364 for 2048). */
export function feedForwardWidth(preset: string, dFf: number): number {
  return presetNamed(preset).options.gated ? 4 * Math.round((dFf * 2) / 3 / 4) : dFf;
}

export interface ModelChoice extends ModelShape {
  readonly preset: string;
  readonly positions: Positions;
}

/**
 * The model of a preset at a size.
 * @throws ModelError where the architecture cannot have this shape or these positions
 */
export function buildModel(choice: ModelChoice): LanguageModel {
  return decoder(choice, presetNamed(choice.preset).options, choice.positions);
}
