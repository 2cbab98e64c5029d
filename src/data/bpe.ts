/** Training of byte-pair encoding: the merges of a vocabulary, from counted words. */
import { BYTE_COUNT, byteOfId, idOfByte } from './byteAlphabet.js';
import { CorpusError } from './errors.js';
import { Heap } from './heap.js';

/** Id of the token that stands between documents; it decodes to nothing and is never made from text. */
export const SEPARATOR_ID = BYTE_COUNT;

/** Bytes and separator: the smallest vocabulary. */
export const MIN_VOCAB_SIZE = BYTE_COUNT + 1;

/** Keeps the number that names a pair of tokens below 2^53. */
export const MAX_VOCAB_SIZE = 2 ** 20;

/** A pair seen fewer times than this is no pattern and is not merged. */
const MIN_PAIR_COUNT = 2;

/** `left` and `right` side by side become `id`. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly id: number;
}

/**
 * A byte-pair vocabulary. Ids 0 to 255 are the bytes (in the order of `byteAlphabet.ts`), 256 is the separator,
 * the rest in the order learned, so a smaller vocabulary of the same text is a prefix of a larger one.
 */
export interface BpeModel {
  /** The bytes of each token by id; empty for the separator. */
  readonly tokenBytes: readonly Uint8Array[];
  /** In the order learned, which is the order in which the encoder prefers them. */
  readonly merges: readonly Merge[];
}

/** The tokens that every vocabulary starts with. */
export function baseTokens(): Uint8Array[] {
  return [...Array.from(byteOfId, (byte) => Uint8Array.of(byte)), new Uint8Array(0)];
}

/**
 * Learns byte-pair merges (Sennrich et al. 2016, on bytes) until the vocabulary has `vocabSize` tokens.
 *
 * Each step merges the pair of neighbouring tokens that occurs most often inside words, counted over the corpus;
 * between equal counts the pair with the smaller left id, then the smaller right id, wins. Where a merge spells a
 * token that exists already, that token is its result and the vocabulary does not grow. The result depends on the
 * counts alone, not on the order of the words.
 *
 * @param wordCounts occurrences of each word (`countWords`)
 * @param vocabSize tokens in all, {@link MIN_VOCAB_SIZE} to {@link MAX_VOCAB_SIZE}
 * @throws CorpusError where the text has too few repeated pairs for that many tokens
 */
export function trainBpe(wordCounts: ReadonlyMap<string, number>, vocabSize: number): BpeModel {
  requireVocabSize(vocabSize);
  const tokenBytes = baseTokens();
  const idOfSpelling = new Map<string, number>();
  const merges: Merge[] = [];
  const words = layOut(wordCounts);
  const pairs = new PairTable(vocabSize);
  const lastVisit = new Int32Array(words.count.length).fill(-1);

  for (let word = 0; word < words.count.length; word++) {
    const start = words.start[word]!;
    for (let i = start; i + 1 < start + words.length[word]!; i++) {
      pairs.add(words.symbols[i]!, words.symbols[i + 1]!, words.count[word]!, word);
    }
  }
  pairs.queueChanged();

  for (let step = 0; tokenBytes.length < vocabSize; step++) {
    const pair = pairs.takeMostFrequent();
    if (pair === undefined) {
      throw new CorpusError(
        `The training text has repeated byte pairs for a vocabulary of ${tokenBytes.length} tokens only, and ` +
          `${vocabSize} were asked for. Ask for at most ${tokenBytes.length}, or give more text.`,
      );
    }
    const { left, right } = pair;
    const bytes = Buffer.concat([tokenBytes[left]!, tokenBytes[right]!]);
    const spelling = bytes.toString('latin1');
    let id = idOfSpelling.get(spelling);
    if (id === undefined) {
      id = tokenBytes.length;
      tokenBytes.push(bytes);
      idOfSpelling.set(spelling, id);
    }
    const merge = { left, right, id };
    for (const word of pair.words) {
      if (lastVisit[word] === step) continue;
      lastVisit[word] = step;
      mergeInWord(words, word, merge, pairs);
    }
    if (!pair.merged) merges.push(merge);
    pairs.retire(pair);
    pairs.queueChanged();
  }
  return { tokenBytes, merges };
}

/** Throws unless `vocabSize` is a size that a vocabulary can have. */
export function requireVocabSize(vocabSize: number): void {
  if (Number.isInteger(vocabSize) && vocabSize >= MIN_VOCAB_SIZE && vocabSize <= MAX_VOCAB_SIZE) return;
  throw new CorpusError(
    `A vocabulary of ${vocabSize} tokens is not possible: the 256 bytes and the separator make ${MIN_VOCAB_SIZE} ` +
      `at least, and at most ${MAX_VOCAB_SIZE} are supported.`,
  );
}

