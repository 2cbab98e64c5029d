/** Seeded permutations, the same on every machine: the order of documents and of training sequences. */
import { createHash } from 'node:crypto';

/** Blackman and Vigna's xoshiro128** (2018): a function that returns the next 32 bits, as an unsigned integer. */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

/**
 * A uniformly random permutation of 0 to `count` - 1 (Fisher-Yates), decided by `label` alone: the generator starts
 * from the first 16 bytes of the label's SHA-256, little-endian.
 */
export function permutation(count: number, label: string): Uint32Array {
  const hash = createHash('sha256').update(label).digest();
  const next = xoshiro128([
    hash.readUInt32LE(0),
    hash.readUInt32LE(4),
    hash.readUInt32LE(8),
    hash.readUInt32LE(12),
  ]);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = below(i + 1, next);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/** An unbiased draw from 0 to `bound` - 1: draws from the incomplete last stretch of 2^32 are thrown away. */
function below(bound: number, next: () => number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let draw = next();
  while (draw >= limit) draw = next();
  return draw % bound;
}
