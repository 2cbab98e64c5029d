/** What is done with stretches of a corpus's text while it is prepared: words counted, tokens made. */
import { closeSync, openSync } from 'node:fs';
import { CorpusError } from './errors.js';
import { readExactly } from './textTable.js';
import { tokenArray, type TokenArray } from './tokenSplit.js';
import type { Tokenizer } from './tokenizer.js';
import { parseTokenizer } from './tokenizerJson.js';
import { countWords } from './words.js';

/** A piece of work on texts: starts and lengths in bytes, in pairs. */
export type TextRanges = Float64Array<ArrayBuffer>;

export type TextTask =
  | { readonly kind: 'count'; readonly ranges: TextRanges }
  /** All words counted so far. */
  | { readonly kind: 'counts' }
  | { readonly kind: 'tokenizer'; readonly json: string }
  | { readonly kind: 'encode'; readonly ranges: TextRanges };

/** Tokens of texts end to end, a separator after each, and how many each text has with its own. */
export interface EncodedTexts {
  readonly tokens: TokenArray;
  readonly lengths: Float64Array<ArrayBuffer>;
}

export interface TextAnswer {
  readonly words?: readonly string[];
  readonly counts?: Float64Array<ArrayBuffer>;
  readonly encoded?: EncodedTexts;
}

/** Does tasks on the texts of a file, one after the other. */
export function textTasks(path: string): { do(task: TextTask): TextAnswer; close(): void } {
  const file = openSync(path, 'r');
  const wordCounts = new Map<string, number>();
  let tokenizer: Tokenizer | undefined;
  const textAt = (ranges: TextRanges, index: number): string => {
    const bytes = Buffer.allocUnsafe(ranges[2 * index + 1]!);
    readExactly(file, bytes, ranges[2 * index]!);
    return bytes.toString('utf8');
  };
  return {
    do(task) {
      switch (task.kind) {
        case 'count':
          for (let i = 0; i < task.ranges.length / 2; i++) countWords(textAt(task.ranges, i), wordCounts);
          return {};
        case 'counts':
          return { words: [...wordCounts.keys()], counts: Float64Array.from(wordCounts.values()) };
        case 'tokenizer':
          tokenizer = parseTokenizer(task.json, 'tokenizer.json');
          return {};
        case 'encode': {
          if (tokenizer === undefined) throw new CorpusError('asked to encode before there is a tokenizer');
          return { encoded: encodeTexts(tokenizer, task.ranges.length / 2, (i) => textAt(task.ranges, i)) };
        }
        default:
          return task satisfies never;
      }
    },
    close: () => closeSync(file),
  };
}

function encodeTexts(tokenizer: Tokenizer, count: number, textOf: (index: number) => string): EncodedTexts {
  const parts: Int32Array[] = [];
  const lengths = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const ids = tokenizer.encode(textOf(i));
    parts.push(ids);
    lengths[i] = ids.length + 1;
    total += ids.length + 1;
  }
  const tokens = tokenArray(tokenizer.vocabSize, total);
  let at = 0;
  for (const ids of parts) {
    tokens.set(ids, at);
    at += ids.length;
    tokens[at++] = tokenizer.separatorId;
  }
  return { tokens, lengths };
}
