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
  const preset = PRESETS[name];
  if (preset === undefined) throw new Error(`unknown architecture "${name}"; known are ${architectureNames().join(', ')}`);
  return preset;
}

export const defaultPositions = (preset: string): Positions => presetNamed(preset).positions;

/** 4 dModel; gated presets have two input matrices, so theirs is 2/3 of that, rounded to a multiple of 4 (1364 for 512). */
export function defaultDff(preset: string, dModel: number): number {
  const dFf = 4 * dModel;
  return presetNamed(preset).options.gated ? 4 * Math.round((dFf * 2) / 3 / 4) : dFf;
}

export interface ModelChoice extends ModelShape {
  readonly preset: string;
  readonly positions: Positions;
}

/** The model of a preset at a size. */
export function buildModel(choice: ModelChoice): LanguageModel {
  if (choice.positions === 'rotary' && choice.dHead % 2 !== 0) {
    throw new Error(`rotary positions rotate pairs of channels, so dHead must be even, not ${choice.dHead}`);
  }
  return decoder(choice, presetNamed(choice.preset).options, choice.positions);
}
