import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  code,
  escapeMarkdown,
  markdownCode,
  rich,
  richToHtml,
  richToMarkdown,
  richToPlain,
  strong,
} from '../../src/report/rich.js';

describe('rich text', () => {
  const text = rich`${strong('a<b>')} is ${code('x_y')}, ${rich`${2} times`}.`;

  it('renders to HTML, Markdown and plain text', () => {
    expect(richToHtml(text).html).toBe('<strong>a&lt;b&gt;</strong> is <code>x_y</code>, 2 times.');
    expect(richToMarkdown(text)).toBe('**a&lt;b&gt;** is `x_y`, 2 times.');
    expect(richToPlain(text)).toBe('a<b> is x_y, 2 times.');
  });
});

describe('Markdown', () => {
  it('escapes what would be markup', () => {
    expect(escapeMarkdown('<script>')).toBe('&lt;script&gt;');
    expect(escapeMarkdown('a|b *c* [d](e) `f`')).toBe(String.raw`a\|b \*c\* \[d\](e) \`f\``);
    expect(escapeMarkdown('- item\nnext')).toBe(String.raw`\- item next`);
    expect(escapeMarkdown('1. item')).toBe(String.raw`\1. item`);
  });

  it('never lets a text open a tag, end a line or start a cell', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const escaped = escapeMarkdown(text);
        expect(escaped).not.toMatch(/[<>\n\r]/);
        expect(escaped).not.toMatch(/(^|[^\\])(\\\\)*\|/);
      }),
    );
  });

  it('fences code by more backticks than it has', () => {
    expect(markdownCode('a``b')).toBe('``` a``b ```');
  });
});
