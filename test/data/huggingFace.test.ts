/** Datasets over HTTP, from a server on this machine: resumed, checked, and clear about what is wrong. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadDataset } from '../../src/data/huggingFace.js';
import { testFolder } from './folder.js';
import { PARQUET } from './parquetFixture.js';

// What the program waits before it asks again is no part of what is tested here, and takes 20 seconds in all.
vi.mock('node:timers/promises', async (original) => {
  const timers = await original<typeof import('node:timers/promises')>();
  return { ...timers, setTimeout: (milliseconds: number) => timers.setTimeout(milliseconds / 20) };
});

const folder = testFolder();
const sha256 = createHash('sha256').update(PARQUET).digest('hex');

/** What the server did, and how it is to misbehave. */
let requests: string[];
let cutAfter: number | null;
let wrongBytes: boolean;
let misbehaviour: 'none' | 'redirect' | 'gzip' | 'wrong length' | 'wrong part';
let server: Server;

/** Datasets of which the server has no whole Parquet form. */
function repository(
  base: string,
  url: string,
): { readonly body: unknown; readonly headers?: Record<string, string> } | undefined {
  const file = (path: string) => ({ type: 'file', path, size: 1 });
  switch (url) {
    case '/api/datasets/owner/large/parquet':
      return { body: { en: { 'partial-train': [`${base}/files/part.parquet`] } } };
    case '/api/datasets/owner/large':
    case '/api/datasets/owner/plain':
      return { body: { id: 'owner/large', sha: 'c0ffee' } };
    case '/api/datasets/owner/large/tree/c0ffee/en?recursive=true':
      return {
        body: [
          file('en/c4-train.00001-of-00002.json.gz'),
          file('en/c4-train.00000-of-00002.json.gz'),
          { type: 'directory', path: 'en/notes' },
          file('en/notes/training.txt'),
        ],
        headers: { link: `<${base}/page2>; rel="next"` },
      };
    case '/page2':
      return {
        body: [file('en/c4-validation.00000-of-00001.json.gz'), file('en/test/odd name.json.gz')],
      };
    case '/api/datasets/owner/plain/tree/c0ffee?recursive=true':
      return { body: [file('README.md'), file('data/b.jsonl'), file('data/a.jsonl')] };
    default:
      return undefined;
  }
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const { url = '', headers } = request;
    requests.push(`${url} ${headers.range ?? ''} ${headers.authorization ?? ''}`.trim());
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (url === '/api/datasets/owner/texts/parquet') {
      const shard = (split: string, index: number): string => `${base}/files/${split}-${index}.parquet`;
      const split = {
        train: [shard('train', 0), shard('train', 1)],
        validation: [shard('v', 0)],
        test: [shard('t', 0)],
      };
      response.end(JSON.stringify({ default: split, other: { train: [shard('train', 2)] } }));
      return;
    }
    const answer = repository(base, url);
    if (answer !== undefined) {
      response.writeHead(200, answer.headers).end(JSON.stringify(answer.body));
      return;
    }
    if (url === '/api/datasets/owner/closed/parquet') {
      response.writeHead(401).end();
      return;
    }
    if (!url.startsWith('/files/') && !url.includes('/resolve/c0ffee/')) {
      response.writeHead(404).end();
      return;
    }
    if (misbehaviour === 'redirect' && !url.endsWith('?moved')) {
      response.writeHead(302, { location: `${base}${url}?moved`, 'x-linked-etag': `"${sha256}"` }).end();
      return;
    }
    const from =
      misbehaviour === 'wrong part' ? 7 : Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const body = wrongBytes ? Buffer.from(PARQUET).fill(1, 50, 60) : PARQUET;
    if (from >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}`, etag: `"${sha256}"` }).end();
      return;
    }
    if (misbehaviour === 'gzip' && (headers['accept-encoding'] ?? '').includes('gzip')) {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body));
      return;
    }
    const length = body.length - from;
    const common = {
      etag: misbehaviour === 'redirect' ? '"of-the-store"' : `"${sha256}"`,
      'content-length': misbehaviour === 'wrong length' ? length + 20 : length,
    };
    if (from === 0) response.writeHead(200, common);
    else
      response.writeHead(206, {
        ...common,
        'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
      });
    if (cutAfter === null) {
      response.end(body.subarray(from));
      return;
    }
    const part = body.subarray(from, from + cutAfter);
    cutAfter = null;
    response.write(part, () => setTimeout(() => response.destroy(), 300));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['HF_ENDPOINT'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  delete process.env['HF_ENDPOINT'];
  server.close();
});
beforeEach(() => {
  requests = [];
  cutAfter = null;
  wrongBytes = false;
  misbehaviour = 'none';
});

const options = (name: string) => ({ baseDir: '/', cacheDir: join(folder.path, name) });

describe('a dataset by name', () => {
  it('is downloaded once, with its splits, and needs no network after that', async () => {
    const source = await downloadDataset('hf:owner/texts#text', options('once'));
    expect(source.files.map(({ name, split, field }) => [name, split, field])).toEqual([
      ['train-00000.parquet', 'train', 'text'],
      ['train-00001.parquet', 'train', 'text'],
      ['val-00000.parquet', 'val', 'text'],
      ['test-00000.parquet', 'test', 'text'],
    ]);
    for (const { path } of source.files) expect(readFileSync(path).equals(PARQUET)).toBe(true);
    requests = [];
    expect(await downloadDataset('hf:owner/texts#text', options('once'))).toEqual(source);
    expect(requests).toEqual([]);
  });

  it('goes on where a download was cut off', async () => {
    cutAfter = 100;
    await downloadDataset('hf:owner/texts/other', options('cut'));
    expect(requests.slice(1)).toEqual(['/files/train-2.parquet', '/files/train-2.parquet bytes=100-']);
    // Killed between the last byte and the renaming.
    const path = join(folder.path, 'cut2', 'datasets', 'owner--texts--other');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'train-00000.parquet.part'), PARQUET);
    writeFileSync(join(path, 'train-00000.parquet.part.tag'), `"${sha256}"`);
    const source = await downloadDataset('hf:owner/texts/other', options('cut2'));
    expect(readFileSync(source.files[0]!.path).equals(PARQUET)).toBe(true);
    expect(source.files.map(({ split }) => split)).toEqual([null]);
  });

  it('comes whole through redirections, checked against what the first server says, and is never sent coded', async () => {
    misbehaviour = 'redirect';
    const source = await downloadDataset('hf:owner/texts/other', options('redirected'));
    expect(readFileSync(source.files[0]!.path).equals(PARQUET)).toBe(true);
    wrongBytes = true;
    await expect(downloadDataset('hf:owner/texts/other', options('redirected2'))).rejects.toThrow(
      /SHA-256 differ/,
    );
    wrongBytes = false;
    misbehaviour = 'gzip';
    const plain = await downloadDataset('hf:owner/texts/other', options('coded'));
    expect(readFileSync(plain.files[0]!.path).equals(PARQUET)).toBe(true);
  });

  it('is not put together of the wrong parts, and comes whole where its length was announced wrongly', async () => {
    const part = (name: string): string => {
      const path = join(folder.path, name, 'datasets', 'owner--texts--other');
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'train-00000.parquet.part'), PARQUET.subarray(0, 100));
      writeFileSync(join(path, 'train-00000.parquet.part.tag'), `"${sha256}"`);
      return join(path, 'train-00000.parquet');
    };
    misbehaviour = 'wrong part';
    const wrong = part('wrongPart');
    await expect(downloadDataset('hf:owner/texts/other', options('wrongPart'))).rejects.toThrow();
    expect(existsSync(wrong)).toBe(false);
    // More bytes are announced than come: what is there is asked for its end, and is whole.
    misbehaviour = 'wrong length';
    part('announced');
    const source = await downloadDataset('hf:owner/texts/other', options('announced'));
    expect(readFileSync(source.files[0]!.path).equals(PARQUET)).toBe(true);
  });

  it('of which the server has a part as Parquet only comes as the files of its author', async () => {
    const source = await downloadDataset('hf:owner/large/en#text', options('large'));
    expect(source.files.map(({ name, split, field }) => [name, split, field])).toEqual([
      ['train-00000.jsonl.gz', 'train', 'text'],
      ['train-00001.jsonl.gz', 'train', 'text'],
      ['val-00000.jsonl.gz', 'val', 'text'],
      ['test-00000.jsonl.gz', 'test', 'text'],
    ]);
    expect(requests.filter((line) => line.includes('/resolve/'))).toEqual([
      '/datasets/owner/large/resolve/c0ffee/en/c4-train.00000-of-00002.json.gz',
      '/datasets/owner/large/resolve/c0ffee/en/c4-train.00001-of-00002.json.gz',
      '/datasets/owner/large/resolve/c0ffee/en/c4-validation.00000-of-00001.json.gz',
      '/datasets/owner/large/resolve/c0ffee/en/test/odd%20name.json.gz',
    ]);
    const first = await downloadDataset('hf:owner/large/en?shards=1', options('large1'));
    expect(first.files.map(({ name }) => name)).toEqual([
      'train-00000.jsonl.gz',
      'val-00000.jsonl.gz',
      'test-00000.jsonl.gz',
    ]);
  });

  it('without any Parquet form, and with files that name no split, is training data', async () => {
    const source = await downloadDataset('hf:owner/plain', options('plain'));
    expect(source.files.map(({ name, split }) => [name, split])).toEqual([
      ['train-00000.jsonl', null],
      ['train-00001.jsonl', null],
    ]);
    await expect(downloadDataset('hf:owner/large/xx', options('xx'))).rejects.toThrow(
      /name one of the dataset's configurations: hf:owner\/large\/en/,
    );
  });

  it('is not downloaded for a plan, which says how to get it', async () => {
    const asked = { ...options('planned'), download: false };
    await expect(downloadDataset('hf:owner/texts', asked)).rejects.toThrow(
      /is not on this machine\. To bring it here: isoloss data prepare/,
    );
    expect(requests).toEqual([]);
  });

  it('is refused where what came is not what the server says it is', async () => {
    wrongBytes = true;
    await expect(downloadDataset('hf:owner/texts?shards=1', options('wrong'))).rejects.toThrow(
      /SHA-256 differ/,
    );
    wrongBytes = false;
    const source = await downloadDataset('hf:owner/texts?shards=1', options('wrong'));
    expect(source.files.map(({ name }) => name)).toEqual([
      'train-00000.parquet',
      'val-00000.parquet',
      'test-00000.parquet',
    ]);
  });

  it('says what is wrong: the name, the permission, the network', async () => {
    await expect(downloadDataset('hf:a/b/c/d', options('x'))).rejects.toThrow(/is written hf:OWNER\/NAME/);
    await expect(downloadDataset('hf:owner/none', options('x'))).rejects.toThrow(
      /answers 404\. There is no such dataset/,
    );
    await expect(downloadDataset('hf:owner/closed', options('x'))).rejects.toThrow(/answers 401.*HF_TOKEN/);
    await expect(downloadDataset('hf:owner/texts/third', options('x'))).rejects.toThrow(
      /hf:owner\/texts\/other/,
    );
    const kept = process.env['HF_ENDPOINT'];
    process.env['HF_ENDPOINT'] = 'http://127.0.0.1:9';
    await expect(downloadDataset('hf:owner/texts', options('y'))).rejects.toThrow(
      /127\.0\.0\.1:9 can't be reached .*isoloss data add/,
    );
    process.env['HF_ENDPOINT'] = kept;
  });
});
