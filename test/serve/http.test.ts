/** The server over HTTP: what it gives, to whom, and what it refuses. */
import { request } from 'node:http';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryCookie } from '../../src/serve/access.js';
import type { LiveCurves, LiveState } from '../../src/serve/live/messages.js';
import { startServer } from '../../src/serve/server.js';
import { UsageError } from '../../src/store/errors.js';
import { runDirectory, updateRunRecord } from '../../src/store/runDirectory.js';
import { key } from '../store/records.js';
import { HOSTILE, startRun, startSite, writeHostileSweep, type TestSite } from './site.js';

let site: TestSite;
beforeAll(async () => {
  site = await startSite({ queryLimitSeconds: 2 });
});
afterAll(() => site.close());

async function text(path: string): Promise<string> {
  const response = await fetch(site.at(path));
  expect(response.status, path).toBe(200);
  return response.text();
}

interface Reply {
  readonly columns?: readonly string[];
  readonly rows?: readonly unknown[][];
  readonly error?: string;
}

async function ask(
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; reply: Reply }> {
  const response = await fetch(site.at('/api/query'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, reply: (await response.json()) as Reply };
}

/** A request with headers that `fetch` would not send. */
function raw(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    })
      .on('error', reject)
      .end();
  });
}

/** The status line of an answer to a request line that no client would send. */
function statusOf(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(site.server.url).port), '127.0.0.1', () => {
      socket.write(`${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    });
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.on('close', () => resolve(answer.slice(0, answer.indexOf('\r\n'))));
    socket.on('error', reject);
  });
}

describe('pages', () => {
  it('go out with a policy that allows nothing inline and nothing from elsewhere', async () => {
    for (const path of ['/', '/runs', '/query', '/sweeps/quick', `/runs/${key(1)}`]) {
      const response = await fetch(site.at(path));
      const policy = response.headers.get('content-security-policy')!;
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(await response.text()).not.toMatch(
        /<script(?! type="application\/json"| src=| type="module" src=)|style="|\son\w+="/,
      );
    }
  });

  it('show what is in the results, and follow it', async () => {
    expect(await text('/runs?sweep=quick')).toMatch(/10 runs/);
    const before = await text(`/runs/${key(3)}`);
    expect(before).toContain('4.3000 nats a token');
    const directory = runDirectory(site.results, 'quick', key(3));
    const loss = (lossNats: number) => ({ lossNats, bitsPerByte: 2, tokens: 32512 });
    updateRunRecord(directory, { final: { val: loss(4.05), test: loss(4.3217) } });
    await expect.poll(() => text(`/runs/${key(3)}`), { timeout: 10_000 }).toContain('4.3217 nats a token');
    expect(await text('/runs?sweep=quick')).toContain('4.322');
    expect(await text('/sweeps/quick')).toContain('4.322');
  });

  it('say what is wrong, and where to go from there', async () => {
    for (const [path, status, message] of [
      ['/nothing', 404, 'There is nothing at this address'],
      ['/sweeps/slow', 404, 'There is no sweep slow'],
      ['/runs/ffff', 404, 'There is no run ffff'],
      ['/compare', 400, 'No run was chosen'],
      ['/sweeps/%E0%A4%A', 400, 'not well formed'],
      [`/runs/${key(1)}/files/..%2F..%2Fisoloss.db`, 404, 'is not shown'],
      ['/client/..%2Fserver.js', 404, 'no such script'],
    ] as const) {
      const response = await fetch(site.at(path));
      expect(response.status, path).toBe(status);
      expect(await response.text()).toContain(message);
    }
    expect((await fetch(site.at('/runs'), { method: 'DELETE' })).status).toBe(405);
  });

  it('answer what is no address at all, and requests for the head of what never ends', async () => {
    for (const line of ['GET //', 'GET http://', 'GET http://[']) {
      expect(await statusOf(line), line).toBe('HTTP/1.1 400 Bad Request');
    }
    expect(await statusOf('HEAD /api/live')).toBe('HTTP/1.1 200 OK');
    expect((await fetch(site.at('/'))).status).toBe(200);
  });

  it('name the sweeps there are where one is asked for that is not', async () => {
    const known =
      'There is no sweep quik among the results. Did you mean &quot;quick&quot;? There are: quick.';
    expect(await text('/runs?sweep=quik')).toContain(known);
    for (const path of ['/sweeps/quik', '/reports/quik']) {
      const response = await fetch(site.at(path));
      expect(response.status, path).toBe(404);
      expect(await response.text(), path).toContain(known);
    }
  });

  it('show the nearest page where there is none of that number', async () => {
    const first = await text('/runs');
    for (const page of ['-1', '0', '1e99', 'x']) expect(await text(`/runs?page=${page}`), page).toBe(first);
  });

  it('give a run’s files and its curve', async () => {
    const record = JSON.parse(await text(`/runs/${key(1)}/files/run.json`)) as { runKey: string };
    expect(record.runKey).toBe(key(1));
    const lines = (await text(`/runs/${key(1)}/files/metrics.jsonl`)).trimEnd().split('\n');
    expect(lines.length).toBe(314);
    const curves = JSON.parse(await text(`/api/curves?run=${key(1)}`)) as Record<string, { step: number }[]>;
    expect(curves[key(1)]!.map(({ step }) => step)).toEqual(Array.from({ length: 312 }, (_, i) => i + 1));
  });
});

describe('the list of runs', () => {
  const keysOf = (html: string): string[] =>
    [...html.matchAll(/class="key"[^>]*>(\w+)</g)].map((match) => match[1]!);

  it('filters, sorts and groups', async () => {
    expect(keysOf(await text('/runs?arch=primer-ez&status=done'))).toEqual([5, 7, 8].map(key));
    expect(keysOf(await text('/runs?status=done&sort=test&order=desc'))[0]).toBe(key(2));
    expect(keysOf(await text('/runs?budget=40000000000&size=48x2'))).toEqual([8, 4].map(key));
    expect(keysOf(await text('/runs?q=000A'))).toEqual([key(10)]);
    const grouped = await text('/runs?group=arch&sort=nonsense&page=-3');
    expect(grouped).toMatch(
      /<td><a href="\/runs\?arch=primer-ez">primer-ez<\/a><\/td><td class="n">6<\/td><td class="n">3<\/td><td class="n">1<\/td>/,
    );
    expect(await text("/runs?arch=x'%20OR%201=1")).toContain('No run matches');
  });

  it('compares runs, marking what differs', async () => {
    const html = await text(`/compare?run=${key(1)}&run=${key(3)}`);
    expect(html).toMatch(/class="differs"><th scope="row">Width × layers/);
    expect(html).toMatch(/<tr><th scope="row">Positions/);
  });
});

describe('questions in SQL', () => {
  it('are answered as JSON and as CSV', async () => {
    const { reply } = await ask({ question: 'SELECT arch, count(*) AS n FROM runs GROUP BY arch' });
    expect(reply).toEqual({
      columns: ['arch', 'n'],
      rows: [
        ['primer-ez', 5],
        ['transformer', 4],
      ],
      truncated: false,
    });
    expect((await ask({ question: 'failed', sweep: 'quick' })).reply.rows?.length).toBe(2);
    const csv = await fetch(site.at('/api/query'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ question: 'SELECT 1 AS one', format: 'csv' }),
    });
    expect(await csv.text()).toBe('one\r\n1\r\n');
  });

  it('are not taken where they are too long, and the next one is answered', async () => {
    for (let i = 0; i < 2; i += 1) expect((await ask({ question: 'x'.repeat(200_000) })).status).toBe(413);
    expect((await ask({ question: 'SELECT 3' })).reply.rows).toEqual([[3]]);
  });

  it('only read', async () => {
    for (const question of [
      'DELETE FROM runs',
      'DROP TABLE runs',
      "ATTACH 'x.db' AS x",
      'PRAGMA query_only = OFF',
    ]) {
      const { status, reply } = await ask({ question });
      expect(status).toBe(400);
      expect(reply.error).toContain('A query only reads');
    }
    expect((await ask({ question: 'SELECT 1; DELETE FROM runs' })).reply.error).toMatch(
      /one question at a time/,
    );
    expect((await ask({ question: 'SELECT count(*) FROM runs' })).reply.rows).toEqual([[9]]);
  });

  it('are stopped after their time, and the next one is answered', async () => {
    const forever = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
    const { status, reply } = await ask({ question: forever });
    expect(status).toBe(400);
    expect(reply.error).toMatch(/took longer than 2 s and was stopped/);
    expect((await ask({ question: 'SELECT 2' })).reply.rows).toEqual([[2]]);
  });

  it('are not taken from other sites', async () => {
    const question = { question: 'SELECT 1' };
    expect((await ask(question, { Origin: 'http://elsewhere.example' })).status).toBe(403);
    expect((await ask(question, { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await ask({ sql: 'SELECT 1' })).status).toBe(400);
  });
});

describe('text of a model', () => {
  it(
    'is refused with the reason where there is no checkpoint, and for other sites',
    { timeout: 60_000 },
    async () => {
      const write = (headers: Record<string, string>): Promise<Response> =>
        fetch(site.at('/api/sample'), {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', ...headers },
          body: JSON.stringify({ runKey: key(1), prompt: 'The' }),
        });
      const refused = await write({});
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('has no checkpoint in');
      expect((await write({ Origin: 'http://elsewhere.example' })).status).toBe(403);
    },
  );
});

describe('access', () => {
  it('is for names of this machine alone where there is no token', async () => {
    const url = new URL(site.server.url);
    expect(url.hostname).toBe('127.0.0.1');
    expect(site.server.token).toBeNull();
    expect((await raw(url.href, { Host: 'elsewhere.example' })).status).toBe(403);
    expect((await raw(url.href, { Host: `elsewhere.example:${url.port}` })).status).toBe(403);
    expect((await raw(url.href, { Host: '127.0.0.1.elsewhere.example' })).status).toBe(403);
    expect((await raw(url.href, { Host: `localhost:${url.port}` })).status).toBe(200);
    expect((await raw(url.href, { Host: `[::1]:${url.port}` })).status).toBe(200);
  });

  it('from elsewhere needs the token, which becomes a cookie', async () => {
    const server = await startServer({ resultsDir: site.results, host: '0.0.0.0', port: 0 });
    try {
      const url = new URL(server.url);
      expect(url.searchParams.get('token')).toBe(server.token);
      expect(server.token!.length).toBeGreaterThan(30);
      const base = `http://127.0.0.1:${url.port}`;
      expect((await raw(`${base}/runs`, {})).status).toBe(401);
      expect((await raw(`${base}/runs?token=wrong`, {})).status).toBe(401);
      expect((await raw(`${base}/api/query`, {})).status).toBe(401);
      const entered = await raw(`${base}/runs?sort=test&token=${server.token!}`, {});
      expect(entered.status).toBe(303);
      expect(entered.headers['location']).toBe('/runs?sort=test');
      const cookie = String(entered.headers['set-cookie']);
      expect(cookie).toMatch(/HttpOnly; SameSite=Lax/);
      expect((await raw(`${base}/runs`, { Cookie: cookie.split(';')[0]! })).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('to one server does not end that to another on the same machine', () => {
    const [one, other] = ['one token', 'another'].map((token) => entryCookie(token).split('=')[0]);
    expect(one).not.toBe(other);
  });

  it('names a taken port, and takes the next one where it may', async () => {
    const port = Number(new URL(site.server.url).port);
    await expect(startServer({ resultsDir: site.results, port })).rejects.toThrow(/Port \d+ is taken/);
    await expect(startServer({ resultsDir: join(site.results, 'none'), port: 0 })).rejects.toThrow(
      UsageError,
    );
    const other = await startServer({ resultsDir: site.results, port, furtherPorts: 20 });
    expect(Number(new URL(other.url).port)).toBeGreaterThan(port);
    await other.close();
  });
});

describe('results that go away while they are served', () => {
  it('are waited for, and not taken for empty', { timeout: 30_000 }, async () => {
    const errors: string[] = [];
    const other = await startSite({ onError: (message) => errors.push(message) });
    const stop = new AbortController();
    try {
      const live = await fetch(other.at('/api/live'), { signal: stop.signal });
      renameSync(other.results, `${other.results}-away`);
      const runs = async (): Promise<string> => (await fetch(other.at('/runs'))).text();
      await expect.poll(runs, { timeout: 10_000 }).toContain('is gone, or can&#39;t be reached');
      await expect.poll(() => errors.length, { timeout: 10_000 }).toBeGreaterThan(0);
      renameSync(`${other.results}-away`, other.results);
      await expect.poll(runs, { timeout: 10_000 }).toContain('10 runs');
      expect(live.body?.locked).toBe(false);
      expect(errors.every((message) => message.includes('is gone'))).toBe(true);
    } finally {
      stop.abort();
      await other.close();
    }
  });

  it('have an index that may be deleted at any time', { timeout: 30_000 }, async () => {
    const other = await startSite();
    const count = async (): Promise<string> => {
      const response = await fetch(other.at('/api/query'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ question: 'SELECT count(*) FROM runs' }),
      });
      return response.text();
    };
    try {
      expect(await count()).toContain('"rows":[[9]]');
      for (const end of ['', '-wal', '-shm'])
        rmSync(join(other.results, `isoloss.db${end}`), { force: true });
      rmSync(runDirectory(other.results, 'quick', key(3)), { recursive: true });
      await expect.poll(count, { timeout: 15_000, interval: 500 }).toContain('"rows":[[8]]');
      expect(await (await fetch(other.at('/runs'))).text()).toContain('10 runs');
    } finally {
      await other.close();
    }
  });
});

