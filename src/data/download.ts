/** Downloading large files over HTTP: cut-off downloads go on, wrong ones are refused. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CorpusError } from './errors.js';
import { reasonOf } from './sources.js';

/** Words for errors, and the server that the user's token may be sent to. */
export interface DownloadHints {
  readonly what: string;
  readonly origin: string;
  /** What to do where there is no network. */
  readonly offline: string;
}

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;

/**
 * Asks a server, trying again a few times where it can't be reached or is overloaded.
 *
 * @throws CorpusError saying what is wrong and what to do
 */
export async function fetchChecked(
  url: string,
  headers: Readonly<Record<string, string>>,
  hints: DownloadHints,
): Promise<Response> {
  // Only the server itself sees the token; fetch drops it where the server sends us elsewhere.
  const token = new URL(url).origin === hints.origin ? process.env['HF_TOKEN'] : undefined;
  const sent = { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  for (let attempt = 1; ; attempt++) {
    let response: Response;
    try {
      response = await fetch(url, { headers: sent });
    } catch (error) {
      if (attempt === ATTEMPTS) throw unreachable(url, error, hints);
      await sleep(FIRST_PAUSE_MS * 2 ** attempt);
      continue;
    }
    if (response.ok) return response;
    if (response.status === 416) return response;
    if ((response.status === 429 || response.status >= 500) && attempt < ATTEMPTS) {
      await sleep(FIRST_PAUSE_MS * 2 ** attempt);
      continue;
    }
    throw new CorpusError(`${hints.what}: ${url} answers ${response.status}. ${meaning(response.status)}`);
  }
}

function meaning(status: number): string {
  if (status === 404) return 'There is no such dataset, or it has no Parquet form; check the name.';
  if (status === 401 || status === 403)
    return 'It needs permission: ask for access on its page, and set HF_TOKEN to a token of yours.';
  return 'Try again later.';
}

function unreachable(url: string, error: unknown, hints: DownloadHints): CorpusError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new CorpusError(
    `${hints.what}: ${new URL(url).host} can't be reached (${reasonOf(cause)}). ${hints.offline}`,
    {
      cause: error,
    },
  );
}

/**
 * Downloads a file to `path`, going on from `path.part` if a download was cut off. The file appears whole or not at all.
 *
 * @throws CorpusError where the server can't be reached, or what came is not what it says the file is
 */
export async function downloadFile(url: string, path: string, hints: DownloadHints): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const part = `${path}.part`;
  for (let attempt = 1; ; attempt++) {
    try {
      const expected = await receive(url, part, hints);
      await requireContent(url, part, expected, hints);
      renameSync(part, path);
      rmSync(`${part}.tag`, { force: true });
      return;
    } catch (error) {
      if (error instanceof CorpusError || attempt === ATTEMPTS) {
        throw error instanceof CorpusError ? error : unreachable(url, error, hints);
      }
      await sleep(FIRST_PAUSE_MS * 2 ** attempt);
    }
  }
}

interface Expected {
  /** Null where the server does not say. */
  readonly bytes: number | null;
  readonly sha256: string | null;
}

async function receive(url: string, part: string, hints: DownloadHints): Promise<Expected> {
  const have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  const tag = have > 0 ? readTag(part) : null;
  const headers: Record<string, string> = tag === null ? {} : { range: `bytes=${have}-`, 'if-range': tag };
  const response = await fetchChecked(url, headers, hints);
  const expected = expectedOf(response);
  // The whole file is here already, and nothing lies beyond it.
  if (response.status === 416) return expected;
  const etag = response.headers.get('etag');
  if (etag === null) rmSync(`${part}.tag`, { force: true });
  else writeFileSync(`${part}.tag`, etag);
  if (response.body === null) throw new Error('the server sent nothing');
  const append = response.status === 206;
  await pipeline(
    Readable.fromWeb(response.body),
    createWriteStream(part, { flags: append ? 'a' : 'w', flush: true }),
  );
  return expected;
}

function readTag(part: string): string | null {
  try {
    return readFileSync(`${part}.tag`, 'utf8');
  } catch {
    return null;
  }
}

/** Size from Content-Range or Content-Length; SHA-256 from the tag of a large file, which is that. */
function expectedOf({ headers, status }: Response): Expected {
  const range = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  const length =
    status === 200 && headers.get('content-encoding') === null ? headers.get('content-length') : null;
  const bytes = range ?? length;
  const tag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  return { bytes: bytes === null ? null : Number(bytes), sha256: /^[0-9a-f]{64}$/.test(tag) ? tag : null };
}

async function requireContent(
  url: string,
  part: string,
  { bytes, sha256 }: Expected,
  hints: DownloadHints,
): Promise<void> {
  const { size } = statSync(part);
  if (bytes !== null && size < bytes) throw new Error(`the connection ended after ${size} of ${bytes} bytes`);
  const hash = createHash('sha256');
  if (sha256 !== null) await pipeline(createReadStream(part), hash);
  if ((bytes === null || size === bytes) && (sha256 === null || hash.digest('hex') === sha256)) return;
  rmSync(part, { force: true });
  throw new CorpusError(
    `${hints.what}: what came from ${url} is not what the server says it is (size or SHA-256 differ). It was removed; start again.`,
  );
}
