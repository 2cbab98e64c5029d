/** GET /api/live: server-sent events with the state of sweeps and runs, and the new points of learning curves. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Monitor } from '../live/monitor.js';

/** So that a connection that is gone is noticed, and one in between does not close it as idle. */
const ALIVE_MS = 15_000;

/** Bytes that may wait for a page that takes none (a machine asleep): it comes back, and gets everything anew. */
const MOST_WAITING = 16 * 2 ** 20;

export function streamLive(monitor: Monitor, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const send = (event: string, value: unknown): void => {
    if (response.writableLength > MOST_WAITING) response.destroy();
    else response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
  };
  response.write('retry: 2000\n\n');
  const end = monitor.watch({
    state: (state) => send('state', state),
    curves: (curves) => send('curves', curves),
  });
  const alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS);
  response.on('close', () => {
    clearInterval(alive);
    end();
  });
}
