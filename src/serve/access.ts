/** Who may ask: on this machine alone without a token, from elsewhere with one; and the headers that pages go out with. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/** True where a server listening on `host` is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host);
}

/** A token that can't be guessed, fit for a URL. */
export function randomToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Decides about requests. */
export interface Gate {
  /** Null where there is none: this machine alone can ask. */
  readonly token: string | null;
  /** What a request may do; `enter` carries the token in its URL, and should get it as a cookie instead. */
  admit(request: IncomingMessage, url: URL): 'admitted' | 'enter' | 'wrong host' | 'no token';
}

/** Cookies of a host go to all of its ports: servers beside each other need names that differ. */
function cookieName(token: string): string {
  return `isoloss-${createHash('sha256').update(token).digest('hex').slice(0, 8)}`;
}

/**
 * The gate of a server; a server that is not reached from this machine alone must have a token.
 *
 * Without a token a request must name this machine in its `Host` header: a page elsewhere that points its own name at
 * 127.0.0.1 (DNS rebinding) names itself there. With a token the header may name anything, since whoever has no token
 * gets nothing.
 */
export function gateFor(token: string | null): Gate {
  return {
    token,
    admit: (request, url) => {
      if (token === null) return namesLoopback(request.headers.host) ? 'admitted' : 'wrong host';
      const inUrl = url.searchParams.get('token');
      if (inUrl !== null && isSame(inUrl, token)) return 'enter';
      const cookie = cookieOf(request, cookieName(token));
      return cookie !== null && isSame(cookie, token) ? 'admitted' : 'no token';
    },
  };
}

function namesLoopback(header: string | undefined): boolean {
  if (header === undefined) return false;
  const name = header.startsWith('[') ? header.slice(1, header.indexOf(']')) : header.replace(/:\d*$/, '');
  return isLoopback(name.toLowerCase());
}

function cookieOf(request: IncomingMessage, name: string): string | null {
  const cookies = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return cookies.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
}

function isSame(given: string, token: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(token);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The `Set-Cookie` header that lets a browser in. */
export function entryCookie(token: string): string {
  return `${cookieName(token)}=${token}; HttpOnly; SameSite=Lax; Path=/`;
}

/** Whether a request that does work comes from a page of this server: browsers say where others come from. */
export function isFromHere(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin, host = '' } = request.headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

/** Every page's policy: scripts, styles and data from this server alone, nothing inline, no frames. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers that all responses have. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': PAGE_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};
