/** A tagged template that escapes: what is not marked as markup already can't become markup. */

/** Text that is known to be well-formed HTML. */
export interface Html {
  readonly markup: string;
}

type Piece = Html | string | number | null | readonly Piece[];

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
export function raw(markup: string): Html {
  return { markup };
}

function render(piece: Piece): string {
  if (piece === null) return '';
  if (typeof piece === 'string') return escapeHtml(piece);
  if (typeof piece === 'number') return String(piece);
  if (Array.isArray(piece)) return (piece as readonly Piece[]).map(render).join('');
  return (piece as Html).markup;
}

/** Builds HTML; every interpolated string is escaped, arrays are joined, `null` is nothing. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let markup = strings[0]!;
  pieces.forEach((piece, i) => {
    markup += render(piece) + strings[i + 1]!;
  });
  return { markup };
}

/**
 * JSON that can stand inside a `<script>` element: `<` and the line separators that older parsers refuse are
 * written as escapes, so that no value can end the element.
 */
export function jsonForScript(value: unknown): Html {
  const json = JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return { markup: json };
}

/** A JavaScript file's text made safe to stand inside a `<script>` element; its meaning is unchanged. */
export function inlineScript(source: string): Html {
  return { markup: source.replaceAll(/<(\/script|!--)/gi, '\\x3c$1') };
}
