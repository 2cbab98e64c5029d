/** Tokenizers on disk: Hugging Face's `tokenizer.json`, which other programs read, checked when it is loaded. */
import { z } from 'zod';
import { baseTokens, type BpeModel, type Merge, SEPARATOR_ID } from './bpe.js';
import { fromByteCharacters, toByteCharacters } from './byteAlphabet.js';
import { CorpusError } from './errors.js';
import { createTokenizer, SEPARATOR_TEXT, type Tokenizer } from './tokenizer.js';
import { WORD_PATTERN } from './words.js';

const PRE_TOKENIZER = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
} as const;

const fileSchema = z.object({
  normalizer: z.null(),
  pre_tokenizer: z.unknown().refine((value) => JSON.stringify(value) === JSON.stringify(PRE_TOKENIZER), {
    error: 'is not the pre-tokenizer that isoloss writes',
  }),
  added_tokens: z.tuple([z.object({ id: z.literal(SEPARATOR_ID), content: z.literal(SEPARATOR_TEXT) })]),
  model: z.object({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), z.number()),
    merges: z.array(z.string()),
  }),
});

function spell(bytes: Uint8Array, id: number): string {
  return id === SEPARATOR_ID ? SEPARATOR_TEXT : toByteCharacters(bytes);
}

/** Writes a tokenizer in Hugging Face's `tokenizer.json` format. */
export function formatTokenizer({ model }: Tokenizer): string {
  const spellings = model.tokenBytes.map(spell);
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: SEPARATOR_ID,
        content: SEPARATOR_TEXT,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: PRE_TOKENIZER,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(spellings.map((spelling, id) => [spelling, id])),
      merges: model.merges.map(({ left, right }) => `${spellings[left]!} ${spellings[right]!}`),
    },
  };
  return `${JSON.stringify(file, null, 1)}\n`;
}

/**
 * Reads a tokenizer written by {@link formatTokenizer}.
 *
 * @param file name used in errors
 * @throws CorpusError where the file is not such a tokenizer, with what is wrong in it
 */
export function parseTokenizer(json: string, file: string): Tokenizer {
  const refuse = (reason: string): CorpusError =>
    new CorpusError(`${file} is not a tokenizer.json that isoloss can use: ${reason}.`);
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) throw refuse(z.prettifyError(parsed.error).replaceAll('\n', ' '));
  const { vocab, merges } = parsed.data.model;

  const idOf = new Map(Object.entries(vocab));
  const spellings: string[] = [];
  for (const [spelling, id] of idOf) {
    if (!Number.isInteger(id) || id < 0 || id >= idOf.size || spellings[id] !== undefined) {
      throw refuse(
        `token ${JSON.stringify(spelling)} has id ${id}; the ids of ${idOf.size} tokens are 0 to ${idOf.size - 1}, each once`,
      );
    }
    spellings[id] = spelling;
  }
  const bytesOf = (spelling: string, id: number): Uint8Array => {
    const bytes = id === SEPARATOR_ID ? new Uint8Array(0) : fromByteCharacters(spelling);
    if (bytes === undefined)
      throw refuse(`token ${JSON.stringify(spelling)} is not written in the byte alphabet`);
    return bytes;
  };
  const model: BpeModel = {
    tokenBytes: spellings.map(bytesOf),
    merges: merges.map((text, index): Merge => {
      const [first, second, ...rest] = text.split(' ');
      const left = idOf.get(first ?? '');
      const right = idOf.get(second ?? '');
      const id = idOf.get(`${first ?? ''}${second ?? ''}`);
      if (left === undefined || right === undefined || id === undefined || rest.length > 0) {
        throw refuse(`merge ${index}, ${JSON.stringify(text)}, is not of two tokens that make a third`);
      }
      return { left, right, id };
    }),
  };
  baseTokens().forEach((bytes, id) => {
    if (spellings[id] !== spell(bytes, id)) {
      throw refuse(
        `token ${id} is ${JSON.stringify(spellings[id] ?? null)}, not ${JSON.stringify(spell(bytes, id))}`,
      );
    }
  });
  return createTokenizer(model);
}
