/** A split whose token ids are their own places in the stream. */
import type { TokenSplit } from '../../src/data/tokenSplit.js';

export function countingSplit(tokens: number, documentStarts: readonly number[] = [0]): TokenSplit {
  return {
    tokens: Int32Array.from({ length: tokens }, (_, i) => i),
    documentCount: documentStarts.length,
    documentStarts: Float64Array.from(documentStarts),
    utf8Bytes: tokens,
    sha256: '0'.repeat(64),
  };
}
