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
 * @param accepted statuses that are no error to the caller
 * @throws CorpusError saying what is wrong and what to do
 */
export async function fetchChecked(
  url: string,
  headers: Readonly<Record<string, string>>,
  hints: DownloadHints,
  accepted: readonly number[] = [],
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    let answer: Answer;
    try {
      answer = await fetchFollowing(url, headers, hints);
    } catch (error) {
      if (attempt === ATTEMPTS) throw unreachable(url, error, hints);
      await sleep(FIRST_PAUSE_MS * 2 ** attempt);
      continue;
    }
    const { response } = answer;
    if (response.ok || response.status === 416 || accepted.includes(response.status)) return answer;
    if ((response.status === 429 || response.status >= 500) && attempt < ATTEMPTS) {
      await sleep(FIRST_PAUSE_MS * 2 ** attempt);
      continue;
    }
    throw new CorpusError(`${hints.what}: ${url} answers ${response.status}. ${meaning(response.status)}`);
  }
}

/** A response, and what the server that sent us there says the file is. */
export interface Answer {
  readonly response: Response;
  /** `x-linked-etag` of a redirection: for large files the SHA-256, which the server that has the file may not know. */
  readonly linkedTag: string | null;
}

const MAX_REDIRECTIONS = 10;

async function fetchFollowing(
  url: string,
  headers: Readonly<Record<string, string>>,
  hints: DownloadHints,
): Promise<Answer> {
  let linkedTag: string | null = null;
  for (let place = new URL(url), count = 0; ; count++) {
    // Only the server itself sees the token, not where it sends us.
    const token = place.origin === hints.origin ? process.env['HF_TOKEN'] : undefined;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(place, {
      redirect: 'manual',
      // A coded body has another length, and can't be gone on with.
      headers: { 'accept-encoding': 'identity', ...headers, ...authorization },
    });
    linkedTag ??= response.headers.get('x-linked-etag');
    const location = response.headers.get('location');
    const isRedirection = response.status >= 300 && response.status < 400 && location !== null;
    if (!isRedirection || count === MAX_REDIRECTIONS) return { response, linkedTag };
    await response.body?.cancel();
    place = new URL(location, place);
  }
}

function meaning(status: number): string {
  if (status === 404) return 'There is no such dataset, or no such configuration of it; check the name.';
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
  const { response, linkedTag } = await fetchChecked(url, headers, hints);
  const expected = expectedOf(response, linkedTag);
  // The whole file is here already, and nothing lies beyond it.
  if (response.status === 416) return expected;
  const etag = response.headers.get('etag');
  if (etag === null) rmSync(`${part}.tag`, { force: true });
  else writeFileSync(`${part}.tag`, etag);
  if (response.body === null) throw new Error('the server sent nothing');
  const append = response.status === 206;
  if (append && !(response.headers.get('content-range') ?? '').startsWith(`bytes ${have}-`)) {
    rmSync(part, { force: true });
    throw new Error('the server sent another part of the file than it was asked for');
  }
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
function expectedOf({ headers, status }: Response, linkedTag: string | null): Expected {
  const range = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  const length =
    status === 200 && headers.get('content-encoding') === null ? headers.get('content-length') : null;
  const bytes = range ?? length;
  const plain = (tag: string | null): string => (tag ?? '').replace(/^W\//, '').replaceAll('"', '');
  const tag = plain(linkedTag ?? headers.get('etag'));
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
