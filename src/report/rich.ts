/** Sentences with emphasis, written once and rendered as HTML, Markdown or plain text. */
import { escapeHtml, raw, type Markup } from './html.js';

export type RichPart = string | { readonly strong: string } | { readonly code: string };

/** A sentence or a paragraph. Its strings are plain text, user-given ones included: rendering escapes them. */
export type Rich = readonly RichPart[];

export const strong = (text: string): RichPart => ({ strong: text });
export const code = (text: string): RichPart => ({ code: text });

/** Builds rich text from a template; interpolated values are parts or whole rich texts. */
export function rich(strings: TemplateStringsArray, ...values: readonly (RichPart | Rich | number)[]): Rich {
  const parts: RichPart[] = [];
  strings.forEach((text, i) => {
    if (text !== '') parts.push(text);
    if (i >= values.length) return;
    const value = values[i]!;
    if (typeof value === 'number') parts.push(String(value));
    else if (Array.isArray(value)) parts.push(...(value as Rich));
    else parts.push(value as RichPart);
  });
  return parts;
}

export function richToHtml(text: Rich): Markup {
  return raw(
    text
      .map((part) => {
        if (typeof part === 'string') return escapeHtml(part);
        if ('strong' in part) return `<strong>${escapeHtml(part.strong)}</strong>`;
        return `<code>${escapeHtml(part.code)}</code>`;
      })
      .join(''),
  );
}

export function richToPlain(text: Rich): string {
  return text
    .map((part) => (typeof part === 'string' ? part : 'strong' in part ? part.strong : part.code))
    .join('');
}

/**
 * Escapes text for Markdown: what would start markup is preceded by a backslash, `<` and `&` become entities, and
 * line ends become spaces, so that a user's text can't open a tag, a link or a table cell.
 */
export function escapeMarkdown(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_{}[\]#|~!$]/g, String.raw`\$&`)
    .replaceAll(/\s*[\r\n]+\s*/g, ' ')
    .replace(/^(\s*)([-+]|\d+[.)])(?=\s)/, String.raw`$1\$2`);
}

/** Inline code in Markdown: fenced by more backticks than the text has in a row. */
export function markdownCode(text: string): string {
  const line = text.replaceAll(/\s*[\r\n]+\s*/g, ' ').replaceAll('|', String.raw`\|`);
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  if (longest === 0) return `\`${line}\``;
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${line} ${fence}`;
}

export function richToMarkdown(text: Rich): string {
  return text
    .map((part) => {
      if (typeof part === 'string') return escapeMarkdown(part);
      if ('strong' in part) return `**${escapeMarkdown(part.strong)}**`;
      return markdownCode(part.code);
    })
    .join('');
}
