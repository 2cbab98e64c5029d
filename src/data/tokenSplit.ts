/** A split of a corpus as one stream of token ids, with the places of its documents; on disk, or in memory. */
import { closeSync, openSync } from 'node:fs';
import { endianness } from 'node:os';
import { readExactly } from './textTable.js';

/** Token ids: 16 bits wide where the vocabulary has at most 65,536 tokens. */
export type TokenArray = Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Token ids that can be read from any place on. An array of them is one. */
export interface TokenStream {
  readonly length: number;
  /** A copy of the ids from `start` to `end` (exclusive). */
  slice(start: number, end: number): TokenArray;
}

/** One split as a stream: the tokens of document after document, each followed by one separator. */
export interface TokenSplit {
  readonly tokens: TokenStream;
  readonly documentCount: number;
  /** Index in `tokens` of each document's first token; its separator is the last token before the next document. */
  readonly documentStarts: Float64Array;
  /** UTF-8 bytes of the documents, separators not counted. */
  readonly utf8Bytes: number;
  /** SHA-256, in hex, of the token ids as little-endian integers, 16 or 32 bits wide. */
  readonly sha256: string;
}

const WIDEST_UINT16_VOCAB = 2 ** 16;

export function tokenArray(vocabSize: number, length: number): TokenArray {
  return vocabSize <= WIDEST_UINT16_VOCAB ? new Uint16Array(length) : new Int32Array(length);
}

/** Bytes of a token on disk. */
export function tokenBytes(vocabSize: number): number {
  return tokenArray(vocabSize, 0).BYTES_PER_ELEMENT;
}

/**
 * Tokens of a file, read by position as they are asked for. What is read stays in the system's page cache, which all
 * processes share, so a corpus may be larger than memory and is there once however many processes train on it.
 *
 * @param length tokens in the file
 */
export function fileTokens(path: string, vocabSize: number, length: number): TokenStream {
  const width = tokenBytes(vocabSize);
  let file: number | undefined;
  return {
    length,
    slice(start, end) {
      file ??= openSync(path, 'r');
      const tokens = tokenArray(vocabSize, end - start);
      const bytes = Buffer.from(tokens.buffer);
      try {
        readExactly(file, bytes, start * width);
      } catch (error) {
        throw new Error(`${path} can't be read (${String(error)}). Prepare the corpus again.`, {
          cause: error,
        });
      }
      swapOnBigEndian(bytes, width);
      return tokens;
    },
  };
}

/** The tokens of a file, all in memory. */
export function loadTokens(path: string, vocabSize: number, length: number): TokenArray {
  const tokens = tokenArray(vocabSize, length);
  readInto(path, Buffer.from(tokens.buffer), tokens.BYTES_PER_ELEMENT);
  return tokens;
}

/** Numbers of 64 bits from a file that {@link littleEndianBytes} gave the bytes of. */
export function loadNumbers(path: string, length: number): Float64Array {
  const numbers = new Float64Array(length);
  readInto(path, Buffer.from(numbers.buffer), numbers.BYTES_PER_ELEMENT);
  return numbers;
}

function readInto(path: string, bytes: Buffer, width: number): void {
  const file = openSync(path, 'r');
  try {
    readExactly(file, bytes, 0);
  } finally {
    closeSync(file);
  }
  swapOnBigEndian(bytes, width);
}

/** The bytes of numbers, least significant first on any machine; shares memory with them where it can. */
export function littleEndianBytes(numbers: TokenArray | Float64Array<ArrayBuffer>): Buffer {
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  if (endianness() === 'LE') return bytes;
  const copy = Buffer.from(bytes);
  swapOnBigEndian(copy, numbers.BYTES_PER_ELEMENT);
  return copy;
}

function swapOnBigEndian(bytes: Buffer, width: number): void {
  if (endianness() === 'LE') return;
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else bytes.swap64();
}
