/** A tagged template that escapes: what is not marked as markup already can't become markup. */

/** Text that is known to be well-formed HTML. */
export interface Markup {
  readonly html: string;
}

type Piece = Markup | string | number | null | readonly Piece[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for HTML content and for quoted attribute values. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Marks text as HTML without escaping it; only for markup this program wrote. */
export function raw(html: string): Markup {
  return { html };
}

function render(piece: Piece): string {
  if (piece === null) return '';
  if (typeof piece === 'string') return escapeHtml(piece);
  if (typeof piece === 'number') return String(piece);
  if ('html' in piece) return piece.html;
  return piece.map(render).join('');
}

/**
 * Builds HTML; every interpolated string is escaped, arrays are joined, `null` is nothing. (Not named `html`, since
 * formatters would then change the white space of the templates.)
 */
export function markup(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let html = strings[0]!;
  pieces.forEach((piece, i) => {
    html += render(piece) + strings[i + 1]!;
  });
  return { html };
}

/**
 * JSON that can stand inside a `<script>` element: `<` and the line separators that older parsers refuse are
 * written as escapes, so that no value can end the element.
 */
export function jsonForScript(value: unknown): Markup {
  const json = JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return { html: json };
}

/** A JavaScript file's text made safe to stand inside a `<script>` element; its meaning is unchanged. */
export function inlineScript(source: string): Markup {
  return { html: source.replaceAll(/<(\/script|!--)/gi, '\\x3c$1') };
}
