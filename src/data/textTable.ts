/**
 * The texts of a corpus on disk while it is prepared: all documents end to end in one file, and a row of a table for
 * each. What is in memory is the table: 32 bytes a document, whatever the text's length.
 */
import type { Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CorpusError } from './errors.js';

/** Length (32 bits), number of the file (32 bits) and half of the SHA-256 of a text. */
const ROW_BYTES = 24;
export const HASH_BYTES = 16;

/** A twelfth of it held out for each of val and test stays below what a JavaScript Map holds. */
const MAX_TEXTS = 2 ** 27;

/** Places, files and hashes of texts, in order. */
export class TextTable {
  private rows: Buffer = Buffer.alloc(64 * ROW_BYTES);
  private starts = new Float64Array(64);
  count = 0;

  /** @throws CorpusError where there are more than can be told apart */
  add(start: number, bytes: number, file: number, hash: Buffer): void {
    if (this.count === MAX_TEXTS) {
      throw new CorpusError(
        `The corpus has more than ${MAX_TEXTS} documents. Take a part of it (?shards=N for a dataset).`,
      );
    }
    if (this.count === this.starts.length) {
      this.rows = Buffer.concat([this.rows, Buffer.alloc(this.rows.length)]);
      const starts = new Float64Array(2 * this.starts.length);
      starts.set(this.starts);
      this.starts = starts;
    }
    const at = this.count * ROW_BYTES;
    this.starts[this.count] = start;
    this.rows.writeUInt32LE(bytes, at);
    this.rows.writeUInt32LE(file, at + 4);
    hash.copy(this.rows, at + 8, 0, HASH_BYTES);
    this.count += 1;
  }

  startOf(text: number): number {
    return this.starts[text]!;
  }

  bytesOf(text: number): number {
    return this.rows.readUInt32LE(text * ROW_BYTES);
  }

  fileOf(text: number): number {
    return this.rows.readUInt32LE(text * ROW_BYTES + 4);
  }

  /** Equal for equal texts. */
  hashOf(text: number): string {
    const at = text * ROW_BYTES + 8;
    return this.rows.toString('latin1', at, at + HASH_BYTES);
  }

  /** Of all texts. */
  totalBytes(): number {
    let total = 0;
    for (let text = 0; text < this.count; text++) total += this.bytesOf(text);
    return total;
  }

  /** Rows from `first` on, to be kept in a file. */
  rowsFrom(first: number): Buffer {
    return this.rows.subarray(first * ROW_BYTES, this.count * ROW_BYTES);
  }

  /** The table of texts that lie end to end, from rows that {@link rowsFrom} gave. */
  static fromRows(rows: Buffer, count: number): TextTable {
    const table = new TextTable();
    let start = 0;
    for (let at = 0; at < count * ROW_BYTES; at += ROW_BYTES) {
      const bytes = rows.readUInt32LE(at);
      table.add(start, bytes, rows.readUInt32LE(at + 4), rows.subarray(at + 8, at + ROW_BYTES));
      start += bytes;
    }
    return table;
  }
}

/** The two files that texts are kept in while a corpus is prepared. */
export interface TextFiles {
  readonly texts: string;
  readonly table: string;
}

export function textFiles(folder: string): TextFiles {
  return { texts: join(folder, 'texts'), table: join(folder, 'documents') };
}

/** Writes texts end to end. */
export class TextWriter {
  readonly table: TextTable;
  textBytes: number;
  private readonly texts: number;
  private readonly rows: number;
  private savedRows: number;

  /** @param saved what an earlier writer saved; what it wrote after that is cut off */
  constructor(files: TextFiles, saved: { readonly textBytes: number; readonly documents: number }) {
    this.texts = openSync(files.texts, 'a+');
    this.rows = openSync(files.table, 'a+');
    ftruncateSync(this.texts, saved.textBytes);
    ftruncateSync(this.rows, saved.documents * ROW_BYTES);
    this.table = TextTable.fromRows(readFileSync(files.table), saved.documents);
    this.textBytes = saved.textBytes;
    this.savedRows = saved.documents;
  }

  /** @param hash of each text */
  add(texts: readonly Buffer[], file: number, hash: (text: Buffer) => Buffer): void {
    if (texts.length === 0) return;
    writeAll(this.texts, texts.length === 1 ? texts[0]! : Buffer.concat(texts));
    for (const text of texts) {
      this.table.add(this.textBytes, text.length, file, hash(text));
      this.textBytes += text.length;
    }
  }

  /** Makes all that was added survive a power cut. */
  save(): void {
    writeAll(this.rows, this.table.rowsFrom(this.savedRows));
    this.savedRows = this.table.count;
    fsyncSync(this.texts);
    fsyncSync(this.rows);
  }

  close(): void {
    closeSync(this.texts);
    closeSync(this.rows);
  }
}

/** Writes all of the bytes: a single call may stop short. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done);
}

/** Reads `into.length` bytes of an open file from `position` on. @throws Error where the file ends before */
export function readExactly(file: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length;) {
    const length = readSync(file, into, done, into.length - done, position + done);
    if (length === 0) throw new Error(`the file ends ${into.length - done} bytes too early`);
    done += length;
  }
}

/** Hashes the texts of a file, a form feed after each. */
export async function hashTexts(path: string, table: TextTable, hash: Hash): Promise<void> {
  let document = 0;
  let left = table.bytesOf(0);
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    let bytes = piece as Buffer;
    while (bytes.length >= left && document < table.count) {
      hash.update(bytes.subarray(0, left)).update('\f');
      bytes = bytes.subarray(left);
      document += 1;
      left = document < table.count ? table.bytesOf(document) : Infinity;
    }
    hash.update(bytes);
    left -= bytes.length;
  }
}