describe('names made of markup', () => {
  it('stay text on every page', async () => {
    const run = writeHostileSweep(site.results);
    await expect.poll(() => text('/runs?sweep=hostile'), { timeout: 10_000 }).toContain('1 run');
    for (const path of [
      '/',
      '/runs?group=arch',
      `/runs/${run.runKey}`,
      '/sweeps/hostile',
      '/query?q=failed',
      `/compare?run=${run.runKey}`,
      `/runs?q=${encodeURIComponent(HOSTILE)}`,
    ]) {
      expect(await text(path), path).not.toMatch(/<script>document|<img/);
    }
  });
});

describe('live events', () => {
  it('tell the state, whole curves, and then what is added', { timeout: 30_000 }, async () => {
    const live = await startRun(site.results);
    live.train(20);
    const stop = new AbortController();
    const states: LiveState[] = [];
    const curves: LiveCurves[] = [];
    const listening = (async () => {
      const response = await fetch(site.at('/api/live'), { signal: stop.signal });
      let pending = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        pending += chunk;
        const events = pending.split('\n\n');
        pending = events.pop()!;
        for (const event of events) {
          const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
          if (kind === 'state') states.push(JSON.parse(data!) as LiveState);
          if (kind === 'curves') curves.push(JSON.parse(data!) as LiveCurves);
        }
      }
    })().catch(() => undefined);
    const points = (): number =>
      curves.reduce(
        (sum, { whole, curves: some }) => (whole ? 0 : sum) + (some[live.runKey]?.length ?? 0),
        0,
      );
    await expect.poll(points, { timeout: 10_000 }).toBe(20);
    live.train(30);
    await expect.poll(points, { timeout: 10_000 }).toBe(50);
    const run = states.at(-1)!.runs.find(({ runKey }) => runKey === live.runKey)!;
    // Rows of 1,000 tokens and a hundredth of a second each; 350 steps are left.
    expect(run).toMatchObject({ step: 50, steps: 400, sweeps: ['live'], worker: { pid: process.pid } });
    expect(run.tokensPerSecond).toBeCloseTo(100_000, 0);
    expect(run.secondsLeft).toBeCloseTo(3.5, 3);
    const sweep = states.at(-1)!.sweeps.find((entry) => entry.sweep === 'live')!;
    expect(sweep).toMatchObject({ runs: 2, counts: { running: 1, planned: 1 } });
    live.end();
    await expect
      .poll(() => states.at(-1)!.sweeps.find((entry) => entry.sweep === 'live')!.counts, { timeout: 10_000 })
      .toMatchObject({ running: 0, interrupted: 1 });
    stop.abort();
    await listening;
  });
});

