/** Values of command-line flags, checked: a wrong one is wrong usage and names the flag. */
import { architectureNames, defaultPositions } from '../models/registry.js';
import { didYouMean } from '../ops/nearest.js';
import { UsageError } from '../store/errors.js';
import { LEAST_VOCABULARY, LIMITS } from '../sweeps/limits.js';

/** @throws UsageError unless the text is a whole number of at least `least` and at most `most` */
export function wholeNumber(
  flag: string,
  text: string,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`${flag} takes a whole number of at least ${least}, not "${text}"`);
  if (value > most) throw new UsageError(`${flag} takes a whole number of at most ${most}, not "${text}"`);
  return value;
}

/** The flags of a model's sizes. */
const SIZE_FLAGS = {
  '--d': { least: 1, most: LIMITS.dModel },
  '--layers': { least: 1, most: LIMITS.nLayers },
  '--heads': { least: 1, most: LIMITS.nHeads },
  '--d-head': { least: 1, most: LIMITS.dModel },
  '--d-ff': { least: 1, most: LIMITS.dFf },
  '--vocab': { least: LEAST_VOCABULARY, most: LIMITS.vocabSize },
  '--length': { least: 1, most: LIMITS.contextLength },
  '--batch': { least: 1, most: LIMITS.batchSize },
} as const;

export type SizeFlag = keyof typeof SIZE_FLAGS;

/** @throws UsageError unless the text is a size that the flag can have */
export function sizeFlag(flag: SizeFlag, text: string): number {
  const { least, most } = SIZE_FLAGS[flag];
  return wholeNumber(flag, text, least, most);
}

/** @throws UsageError unless the text is a number of threads */
export const threadsFlag = (text: string): number => wholeNumber('--threads', text, 1, LIMITS.threads);

const POSITIONS = ['absolute', 'relative', 'rotary'] as const;

/** `preset` or `preset@positions`. */
export function knownArchitecture(text: string): { preset: string; positions: (typeof POSITIONS)[number] } {
  const [preset = '', chosen] = text.split('@');
  if (!architectureNames().includes(preset)) {
    const known = architectureNames();
    throw new UsageError(
      `unknown architecture "${preset}".${didYouMean(preset, known)} Known are ${known.join(', ')}`,
    );
  }
  const positions =
    chosen === undefined ? defaultPositions(preset) : POSITIONS.find((name) => name === chosen);
  if (positions === undefined)
    throw new UsageError(
      `unknown positions "${chosen ?? ''}" in "${text}"; known are ${POSITIONS.join(', ')}`,
    );
  return { preset, positions };
}
