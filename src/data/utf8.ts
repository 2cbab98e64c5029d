/** Finding the byte at which a file stops being UTF-8. */
import { isUtf8 } from 'node:buffer';

/** Lead bytes by the number of bytes they announce, with the allowed range of the second byte (Unicode, Table 3-7). */
const LEADS = [
  { first: 0xc2, last: 0xdf, length: 2, low: 0x80, high: 0xbf },
  { first: 0xe0, last: 0xe0, length: 3, low: 0xa0, high: 0xbf },
  { first: 0xe1, last: 0xec, length: 3, low: 0x80, high: 0xbf },
  { first: 0xed, last: 0xed, length: 3, low: 0x80, high: 0x9f },
  { first: 0xee, last: 0xef, length: 3, low: 0x80, high: 0xbf },
  { first: 0xf0, last: 0xf0, length: 4, low: 0x90, high: 0xbf },
  { first: 0xf1, last: 0xf3, length: 4, low: 0x80, high: 0xbf },
  { first: 0xf4, last: 0xf4, length: 4, low: 0x80, high: 0x8f },
] as const;

/** Length of the well-formed character at `at`, or 0 where there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]!;
  if (byte < 0x80) return 1;
  const lead = LEADS.find(({ first, last }) => byte >= first && byte <= last);
  if (lead === undefined || at + lead.length > bytes.length) return 0;
  const second = bytes[at + 1]!;
  if (second < lead.low || second > lead.high) return 0;
  for (let i = at + 2; i < at + lead.length; i++) if ((bytes[i]! & 0xc0) !== 0x80) return 0;
  return lead.length;
}

/** Offset of the first character that is not well-formed UTF-8, or -1 where all are. */
export function firstInvalidUtf8(bytes: Uint8Array): number {
  if (isUtf8(bytes)) return -1;
  let at = 0;
  for (let length = 1; at < bytes.length && length > 0; at += length) length = characterLength(bytes, at);
  return at;
}
