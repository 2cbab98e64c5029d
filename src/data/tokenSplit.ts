/** A split of a corpus as one stream of token ids, with the places of its documents. */
import { endianness } from 'node:os';
import { type SourceDocument, sha256 } from './documents.js';
import type { Tokenizer } from './tokenizer.js';

/** Token ids: 16 bits wide where the vocabulary has at most 65,536 tokens. */
export type TokenArray = Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** One split as a stream: the tokens of document after document, each followed by one separator. */
export interface TokenSplit {
  readonly tokens: TokenArray;
  /** Index in `tokens` of each document's first token; its separator is the last token before the next document. */
  readonly documentStarts: Int32Array;
  /** Names of the documents, in stream order. */
  readonly documents: readonly string[];
  /** UTF-8 bytes of the documents, separators not counted. */
  readonly utf8Bytes: number;
  /** SHA-256, in hex, of the token ids as little-endian integers of `tokens`' width. */
  readonly sha256: string;
}

const WIDEST_UINT16_VOCAB = 2 ** 16;

export function tokenArray(vocabSize: number, length: number): TokenArray {
  return vocabSize <= WIDEST_UINT16_VOCAB ? new Uint16Array(length) : new Int32Array(length);
}

/** The token ids of one document with its separator. */
export function encodeDocument({ bytes }: SourceDocument, tokenizer: Tokenizer): TokenArray {
  const ids = tokenizer.encode(bytes.toString('utf8'));
  const tokens = tokenArray(tokenizer.vocabSize, ids.length + 1);
  tokens.set(ids);
  tokens[ids.length] = tokenizer.separatorId;
  return tokens;
}

/** Joins encoded documents into one stream. */
export function joinDocuments(
  parts: readonly { readonly document: SourceDocument; readonly tokens: TokenArray }[],
  vocabSize: number,
): TokenSplit {
  const stream = tokenArray(
    vocabSize,
    parts.reduce((sum, { tokens }) => sum + tokens.length, 0),
  );
  const documentStarts = new Int32Array(parts.length);
  let length = 0;
  for (const [index, { tokens }] of parts.entries()) {
    documentStarts[index] = length;
    stream.set(tokens, length);
    length += tokens.length;
  }
  return {
    tokens: stream,
    documentStarts,
    documents: parts.map(({ document }) => document.name),
    utf8Bytes: parts.reduce((sum, { document }) => sum + document.bytes.length, 0),
    sha256: sha256(littleEndianBytes(stream)),
  };
}

/** The bytes of token ids, least significant first on any machine; shares memory with `tokens` where it can. */
export function littleEndianBytes(tokens: TokenArray): Buffer {
  const bytes = Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  return swappedOnBigEndian(bytes, tokens.BYTES_PER_ELEMENT);
}

/** Token ids from the bytes that {@link littleEndianBytes} gave. */
export function tokensFromBytes(bytes: Buffer, vocabSize: number): TokenArray {
  const width = tokenArray(vocabSize, 0).BYTES_PER_ELEMENT;
  const tokens = tokenArray(vocabSize, bytes.length / width);
  new Uint8Array(tokens.buffer).set(swappedOnBigEndian(bytes, width));
  return tokens;
}

function swappedOnBigEndian(bytes: Buffer, width: number): Buffer {
  if (endianness() === 'LE') return bytes;
  const copy = Buffer.from(bytes);
  return width === 2 ? copy.swap16() : copy.swap32();
}
