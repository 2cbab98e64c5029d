import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachWord, requireWellFormed, WORD_PATTERN } from '../../src/data/words.js';

function wordsOf(text: string): string[] {
  const words: string[] = [];
  forEachWord(text, (word) => words.push(word));
  return words;
}

describe('forEachWord', () => {
  it('cuts as GPT-2 does', () => {
    expect(wordsOf("We'll see, it's  1861...\n\n Ça va?")).toEqual([
      'We',
      "'ll",
      ' see',
      ',',
      ' it',
      "'s",
      ' ',
      ' 1861',
      '...',
      '\n\n',
      ' Ça',
      ' va',
      '?',
    ]);
  });

  it('makes the matches of its pattern on any text', () => {
    const pattern = new RegExp(WORD_PATTERN, 'gu');
    const unit = fc.oneof(
      fc.constantFrom(
        ...Array.from(' \t\n\r\f\'"-.0½٣aZéßж漢stmdrevl'),
        '\u0085',
        '\u00a0',
        '\ufeff',
        '\u2028',
        '\u3000',
        '😀',
        '𝒜',
        '\u0301',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
        expect(wordsOf(text)).toEqual(text.match(pattern) ?? []);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes a word of millions of characters', () => {
    expect(wordsOf('漢'.repeat(3_000_000)).map((word) => word.length)).toEqual([3_000_000]);
  });
});

describe('requireWellFormed', () => {
  it('refuses half a character, and says where', () => {
    expect(() => {
      requireWellFormed('ab\ud83d cd');
    }).toThrow('The text has a lone surrogate, U+D83D, at index 2');
    expect(() => {
      requireWellFormed('\udc00');
    }).toThrow('U+DC00, at index 0');
  });

  it('lets whole characters pass', () => {
    expect(() => {
      requireWellFormed('a😀\u{10ffff}\ufffd');
    }).not.toThrow();
  });
});
