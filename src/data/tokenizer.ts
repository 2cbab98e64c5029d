/** The byte-level BPE tokenizer: text to token ids and back, without loss. Saved and loaded by `tokenizerJson.ts`. */
import { idOfByte } from './byteAlphabet.js';
import { type BpeModel, requireVocabSize, SEPARATOR_ID, trainBpe } from './bpe.js';
import { CorpusError } from './errors.js';
import { Heap } from './heap.js';
import { countWords, detached, forEachWord, requireWellFormed } from './words.js';

/** How the separator is written in tokenizer.json. */
export const SEPARATOR_TEXT = '<|endoftext|>';

/** Words kept with their ids; the table is emptied when full, so that memory stays bounded on any text. */
const CACHED_WORDS = 1 << 19;

/** Longer words are seldom met twice and would fill the table with text. In UTF-16 units. */
const LONGEST_CACHED_WORD = 64;

/** A byte-level BPE tokenizer. */
export interface Tokenizer {
  readonly vocabSize: number;
  /** The token between documents. `encode` never makes it: a text that spells it is text like any other. */
  readonly separatorId: number;
  /** By token id: the number of UTF-8 bytes that the token decodes to, 0 for the separator. */
  readonly byteLengths: Int32Array;
  readonly model: BpeModel;
  /**
   * Token ids of a text, nothing added or normalised: `decode(encode(text)) === text`.
   * @throws CorpusError where the text has a lone surrogate, with its index
   */
  encode(text: string): Int32Array;
  /** The text of tokens. Bytes that are not UTF-8 (a character cut between tokens) become U+FFFD; separators vanish. */
  decode(ids: ArrayLike<number>): string;
  /** The bytes of tokens, exactly. @throws CorpusError on an id outside the vocabulary */
  decodeBytes(ids: ArrayLike<number>): Uint8Array;
}

/**
 * Trains a tokenizer on texts; words do not cross from one text to the next.
 *
 * @param vocabSize tokens in all, the 256 bytes and the separator included
 * @throws CorpusError where the size is impossible, or too large for the text
 */
export function trainTokenizer(texts: Iterable<string>, vocabSize: number): Tokenizer {
  requireVocabSize(vocabSize);
  const counts = new Map<string, number>();
  for (const text of texts) {
    requireWellFormed(text);
    countWords(text, counts);
  }
  return createTokenizer(trainBpe(counts, vocabSize));
}

/** The tokenizer of a byte-pair vocabulary. */
export function createTokenizer(model: BpeModel): Tokenizer {
  const { tokenBytes } = model;
  const encodeWord = wordEncoder(model);
  let cache = new Map<string, Int32Array>();

  function idsOf(word: string): Int32Array {
    const cached = cache.get(word);
    if (cached !== undefined) return cached;
    const ids = encodeWord(Buffer.from(word, 'utf8'));
    if (word.length <= LONGEST_CACHED_WORD) {
      if (cache.size >= CACHED_WORDS) cache = new Map();
      cache.set(detached(word), ids);
    }
    return ids;
  }

  function decodeBytes(ids: ArrayLike<number>): Buffer {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < ids.length; i++) {
      const bytes = tokenBytes[ids[i]!];
      if (bytes === undefined) {
        throw new CorpusError(
          `Token id ${ids[i]!} at index ${i} is not in the vocabulary of ${tokenBytes.length} tokens.`,
        );
      }
      parts.push(bytes);
    }
    return Buffer.concat(parts);
  }

  return {
    vocabSize: tokenBytes.length,
    separatorId: SEPARATOR_ID,
    byteLengths: Int32Array.from(tokenBytes, (bytes) => bytes.length),
    model,
    encode(text) {
      requireWellFormed(text);
      let ids = new Int32Array(16 + (text.length >> 1));
      let length = 0;
      forEachWord(text, (word) => {
        const wordIds = idsOf(word);
        if (length + wordIds.length > ids.length) {
          const grown = new Int32Array(2 * ids.length + wordIds.length);
          grown.set(ids.subarray(0, length));
          ids = grown;
        }
        // An element loop beats set() on the few ids of a word.
        for (const id of wordIds) ids[length++] = id;
      });
      return ids.slice(0, length);
    },
    decode: (ids) => decodeBytes(ids).toString('utf8'),
    decodeBytes,
  };
}

/**
 * Encodes the bytes of one word: of all neighbours that can merge, the pair learned earliest merges first, the
 * leftmost between equals, until none can. A queue over a linked list, so a word of n bytes takes O(n log n): some
 * texts have "words" of millions of characters.
 */
function wordEncoder({ tokenBytes, merges }: BpeModel): (bytes: Uint8Array) => Int32Array {
  const vocabSize = tokenBytes.length;
  const rankOfPair = new Map(merges.map(({ left, right }, rank) => [left * vocabSize + right, rank]));

  return (bytes) => {
    const symbols = Int32Array.from(bytes, (byte) => idOfByte[byte]!);
    const next = Int32Array.from(bytes, (_, i) => i + 1);
    const previous = Int32Array.from(bytes, (_, i) => i - 1);
    const queue = new Heap<{ rank: number; at: number }>(
      (a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at),
    );
    const end = bytes.length;
    const rankAt = (at: number): number | undefined =>
      symbols[at]! < 0 || next[at]! >= end
        ? undefined
        : rankOfPair.get(symbols[at]! * vocabSize + symbols[next[at]!]!);
    const queueAt = (at: number): void => {
      const rank = at < 0 ? undefined : rankAt(at);
      if (rank !== undefined) queue.push({ rank, at });
    };

    for (let at = 0; at < end; at++) queueAt(at);
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const { rank, at } = entry;
      // A merge next door has changed this place since it was queued.
      if (rankAt(at) !== rank) continue;
      const gone = next[at]!;
      symbols[at] = merges[rank]!.id;
      symbols[gone] = -1;
      next[at] = next[gone]!;
      if (next[at] < end) previous[next[at]] = at;
      queueAt(previous[at]!);
      queueAt(at);
    }
    return symbols.filter((symbol) => symbol >= 0);
  };
}