/** The distinct words as token ids, one after the other; a word shrinks in place as its pairs merge. */
interface WordTable {
  readonly symbols: Int32Array;
  readonly start: Int32Array;
  readonly length: Int32Array;
  readonly count: Float64Array;
}

function layOut(wordCounts: ReadonlyMap<string, number>): WordTable {
  let symbolCount = 0;
  for (const word of wordCounts.keys()) symbolCount += Buffer.byteLength(word, 'utf8');
  const table: WordTable = {
    symbols: new Int32Array(symbolCount),
    start: new Int32Array(wordCounts.size),
    length: new Int32Array(wordCounts.size),
    count: new Float64Array(wordCounts.size),
  };
  let word = 0;
  let at = 0;
  for (const [text, count] of wordCounts) {
    const bytes = Buffer.from(text, 'utf8');
    table.start[word] = at;
    table.length[word] = bytes.length;
    table.count[word] = count;
    for (const byte of bytes) table.symbols[at++] = idOfByte[byte]!;
    word++;
  }
  return table;
}

/** Applies a merge to one word, left to right, and moves the counts of the pairs next to each place. */
function mergeInWord(words: WordTable, word: number, { left, right, id }: Merge, pairs: PairTable): void {
  const { symbols } = words;
  const start = words.start[word]!;
  const end = start + words.length[word]!;
  const count = words.count[word]!;
  let write = start;
  for (let read = start; read < end; read++) {
    if (symbols[read] !== left || read + 1 >= end || symbols[read + 1] !== right) {
      symbols[write++] = symbols[read]!;
      continue;
    }
    if (write > start) {
      const before = symbols[write - 1]!;
      pairs.subtract(before, left, count);
      pairs.add(before, id, count, word);
    }
    if (read + 2 < end) {
      const after = symbols[read + 2]!;
      pairs.subtract(right, after, count);
      pairs.add(id, after, count, word);
    }
    symbols[write++] = id;
    read++;
  }
  words.length[word] = write - start;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  /** Occurrences of the pair in the corpus as merged so far. */
  count: number;
  /** Words in which the pair has occurred; it may occur there no more, and a word may be listed twice. */
  words: number[];
  /** Whether the count has grown since the pair was last queued. */
  grown: boolean;
  /** Already a merge; the pair can come back where another merge spells one of its halves anew. */
  merged: boolean;
}

/**
 * Counts of all pairs, and a queue of them by count. Counts mostly fall, so an entry of the queue is checked when
 * it comes up (and queued again if the count has fallen) rather than kept up to date.
 */
class PairTable {
  private readonly pairs = new Map<number, Pair>();
  private readonly vocabSize: number;
  private grown: Pair[] = [];
  private readonly queue = new Heap<{ count: number; pair: Pair }>(
    (a, b) =>
      a.count > b.count ||
      (a.count === b.count &&
        (a.pair.left < b.pair.left || (a.pair.left === b.pair.left && a.pair.right < b.pair.right))),
  );

  constructor(vocabSize: number) {
    this.vocabSize = vocabSize;
  }

  add(left: number, right: number, count: number, word: number): void {
    const key = left * this.vocabSize + right;
    let pair = this.pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, words: [], grown: false, merged: false };
      this.pairs.set(key, pair);
    }
    pair.count += count;
    if (pair.words.at(-1) !== word) pair.words.push(word);
    if (!pair.grown) {
      pair.grown = true;
      this.grown.push(pair);
    }
  }

  subtract(left: number, right: number, count: number): void {
    this.pairs.get(left * this.vocabSize + right)!.count -= count;
  }

  /** Called after a merge: no place is left where the pair stands unmerged. */
  retire(pair: Pair): void {
    pair.count = 0;
    pair.words = [];
    pair.merged = true;
  }

  /** Queues the pairs whose counts may have grown since the last call. */
  queueChanged(): void {
    for (const pair of this.grown) {
      pair.grown = false;
      if (pair.count >= MIN_PAIR_COUNT) this.queue.push({ count: pair.count, pair });
    }
    this.grown = [];
  }

  takeMostFrequent(): Pair | undefined {
    for (let entry = this.queue.pop(); entry !== undefined; entry = this.queue.pop()) {
      const { count, pair } = entry;
      if (pair.count === count) return pair;
      if (pair.count < count && pair.count >= MIN_PAIR_COUNT) this.queue.push({ count: pair.count, pair });
    }
    return undefined;
  }
}
