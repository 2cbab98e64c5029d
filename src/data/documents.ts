/** Reading the documents of a file piece by piece: gzip, the check for UTF-8, and the marks between documents. */
import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { CorpusError } from './errors.js';
import { reasonOf, sha256OfFile, type SourceFile } from './sources.js';
import { isJsonl, isParquet, textOfLine, textsOfParquet } from './tables.js';
import { HASH_BYTES } from './textTable.js';
import { firstInvalidUtf8 } from './utf8.js';

const FORM_FEED = 0x0c;
const NEWLINE = 0x0a;

/** Bytes of a file read at a time. */
const PIECE_BYTES = 2 ** 20;

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The first half of a text's SHA-256: enough to tell texts apart. */
export function sha256Start(text: Buffer): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, HASH_BYTES);
}

/**
 * Reads the documents of one file, some at a time. In JSON Lines and Parquet a document is a row; in other files a form
 * feed (U+000C) separates documents; a stretch with nothing but white space (as before a form feed at the end) is none.
 * Nothing else is changed: no normalisation, no trimming. Holds one document and a piece of the file in memory, of
 * Parquet a row group.
 *
 * @param expectedSha256 what the file's bytes hashed to when the corpus was looked up; checked when all are read
 * @throws CorpusError where the file has changed since, is not UTF-8 (with the byte offset), is a broken gzip file,
 *   or has a document that is too large
 */
export async function* readDocuments(file: SourceFile, expectedSha256: string): AsyncGenerator<Buffer[]> {
  if (isParquet(file.path)) {
    if (sha256OfFile(file.path) !== expectedSha256) throw new CorpusError(changed(file.path));
    for await (const texts of textsOfParquet(file)) yield texts.filter(hasText);
    return;
  }
  const hash = createHash('sha256');
  const parts = new Parts(file.path, isJsonl(file.path) ? NEWLINE : FORM_FEED);
  let line = 0;
  const documentsOf = (found: readonly Buffer[]): Buffer[] => {
    if (!isJsonl(file.path)) return found.filter(hasText);
    return found.flatMap((bytes) => textOfLine(file, bytes, (line += 1)) ?? []).filter(hasText);
  };
  for await (const piece of textOf(file.path, hash)) yield documentsOf(parts.take(piece));
  yield documentsOf(parts.end());
  if (hash.digest('hex') !== expectedSha256) throw new CorpusError(changed(file.path));
}

const changed = (path: string): string =>
  `${path} changed while it was being read; start again when nothing writes to it.`;

/** A file's text in pieces, unpacked where it is gzip. */
async function* textOf(path: string, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  const raw = createReadStream(path, { highWaterMark: PIECE_BYTES });
  if (!isGzip(path)) {
    for await (const piece of raw) {
      hash.update(piece as Buffer);
      yield piece as Buffer;
    }
    return;
  }
  const text = createGunzip({ chunkSize: PIECE_BYTES });
  raw.on('data', (piece) => hash.update(piece));
  raw.on('error', (error) => text.destroy(error));
  raw.pipe(text);
  try {
    for await (const piece of text) yield piece as Buffer;
    // What follows the last member is no text, but it is of the file.
    if (!raw.readableEnded) await once(raw.resume(), 'end');
  } catch (error) {
    throw new CorpusError(`${path} is not a whole gzip file (${reasonOf(error)}).`, { cause: error });
  } finally {
    raw.destroy();
  }
}

/** No UTF-8 text starts with gzip's two magic bytes, so the contents decide, not the name. */
function isGzip(path: string): boolean {
  const start = Buffer.alloc(2);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, 2, 0);
  } finally {
    closeSync(file);
  }
  return start[0] === 0x1f && start[1] === 0x8b;
}

/** Cuts a text that comes in pieces at a mark, and checks that each part is UTF-8. */
class Parts {
  private readonly path: string;
  private readonly mark: number;
  /** The beginning of a part, and where in the text it starts. */
  private begun: Buffer[] = [];
  private begunBytes = 0;
  private offset = 0;

  constructor(path: string, mark: number) {
    this.path = path;
    this.mark = mark;
  }

  take(piece: Buffer): Buffer[] {
    const parts: Buffer[] = [];
    let start = 0;
    for (let at = piece.indexOf(this.mark); at >= 0; at = piece.indexOf(this.mark, start)) {
      this.begin(piece.subarray(start, at));
      parts.push(this.finish());
      this.offset += 1;
      start = at + 1;
    }
    this.begin(piece.subarray(start));
    return parts;
  }

  end(): Buffer[] {
    return [this.finish()];
  }

  private begin(bytes: Buffer): void {
    this.begun.push(bytes);
    this.begunBytes += bytes.length;
    if (this.begunBytes > constants.MAX_STRING_LENGTH) {
      throw new CorpusError(
        `${this.path}: a document, from byte ${this.offset} of the text, has more than ${constants.MAX_STRING_LENGTH} ` +
          'bytes, the most a document may have. Separate its parts with form feeds (U+000C).',
      );
    }
  }

  private finish(): Buffer {
    const part = this.begun.length === 1 ? this.begun[0]! : Buffer.concat(this.begun);
    const invalidAt = firstInvalidUtf8(part);
    if (invalidAt >= 0) {
      throw new CorpusError(
        `${this.path} is not UTF-8: the byte 0x${part[invalidAt]!.toString(16).padStart(2, '0')} at offset ` +
          `${this.offset + invalidAt} of its text does not continue a character. Convert the file to UTF-8 (with iconv, for instance).`,
      );
    }
    this.offset += part.length;
    this.begun = [];
    this.begunBytes = 0;
    return part;
  }
}

function hasText(bytes: Buffer): boolean {
  return bytes.some((byte) => byte > 0x20);
}
