/** Values as the pages show them. */
import { formatPowerOfTen } from '../../report/format.js';
import { markup, type Markup } from '../../report/html.js';
import { path } from './shell.js';

/** A number to `digits` places, a dash where there is none. */
export function fixed(value: number | null, digits: number): string {
  return value === null ? '–' : value.toFixed(digits);
}

export function power(value: number | null): string {
  return value === null ? '–' : formatPowerOfTen(value);
}

export function plain(value: string | number | null): string {
  return value === null ? '–' : String(value);
}

/** A moment of a record, to the minute, as it stands there (UTC). */
export function moment(iso: string | null): string {
  return iso === null ? '–' : iso.slice(0, 16).replace('T', ' ');
}

/** A status in words and with a mark that needs no colour. */
export function statusMark(status: string): Markup {
  return markup`<span class="status ${status}">${status}</span>`;
}

export function runLink(runKey: string): Markup {
  return markup`<a class="key" href="${path('runs', runKey)}">${runKey}</a>`;
}
