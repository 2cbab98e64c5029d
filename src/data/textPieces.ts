/** Cutting the texts of a split into pieces of work, and having them done in order. */
import type { TextRanges } from './textTasks.js';
import type { TextTable } from './textTable.js';

/** Text of one piece: small enough for many threads, large enough to be worth a message. */
const PIECE_BYTES = 2 ** 22;

export interface TextPiece {
  readonly ranges: TextRanges;
  readonly texts: number;
  readonly bytes: number;
}

/** Cuts a list of texts into pieces. */
export function* piecesOf(rows: Uint32Array, texts: TextTable): Generator<TextPiece> {
  let first = 0;
  let bytes = 0;
  const piece = (end: number): TextPiece => {
    const ranges = new Float64Array(2 * (end - first));
    for (let i = first; i < end; i++) {
      ranges[2 * (i - first)] = texts.startOf(rows[i]!);
      ranges[2 * (i - first) + 1] = texts.bytesOf(rows[i]!);
    }
    return { ranges, texts: end - first, bytes };
  };
  for (let i = 0; i < rows.length; i++) {
    bytes += texts.bytesOf(rows[i]!);
    if (bytes < PIECE_BYTES && i + 1 < rows.length) continue;
    yield piece(i + 1);
    first = i + 1;
    bytes = 0;
  }
}

/** Works on up to `width` items at a time, and hands over the results in the order of the items. */
export async function inOrder<Item, Result>(
  items: Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
  take: (result: Result, item: Item) => void,
): Promise<void> {
  const underWay: { readonly item: Item; readonly result: Promise<Result> }[] = [];
  const takeFirst = async (): Promise<void> => {
    const { item, result } = underWay.shift()!;
    take(await result, item);
  };
  for (const item of items) {
    const result = work(item);
    // Whoever takes it is told; until then nobody waits for it.
    result.catch(() => undefined);
    underWay.push({ item, result });
    if (underWay.length >= width) await takeFirst();
  }
  while (underWay.length > 0) await takeFirst();
}
