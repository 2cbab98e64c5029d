/** Values of command-line flags, checked: a wrong one is wrong usage and names the flag. */
import { architectureNames, defaultPositions } from '../models/registry.js';
import { UsageError } from '../store/errors.js';

/** @throws UsageError unless the text is a whole number of at least `least` */
export function wholeNumber(flag: string, text: string, least = 1): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`${flag} takes a whole number of at least ${least}, not "${text}"`);
  return value;
}

const POSITIONS = ['absolute', 'relative', 'rotary'] as const;

/** `preset` or `preset@positions`. */
export function knownArchitecture(text: string): { preset: string; positions: (typeof POSITIONS)[number] } {
  const [preset = '', chosen] = text.split('@');
  if (!architectureNames().includes(preset)) {
    throw new UsageError(`unknown architecture "${preset}"; known are ${architectureNames().join(', ')}`);
  }
  const positions =
    chosen === undefined ? defaultPositions(preset) : POSITIONS.find((name) => name === chosen);
  if (positions === undefined)
    throw new UsageError(
      `unknown positions "${chosen ?? ''}" in "${text}"; known are ${POSITIONS.join(', ')}`,
    );
  return { preset, positions };
}
