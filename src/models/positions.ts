/** What models with relative or rotary positions have in common. */
import { RELATIVE_BUCKETS } from '../ops/positions.js';
import { ModelError } from './error.js';
import type { ParamSpec } from './params.js';
import { table } from './paramSpecs.js';

/** T5's bias, one table shared by all layers. */
export const relativeTable = (name: string, nHeads: number): ParamSpec =>
  table(name, [RELATIVE_BUCKETS, nHeads], { kind: 'constant', value: 0 }, 'positions');

/** @throws ModelError where heads of this width can't have rotary positions */
export function requireEvenHeads(dHead: number): void {
  if (dHead % 2 === 0) return;
  throw new ModelError(`rotary positions rotate pairs of channels, so dHead must be even, not ${dHead}`);
}