describe('a run whose metrics can’t be read', () => {
  it('is a problem of its own, and the pages go on', { timeout: 30_000 }, async () => {
    const live = await startRun(site.results);
    const metrics = join(live.directory, 'metrics.jsonl');
    rmSync(metrics);
    mkdirSync(metrics);
    await expect
      .poll(async () => (await fetch(site.at('/'))).text(), { timeout: 10_000 })
      .toMatch(/Can&#39;t read \S+metrics\.jsonl: EISDIR/);
    expect(await text(`/runs/${live.runKey}`)).toContain('metrics.jsonl: EISDIR');
    expect((await fetch(site.at(`/runs/${live.runKey}/files/metrics.jsonl`))).status).toBe(404);
    live.end();
    rmSync(live.directory, { recursive: true });
  });
});

describe('reports', () => {
  it(
    'are rendered when they are asked for, kept, and made again when a run changes',
    { timeout: 60_000 },
    async () => {
      const response = await fetch(site.at('/reports/quick'));
      expect(response.headers.get('content-security-policy')).toContain('sandbox allow-scripts');
      const html = await response.text();
      expect(html).toContain('<a href="/sweeps/quick">← quick</a>');
      expect(html).toContain('4.322');
      expect(await text('/reports/quick')).toBe(html);
      const directory = runDirectory(site.results, 'quick', key(3));
      const loss = (lossNats: number) => ({ lossNats, bitsPerByte: 2, tokens: 32512 });
      updateRunRecord(directory, { final: { val: loss(4.05), test: loss(4.3333) } });
      await sleep(2000);
      await expect.poll(() => text('/reports/quick'), { timeout: 20_000, interval: 1000 }).toContain('4.333');
      const missing = await fetch(site.at('/reports/slow'));
      expect(missing.status).toBe(404);
      expect(await missing.text()).toContain('There is no sweep slow');
    },
  );

  it('of broken results say what is broken', async () => {
    writeFileSync(join(site.results, 'hostile', 'sweep.json'), '{');
    await expect
      .poll(async () => (await fetch(site.at('/reports/hostile'))).text(), {
        timeout: 20_000,
        interval: 1500,
      })
      .toContain('is not JSON');
  });
});
