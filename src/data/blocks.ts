/** Cutting a long document into contiguous blocks, for corpora of too few documents. */
import { type SourceDocument, sha256 } from './documents.js';

/** Where a block may end, best first: after a blank line, after a line, after a white-space character. */
const BOUNDARIES = [/\n[ \t\r]*\n/g, /\n/g, /[ \t]/g];

/**
 * Cuts a document into contiguous blocks; joined they are the document, byte for byte. A block ends at the first
 * blank line after `blockBytes` bytes; where the next `blockBytes` bytes have none, at a line end, at white space,
 * or, failing all, between two characters. A document of fewer than 2 `blockBytes` stays whole.
 */
export function cutIntoBlocks(document: SourceDocument, blockBytes: number): SourceDocument[] {
  const { bytes } = document;
  const cuts = [0];
  for (let start = 0; bytes.length - start >= 2 * blockBytes; start = cuts.at(-1)!) {
    cuts.push(nextCut(bytes, start + blockBytes, start + 2 * blockBytes));
  }
  if (cuts.at(-1)! < bytes.length) cuts.push(bytes.length);
  const count = cuts.length - 1;
  if (count === 1) return [document];
  return Array.from({ length: count }, (_, i) => {
    const block = bytes.subarray(cuts[i], cuts[i + 1]);
    return {
      ...document,
      name: `${document.name} (${i + 1} of ${count})`,
      bytes: block,
      sha256: sha256(block),
    };
  });
}

function nextCut(bytes: Buffer, from: number, to: number): number {
  // In Latin-1 an index into the string is an offset into the bytes; the boundaries are ASCII.
  const text = bytes.toString('latin1', from, to);
  for (const boundary of BOUNDARIES) {
    boundary.lastIndex = 0;
    if (boundary.test(text)) return from + boundary.lastIndex;
  }
  let cut = from;
  while (cut < bytes.length && (bytes[cut]! & 0xc0) === 0x80) cut++;
  return cut;
}
