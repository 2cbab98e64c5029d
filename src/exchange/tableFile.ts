/** Where a table goes: to a file as a whole, or to standard output; as text or as Parquet. */
import { UsageError } from '../store/errors.js';
import { writeNamedFile } from '../store/namedFile.js';
import { renderTable } from '../store/tableText.js';
import type { Table } from '../store/tableText.js';
import type { FileFormat } from './formats.js';
import { tableToParquet } from './parquet.js';

/** The part of standard output that is used. */
export interface OutputStream {
  readonly isTTY?: boolean;
  write(content: string | Uint8Array): unknown;
}

/**
 * Writes a table.
 *
 * @param out the file, replaced as a whole; standard output where undefined
 * @throws UsageError where Parquet, which is no text, would go to a terminal, or the file can't be written
 */
export function writeTable(
  table: Table,
  format: FileFormat,
  out: string | undefined,
  stdout: OutputStream = process.stdout,
): void {
  if (format === 'parquet' && out === undefined && stdout.isTTY === true) {
    throw new UsageError('Parquet is not text: name a file with --out FILE, or redirect the output.');
  }
  const content = format === 'parquet' ? tableToParquet(table) : renderTable(table, format);
  if (out === undefined) {
    stdout.write(content);
    return;
  }
  writeNamedFile(out, content);
}
