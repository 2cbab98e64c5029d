/** Pre-tokenisation: cutting text into the words inside which byte pairs are merged, and counting them. */
import { CorpusError } from './errors.js';

/**
 * GPT-2's pattern (Radford et al. 2019, `encoder.py`), as tokenizer.json states it and {@link forEachWord} does it.
 * White space is spelled as the Unicode property: `\s` of JavaScript takes U+FEFF in and leaves U+0085 out, unlike
 * the readers of tokenizer.json in other languages. Every character matches a branch, so the words of a text are
 * the text. Which characters are letters and digits is the Unicode version of the JavaScript engine.
 */
export const WORD_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
  '|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+';

const UNKNOWN = 0;
const LETTER = 1;
const NUMBER = 2;
const WHITE_SPACE = 3;
const OTHER = 4;

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const SHORT_CONTRACTIONS = new Set(["'s", "'t", "'m", "'d"]);
const LONG_CONTRACTIONS = new Set(["'re", "'ve", "'ll"]);

/** Classes of the characters of one UTF-16 unit, filled in as they are met. */
const classOfUnit = new Uint8Array(0x10000).fill(UNKNOWN);

function classify(character: string): number {
  if (/^\p{L}$/u.test(character)) return LETTER;
  if (/^\p{N}$/u.test(character)) return NUMBER;
  return /^\p{White_Space}$/u.test(character) ? WHITE_SPACE : OTHER;
}

function classAt(text: string, at: number): number {
  const codePoint = text.codePointAt(at)!;
  if (codePoint > 0xffff) return classify(String.fromCodePoint(codePoint));
  if (classOfUnit[codePoint] === UNKNOWN) classOfUnit[codePoint] = classify(String.fromCodePoint(codePoint));
  return classOfUnit[codePoint]!;
}

function wordEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === APOSTROPHE) {
    if (SHORT_CONTRACTIONS.has(text.slice(start, start + 2))) return start + 2;
    if (LONG_CONTRACTIONS.has(text.slice(start, start + 3))) return start + 3;
  }
  const leadingSpace = first === SPACE && start + 1 < text.length && classAt(text, start + 1) !== WHITE_SPACE;
  let end = leadingSpace ? start + 1 : start;
  const wordClass = classAt(text, end);
  while (end < text.length && classAt(text, end) === wordClass)
    end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  // Of several white-space characters before a word, the last is left to it.
  return wordClass === WHITE_SPACE && end < text.length && end - start > 1 ? end - 1 : end;
}

/**
 * Calls `visit` with each word of `text`, in order: the matches of {@link WORD_PATTERN}. Done by hand because a
 * regular expression runs out of stack on words of millions of characters.
 */
export function forEachWord(text: string, visit: (word: string) => void): void {
  for (let start = 0; start < text.length;) {
    const end = wordEnd(text, start);
    visit(text.slice(start, end));
    start = end;
  }
}

/** Adds the words of `text` to `counts`. */
export function countWords(text: string, counts: Map<string, number>): void {
  forEachWord(text, (word) => {
    const count = counts.get(word);
    if (count === undefined) counts.set(detached(word), 1);
    else counts.set(word, count + 1);
  });
}

/**
 * A copy of `word` that stands alone. A substring may be a view that keeps the whole text in memory for as long as
 * it lives, which a table of words must not do.
 */
export function detached(word: string): string {
  return Buffer.from(word, 'utf8').toString('utf8');
}

/** Throws where a text has a lone surrogate: half a character, which has no UTF-8 form and could not be decoded back. */
export function requireWellFormed(text: string): void {
  const at = text.search(/\p{Surrogate}/u);
  if (at < 0) return;
  const unit = text.charCodeAt(at).toString(16).toUpperCase();
  throw new CorpusError(
    `The text has a lone surrogate, U+${unit}, at index ${at}: half a character, which UTF-8 can't hold. ` +
      'Remove it, or replace it with text.toWellFormed().',
  );
}
