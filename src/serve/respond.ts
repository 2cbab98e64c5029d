/** Answers of the web server: pages, JSON, text and files. */
import { createReadStream, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Markup } from '../report/html.js';

/** What a request could not be given, with the HTTP status that says so. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Headers = Readonly<Record<string, string>>;

export function sendText(
  response: ServerResponse,
  text: string,
  type: string,
  options: { readonly status?: number; readonly headers?: Headers } = {},
): void {
  response.writeHead(options.status ?? 200, {
    'Content-Type': `${type}; charset=utf-8`,
    ...options.headers,
  });
  response.end(text);
}

export function sendPage(response: ServerResponse, page: Markup, status = 200): void {
  sendText(response, page.html, 'text/html', { status });
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendText(response, JSON.stringify(value), 'application/json', { status });
}

/**
 * Sends a file as a stream.
 *
 * @param name what a browser saves it as; shown in place where undefined
 * @throws HttpError 404 where there is none
 */
export async function sendFile(
  response: ServerResponse,
  path: string,
  type: string,
  options: { readonly name?: string; readonly headers?: Headers } = {},
): Promise<void> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) throw new HttpError(404, 'There is no such file.');
  response.writeHead(200, {
    'Content-Type': type,
    ...(options.name === undefined
      ? {}
      : { 'Content-Disposition': `attachment; filename="${options.name}"` }),
    ...options.headers,
  });
  // A metrics file may grow while it is sent: what it holds now is what is sent.
  const stream = createReadStream(path, stats.size === 0 ? {} : { end: stats.size - 1 });
  await pipeline(stream, response);
}

/**
 * The JSON body of a request.
 *
 * @throws HttpError where it is too long or no JSON, or not said to be (which a form of another site could send)
 */
export async function readJsonBody(request: IncomingMessage, maxBytes = 100_000): Promise<unknown> {
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) {
    throw new HttpError(415, 'The request must be application/json.');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new HttpError(413, `The request is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new HttpError(400, 'The request is not JSON.');
  }
}
