/** Reading the documents of a corpus: gzip, the check for UTF-8, and the form feeds between documents. */
import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { CorpusError } from './errors.js';
import { reasonOf, sha256OfFile, type SourceFile, type SplitName } from './sources.js';
import { isJsonl, isParquet, textsOfJsonl, textsOfParquet } from './tables.js';
import { firstInvalidUtf8 } from './utf8.js';

const FORM_FEED = 0x0c;

/** Node reads files below this size in one piece. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/** A document as it was found. */
export interface SourceDocument {
  /** The file's name, with `#2` and so on where the file holds several documents. */
  readonly name: string;
  /** The text in UTF-8, exactly as it stands in the file. */
  readonly bytes: Buffer;
  /** SHA-256 of `bytes`, in hex. */
  readonly sha256: string;
  /** The split that the corpus itself puts it in, or null. */
  readonly split: SplitName | null;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Reads the documents of one file. In JSON Lines and Parquet a document is a row; in other files a form feed (U+000C) separates documents; a stretch with nothing but white space
 * (as before a form feed at the end) is none. Nothing else is changed: no normalisation, no trimming.
 *
 * @param expectedSha256 what the file's bytes hashed to when the corpus was looked up
 * @throws CorpusError where the file has changed since, is not UTF-8 (with the byte offset), is a broken gzip file,
 *   or is too large
 */
export async function readDocuments(file: SourceFile, expectedSha256: string): Promise<SourceDocument[]> {
  if (isParquet(file.path)) {
    if (sha256OfFile(file.path) !== expectedSha256) throw new CorpusError(changed(file.path));
    const texts: Buffer[] = [];
    for await (const text of textsOfParquet(file)) texts.push(text);
    return toDocuments(file, texts.filter(hasText));
  }
  const text = readText(file.path, expectedSha256);
  const invalidAt = firstInvalidUtf8(text);
  if (invalidAt >= 0) {
    throw new CorpusError(
      `${file.path} is not UTF-8: the byte 0x${text[invalidAt]!.toString(16).padStart(2, '0')} at offset ${invalidAt} ` +
        'of its text does not continue a character. Convert the file to UTF-8 (with iconv, for instance).',
    );
  }
  const parts = isJsonl(file.path) ? [...textsOfJsonl(file, text)] : splitAtFormFeeds(text);
  return toDocuments(file, parts.filter(hasText));
}

function toDocuments(file: SourceFile, parts: readonly Buffer[]): SourceDocument[] {
  return parts.map((bytes, index) => {
    const name = parts.length === 1 ? file.name : `${file.name}#${index + 1}`;
    if (bytes.length > constants.MAX_STRING_LENGTH) {
      throw new CorpusError(
        `${file.path}: document ${name} has ${bytes.length} bytes, and a document may have ` +
          `${constants.MAX_STRING_LENGTH} at most. Separate its parts with form feeds (U+000C).`,
      );
    }
    return { name, bytes, sha256: sha256(bytes), split: file.split };
  });
}

function readText(path: string, expectedSha256: string): Buffer {
  const { size } = statSync(path);
  if (size > MAX_FILE_BYTES) {
    throw new CorpusError(`${path} has ${size} bytes; split it into files below ${MAX_FILE_BYTES} bytes.`);
  }
  const bytes = readFileSync(path);
  if (sha256(bytes) !== expectedSha256) {
    throw new CorpusError(changed(path));
  }
  // No UTF-8 text starts with gzip's two magic bytes, so the contents decide, not the name.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new CorpusError(`${path} is not a whole gzip file (${reasonOf(error)}).`, { cause: error });
  }
}

const changed = (path: string): string =>
  `${path} changed while it was being read; start again when nothing writes to it.`;

function splitAtFormFeeds(text: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = text.indexOf(FORM_FEED); at >= 0; at = text.indexOf(FORM_FEED, start)) {
    parts.push(text.subarray(start, at));
    start = at + 1;
  }
  parts.push(text.subarray(start));
  return parts;
}

function hasText(bytes: Buffer): boolean {
  return bytes.some((byte) => byte > 0x20);
}
