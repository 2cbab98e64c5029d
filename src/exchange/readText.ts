/** Tables of other programs as text. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { UsageError } from '../store/errors.js';

/**
 * The text of a file. Bytes that are no UTF-8 are refused: read as something else, names that differ would become one.
 *
 * @throws UsageError where the file can't be read, or is no UTF-8
 */
export function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UsageError(`Can't read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  // No character of several bytes has the byte of a line feed among them.
  const lines = bytes.toString('latin1').split('\n');
  const wrong = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')));
  throw new UsageError(`Can't read ${file}, line ${wrong + 1}: it is not UTF-8; save the file as UTF-8.`);
}
