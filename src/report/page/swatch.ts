/** The mark of an architecture in the page's legends: its line and its symbol in the colour of the theme. */
import { markup, raw, type Markup } from '../html.js';
import type { SeriesStyle } from '../theme.js';

/** Symbols of Vega, around 0 and about 8 pixels wide. */
const SYMBOLS: Readonly<Record<string, string>> = {
  circle: '<circle r="4"/>',
  square: '<rect x="-3.6" y="-3.6" width="7.2" height="7.2"/>',
  'triangle-up': '<path d="M0-4.4L4.4 3.6H-4.4Z"/>',
  'triangle-down': '<path d="M0 4.4L4.4-3.6H-4.4Z"/>',
  'triangle-right': '<path d="M4.4 0L-3.6 4.4V-4.4Z"/>',
  diamond: '<path d="M0-4.8L4.4 0L0 4.8L-4.4 0Z"/>',
  cross: '<path d="M-1.5-4.4H1.5V-1.5H4.4V1.5H1.5V4.4H-1.5V1.5H-4.4V-1.5H-1.5Z"/>',
};

export function swatch({ color, shape, dash }: SeriesStyle): Markup {
  const variable = `var(--c-${color.slice(1)})`;
  return markup`<svg width="26" height="12" viewBox="-13 -6 26 12" aria-hidden="true" style="color: ${variable}"><path d="M-13 0H13" stroke="currentColor" stroke-width="1.8" stroke-dasharray="${dash.join(' ')}"/><g fill="currentColor">${raw(SYMBOLS[shape]!)}</g></svg>`;
}

/** The mark of a series that is no architecture: its symbol alone. */
export function symbol(color: string, shape: string): Markup {
  return markup`<svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true" style="color: var(--c-${color.slice(1)})"><g fill="currentColor">${raw(SYMBOLS[shape]!)}</g></svg>`;
}
