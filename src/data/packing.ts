/**
 * Packing: how sequences lie in a token stream and in the arrays of a batch. A batch is time-major: position t of
 * sequence b is at `t * batchSize + b`, so that a shift in time is a shift of whole rows.
 */
import { CorpusError } from './errors.js';
import type { TokenSplit } from './tokenSplit.js';

/** Where a batch is written: `contextLength * batchSize` ids each, time-major. */
export interface BatchArrays {
  readonly inputs: Int32Array;
  /** The token after each input. */
  readonly targets: Int32Array;
}

/** Whole sequences in a stream: each needs `contextLength` inputs and one more token to predict. */
export function sequenceCount(tokens: number, contextLength: number): number {
  requirePositive('contextLength', contextLength);
  return Math.max(0, Math.floor((tokens - 1) / contextLength));
}

/** Writes the sequence that starts at `start` of the stream into one column of a batch. */
export function fillSequence(
  { tokens }: TokenSplit,
  start: number,
  column: number,
  batchSize: number,
  contextLength: number,
  { inputs, targets }: BatchArrays,
): void {
  const sequence = tokens.slice(start, start + contextLength + 1);
  for (let t = 0; t < contextLength; t++) {
    inputs[t * batchSize + column] = sequence[t]!;
    targets[t * batchSize + column] = sequence[t + 1]!;
  }
}

export function requirePositive(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new CorpusError(`${name} is ${value}; it must be a whole number from 1.`);
}

export function requireBatchShape(
  { inputs, targets }: BatchArrays,
  batchSize: number,
  contextLength: number,
): void {
  requirePositive('batchSize', batchSize);
  requireLength('inputs', inputs, batchSize * contextLength);
  requireLength('targets', targets, batchSize * contextLength);
}

export function requireLength(name: string, array: ArrayLike<number>, length: number): void {
  if (array.length !== length)
    throw new CorpusError(`${name} has ${array.length} elements, and ${length} are needed.`);
}
