/** Cutting a long document into contiguous blocks, for corpora of too few documents. */

/** Where a block may end, best first: after a blank line, after a line, after a white-space character. */
const BOUNDARIES = [/\n[ \t\r]*\n/g, /\n/g, /[ \t]/g];

/** Bytes that a character can have beyond its first. */
const CONTINUATION_BYTES = 3;

/**
 * Places at which a document is cut into contiguous blocks: the ends of all blocks, the document's own last. A block
 * ends at the first blank line after `blockBytes` bytes; where the next `blockBytes` bytes have none, at a line end, at
 * white space, or, failing all, between two characters. A document of fewer than 2 `blockBytes` stays whole.
 *
 * @param length bytes of the document
 * @param read gives bytes of the document, from and to (exclusive) the given places
 */
export function blockEnds(
  length: number,
  blockBytes: number,
  read: (from: number, to: number) => Buffer,
): number[] {
  const ends: number[] = [];
  let start = 0;
  while (length - start >= 2 * blockBytes) {
    const from = start + blockBytes;
    const bytes = read(from, Math.min(length, from + blockBytes + CONTINUATION_BYTES));
    start = from + cutIn(bytes, blockBytes);
    ends.push(start);
  }
  if (start < length) ends.push(length);
  return ends;
}

function cutIn(bytes: Buffer, blockBytes: number): number {
  // In Latin-1 an index into the string is an offset into the bytes; the boundaries are ASCII.
  const text = bytes.toString('latin1', 0, blockBytes);
  for (const boundary of BOUNDARIES) {
    boundary.lastIndex = 0;
    if (boundary.test(text)) return boundary.lastIndex;
  }
  let cut = 0;
  while (cut < bytes.length && (bytes[cut]! & 0xc0) === 0x80) cut++;
  return cut;
}
