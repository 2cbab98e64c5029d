/** The local web server: opens the index, listens, lets requests in and hands them to their routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../store/errors.js';
import { isSystemError } from '../store/files.js';
import { COMMON_HEADERS, entryCookie, gateFor, isLoopback, randomToken, type Gate } from './access.js';
import { startMonitor } from './live/monitor.js';
import { errorPage } from './pages/shell.js';
import { queryHost } from './query/queryHost.js';
import { reportCache } from './reports.js';
import { HttpError, sendJson, sendPage } from './respond.js';
import { startSampler } from './samples/sampler.js';
import { answerRequest, type Site } from './routes.js';
import { openServedIndex } from './servedIndex.js';

export interface ServeOptions {
  readonly resultsDir: string;
  readonly dbPath?: string;
  /** Address to listen on; 127.0.0.1 unless told, which only this machine reaches. */
  readonly host?: string;
  /** 0 for any free one. */
  readonly port: number;
  /** How many ports after it are tried where it is taken. */
  readonly furtherPorts?: number;
  /** Seconds that a question in SQL may take. */
  readonly queryLimitSeconds?: number;
  /** Folder of the pages' scripts; those that were built with the program unless told. */
  readonly clientDir?: string;
  /** Told of errors that are nobody's fault who asked. */
  readonly onError?: (message: string) => void;
}

export interface RunningServer {
  /** Where to look, with the token if there is one. */
  readonly url: string;
  readonly token: string | null;
  close(): Promise<void>;
}

/**
 * Serves the pages of a results folder.
 *
 * @throws UsageError where there is no results folder, or the address or the port can't be had
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { resultsDir, dbPath, host = '127.0.0.1', queryLimitSeconds = 10, onError = console.error } = options;
  const index = openServedIndex(resultsDir, dbPath);
  const token = isLoopback(host) ? null : randomToken();
  const gate = gateFor(token);
  const site: Site = {
    resultsDir,
    index,
    monitor: startMonitor(resultsDir, index, onError),
    queries: queryHost({
      path: resolve(index.path),
      limitSeconds: queryLimitSeconds,
      generation: () => index.generation,
    }),
    reports: reportCache(resultsDir, index),
    sampler: startSampler(),
    queryLimitSeconds,
    clientDir: options.clientDir ?? fileURLToPath(new URL('./client/', import.meta.url)),
  };
  const server = createServer((request, response) => {
    void serveRequest(site, gate, request, response, onError);
  });
  const close = async (): Promise<void> => {
    site.monitor.close();
    site.queries.close();
    site.reports.close();
    site.sampler.close();
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeAllConnections();
    await closed;
    index.close();
  };
  try {
    const port = await listen(server, host, options.port, options.furtherPorts ?? 0);
    const reached = host === '0.0.0.0' || host === '::' ? hostname() : host;
    const name = reached.includes(':') ? `[${reached}]` : reached;
    const query = token === null ? '' : `?token=${token}`;
    return { url: `http://${name}:${port}/${query}`, token, close };
  } catch (error) {
    site.queries.close();
    index.close();
    throw error;
  }
}

async function listen(server: Server, host: string, port: number, further: number): Promise<number> {
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, host, () => {
        server.off('error', fail);
        done();
      });
    });
    return (server.address() as AddressInfo).port;
  } catch (error) {
    if (isSystemError(error, 'EADDRINUSE') && further > 0) return listen(server, host, port + 1, further - 1);
    if (isSystemError(error, 'EADDRINUSE')) {
      throw new UsageError(`Port ${port} is taken by another program. Choose another with --port.`);
    }
    if (isSystemError(error, 'EADDRNOTAVAIL', 'ENOTFOUND', 'EACCES', 'EAI_AGAIN')) {
      throw new UsageError(`Can't listen on ${host}, port ${port}: ${error.message}.`);
    }
    throw error;
  }
}

async function serveRequest(
  site: Site,
  gate: Gate,
  request: IncomingMessage,
  response: ServerResponse,
  onError: (message: string) => void,
): Promise<void> {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  try {
    const url = urlOf(request);
    switch (gate.admit(request, url)) {
      case 'admitted':
        await answerRequest(site, request, response, url);
        return;
      case 'enter':
        // The token leaves the address, so that it is in no history and no screenshot.
        url.searchParams.delete('token');
        response.setHeader('Set-Cookie', entryCookie(gate.token!));
        // Two slashes at its start would name another host.
        response.writeHead(303, { Location: `${url.pathname.replace(/^\/+/, '/')}${url.search}` });
        response.end();
        return;
      case 'wrong host':
        throw new HttpError(
          403,
          'This server answers only to the names of this machine: open it as http://127.0.0.1 with its port.',
        );
      case 'no token':
        throw new HttpError(401, 'Open the address that isoloss serve printed: it has a token in it.');
    }
  } catch (error) {
    sendError(request, response, error, onError);
  }
}

/** @throws HttpError where what was asked for is no address, such as `//` */
function urlOf({ url = '/' }: IncomingMessage): URL {
  try {
    return new URL(url, 'http://server');
  } catch {
    throw new HttpError(400, 'The address is not well formed.');
  }
}

function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  onError: (message: string) => void,
): void {
  const isExpected = error instanceof HttpError || error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  // Who closed the page while it was sent needs no answer.
  const gone = isSystemError(error, 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE');
  if (!isExpected && !gone) onError(`${request.method ?? ''} ${request.url ?? ''}: ${message}`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof HttpError ? error.status : error instanceof UsageError ? 400 : 500;
  // The rest of it is not read, so nothing else can be asked on its connection.
  if (status === 413) response.setHeader('Connection', 'close');
  if ((request.url ?? '').startsWith('/api/')) sendJson(response, { error: message }, status);
  else sendPage(response, errorPage(status, message), status);
}
