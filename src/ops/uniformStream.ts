/** Numbers on the host that depend on a text alone: initial values of parameters, and the words that `random` starts from. */
import { createHash } from 'node:crypto';

/** Uniform numbers in [0, 1): sfc32 (Doty-Humphrey), seeded by the SHA-256 digest of a text. */
export function uniformStream(text: string): () => number {
  const digest = createHash('sha256').update(text).digest();
  let a = digest.readInt32LE(0);
  let b = digest.readInt32LE(4);
  let c = digest.readInt32LE(8);
  let counter = digest.readInt32LE(12);
  return () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };
}
