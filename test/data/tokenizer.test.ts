import * as huggingFace from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorpusError } from '../../src/data/errors.js';
import { SEPARATOR_TEXT, trainTokenizer } from '../../src/data/tokenizer.js';
import { formatTokenizer, parseTokenizer } from '../../src/data/tokenizerJson.js';
import { sotuTexts } from './sotu.js';

/** What these tests use of the oracle; its own types do not resolve in an ES module. */
interface HuggingFaceTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
}
const { Tokenizer: HuggingFace } = huggingFace as unknown as {
  Tokenizer: new (tokenizer: unknown, config: object) => HuggingFaceTokenizer;
};

const addresses = sotuTexts();
const tokenizer = trainTokenizer(addresses.slice(0, 40), 2048);

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({
    unit: fc.constantFrom(' ', '\n', "'", 's', 'the', ' of', '1', '\ufeff', '\u0085', '😀', 'é'),
    maxLength: 100,
  }),
);

const varied = [
  ' ',
  '\n\n\n  \t x',
  "It's they'll I'D we've 'tis ''s",
  'Fellow-Citizens of the Senate and House of Representatives: in 1861, $86,835,900.27.',
  'Grüße, naïve café — “quoted” ’tis … ½ ٣٤ Ⅻ',
  '漢字かな交じり文。한국어 텍스트 ไทย हिन्दी עברית العربية',
  '😀👩‍👩‍👧‍👦🇦🇹 𝒜𝓫 e\u0301 \u00a0\u3000\u2028\u0085|\ufeffBOM',
  'a\u0000b\u0002c\u007f\u0080\uffff\u{10ffff}',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ================================',
  'function f(x) {\n    return x  ** 2;\r\n}\r\n',
];

describe('the tokenizer', () => {
  it('gives any text back', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(Buffer.from(tokenizer.decodeBytes(ids)).equals(Buffer.from(text, 'utf8'))).toBe(true);
        const bytes = ids.reduce((sum, id) => sum + tokenizer.byteLengths[id]!, 0);
        expect(bytes).toBe(Buffer.byteLength(text, 'utf8'));
      }),
      { numRuns: 1000 },
    );
  });

  it('encodes with the fewest surprises: a frequent word is one token', () => {
    const ids = tokenizer.encode(' the United States');
    expect([...ids].map((id) => tokenizer.decode([id]))).toEqual([' the', ' United', ' States']);
  });

  it('never makes the separator from text', () => {
    const ids = tokenizer.encode(`a${SEPARATOR_TEXT}b`);
    expect(ids).not.toContain(tokenizer.separatorId);
    expect(tokenizer.decode(ids)).toBe(`a${SEPARATOR_TEXT}b`);
  });

  it('decodes the separator to nothing and half a character to U+FFFD', () => {
    const [first] = trainTokenizer([], 257).encode('é');
    expect(tokenizer.decode([tokenizer.separatorId])).toBe('');
    expect(tokenizer.byteLengths[tokenizer.separatorId]).toBe(0);
    expect(tokenizer.decode([first!])).toBe('\ufffd');
    expect([...tokenizer.decodeBytes([first!])]).toEqual([0xc3]);
  });

  it('refuses ids outside the vocabulary and halves of characters', () => {
    expect(() => tokenizer.decode([5, 2048])).toThrow(
      'Token id 2048 at index 1 is not in the vocabulary of 2048 tokens',
    );
    expect(() => tokenizer.encode('x\ud800')).toThrow(CorpusError);
    expect(() => trainTokenizer(['x\ud800'], 257)).toThrow('lone surrogate, U+D800, at index 1');
  });

  it('takes a word of hundreds of thousands of bytes', () => {
    const word = 'thestates'.repeat(30_000);
    expect(tokenizer.decode(tokenizer.encode(word))).toBe(word);
  });
});

describe('tokenizer.json', () => {
  const json = formatTokenizer(tokenizer);
  const oracle = new HuggingFace(JSON.parse(json), {});
  const oracleIds = (text: string): number[] => oracle.encode(text, { add_special_tokens: false }).ids;

  it.each(varied)('gives the ids of Hugging Face for %j', (text) => {
    expect([...tokenizer.encode(text)]).toEqual(oracleIds(text));
    expect(
      oracle.decode(oracleIds(text), { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    ).toBe(text);
  });

  it('gives the ids of Hugging Face for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(!text.includes(SEPARATOR_TEXT));
        expect([...tokenizer.encode(text)]).toEqual(oracleIds(text));
      }),
      { numRuns: 300 },
    );
  });

  it('gives the ids of Hugging Face for an address that it was not trained on', () => {
    const text = addresses.at(-1)!;
    expect([...tokenizer.encode(text)]).toEqual(oracleIds(text));
  });

  it('knows the separator under the same id', () => {
    expect(oracleIds(SEPARATOR_TEXT)).toEqual([tokenizer.separatorId]);
  });

  it('is read back as the same tokenizer', () => {
    const read = parseTokenizer(json, 'tokenizer.json');
    expect(read.model.merges).toEqual(tokenizer.model.merges);
    expect(formatTokenizer(read)).toBe(json);
    expect(read.encode(varied.join(' '))).toEqual(tokenizer.encode(varied.join(' ')));
  });

  it('holds tokens spelled like properties of objects, and like numbers', () => {
    const odd = trainTokenizer(['constructor 42 '.repeat(9)], 257 + 13);
    const read = parseTokenizer(formatTokenizer(odd), 'tokenizer.json');
    const spelled = [...read.encode('constructor 42')].map((id) => read.decode([id]));
    expect(spelled).toEqual(['constructor', ' 42']);
    expect(read.model.tokenBytes.map((bytes) => [...bytes])).toEqual(
      odd.model.tokenBytes.map((bytes) => [...bytes]),
    );
  });

  it.each([
    [
      'no JSON',
      (): string => '{"version":',
      /^tokenizer.json is not a tokenizer.json that isoloss can use: .*JSON/,
    ],
    ['another model', (): string => json.replace('"BPE"', '"Unigram"'), /model\.type/],
    [
      'another pre-tokenizer',
      (): string => json.replace('"Isolated"', '"Removed"'),
      /is not the pre-tokenizer that isoloss writes/,
    ],
    [
      'a merge of no tokens',
      (): string => json.replace('"Ġ t"', '"Ġ ☃"'),
      /merge 0, "Ġ ☃", is not of two tokens/,
    ],
    [
      'a doubled id',
      (): string => json.replace('"!": 0', '"!": 1'),
      /has id 1; the ids of 2048 tokens are 0 to 2047, each once/,
    ],
    [
      'a moved byte',
      (): string => json.replace('"!": 0', '"!": 1').replace('"\\"": 1', '"\\"": 0'),
      /token 0 is "\\"", not "!"/,
    ],
  ])('with %s is refused, with the reason', (_, damage, message) => {
    expect(() => parseTokenizer(damage(), 'tokenizer.json')).toThrow(message);
  });
});
