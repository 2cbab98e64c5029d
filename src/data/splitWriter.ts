/** Writing the tokens of a split and the places of its documents, with their checksums. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { SplitName } from './sources.js';
import { readExactly, writeAll } from './textTable.js';
import type { EncodedTexts } from './textTasks.js';
import { littleEndianBytes, tokenBytes } from './tokenSplit.js';

/** Names of a split's files. */
export const tokensFile = (split: SplitName): string => `${split}.bin`;
export const startsFile = (split: SplitName): string => `${split}.documents`;

/** What is known of a split whose tokens were written. */
export interface WrittenSplit {
  readonly tokens: number;
  readonly documents: number;
  readonly utf8Bytes: number;
  /** Of the token file, and of that with the places of the documents. */
  readonly sha256: string;
  readonly startsSha256: string;
}

/** Writes the tokens of a split and the places of its documents. */
export class SplitWriter {
  tokens: number;
  documents: number;
  private readonly tokensFd: number;
  private readonly startsFd: number;
  private readonly tokensHash = createHash('sha256');
  private readonly startsHash = createHash('sha256');

  /** @param before what an earlier writer saved; what it wrote after that is cut off */
  constructor(
    folder: string,
    split: SplitName,
    vocabSize: number,
    before: { texts: number; tokens: number },
  ) {
    this.tokens = before.tokens;
    this.documents = before.texts;
    this.tokensFd = openSync(join(folder, tokensFile(split)), 'a+');
    this.startsFd = openSync(join(folder, startsFile(split)), 'a+');
    keepBeginning(this.tokensFd, before.tokens * tokenBytes(vocabSize), this.tokensHash);
    keepBeginning(this.startsFd, before.texts * Float64Array.BYTES_PER_ELEMENT, this.startsHash);
  }

  add({ tokens, lengths }: EncodedTexts): void {
    const starts = new Float64Array(lengths.length);
    for (let i = 0; i < lengths.length; i++) {
      starts[i] = this.tokens;
      this.tokens += lengths[i]!;
    }
    this.documents += lengths.length;
    for (const [fd, hash, numbers] of [
      [this.tokensFd, this.tokensHash, tokens],
      [this.startsFd, this.startsHash, starts],
    ] as const) {
      const bytes = littleEndianBytes(numbers);
      writeAll(fd, bytes);
      hash.update(bytes);
    }
  }

  sync(): void {
    fsyncSync(this.tokensFd);
    fsyncSync(this.startsFd);
  }

  result(): Omit<WrittenSplit, 'utf8Bytes'> {
    return {
      tokens: this.tokens,
      documents: this.documents,
      sha256: this.tokensHash.digest('hex'),
      startsSha256: this.startsHash.digest('hex'),
    };
  }

  close(): void {
    closeSync(this.tokensFd);
    closeSync(this.startsFd);
  }
}

function keepBeginning(fd: number, bytes: number, hash: Hash): void {
  ftruncateSync(fd, bytes);
  const piece = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0; at < bytes; at += piece.length) {
    const here = piece.subarray(0, Math.min(piece.length, bytes - at));
    readExactly(fd, here, at);
    hash.update(here);
  }
}
