/** Reads CSV and TSV text (RFC 4180) into a table; every error names its line. */
import { FitError } from './error.js';

export interface CsvTable {
  readonly header: readonly string[];
  /** Fields of each record; empty lines are no records. */
  readonly records: readonly (readonly string[])[];
  /** Line of the file that each record starts on, counting from 1. */
  readonly lines: readonly number[];
}

/** The delimiter of a header line: a tab where there is one, else a comma, else a semicolon. */
function delimiterOf(text: string): string {
  const header = text.slice(0, text.search(/[\r\n]|$/));
  return header.includes('\t') ? '\t' : header.includes(',') ? ',' : header.includes(';') ? ';' : ',';
}

/**
 * Parses delimited text with a header line. Fields may be quoted, with quotes doubled inside and line ends allowed; a
 * byte order mark is skipped.
 *
 * @throws FitError for an unclosed or misplaced quote, a record of another length than the header, a column named
 * twice, or a text without records.
 */
export function parseCsv(source: string, name: string): CsvTable {
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const delimiter = delimiterOf(text);
  const records: string[][] = [];
  const lines: number[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const start = line;
    const fields: string[] = [];
    for (;;) {
      let field: string;
      if (text[at] === '"') {
        const parts: string[] = [];
        at += 1;
        for (;;) {
          const close = text.indexOf('"', at);
          if (close < 0) throw new FitError(`${name}, line ${start}: a quoted field is not closed.`);
          parts.push(text.slice(at, close));
          at = close + 1;
          if (text[at] !== '"') break;
          parts.push('"');
          at += 1;
        }
        field = parts.join('');
        for (const character of field) if (character === '\n') line += 1;
        if (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') {
          throw new FitError(`${name}, line ${line}: text follows the closing quote of a field.`);
        }
      } else {
        const from = at;
        while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at += 1;
        field = text.slice(from, at);
      }
      fields.push(field.trim());
      if (text[at] !== delimiter) break;
      at += 1;
    }
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') at += 1;
    line += 1;
    if (fields.length === 1 && fields[0] === '') continue;
    records.push(fields);
    lines.push(start);
  }

  const header = records.shift();
  lines.shift();
  if (header === undefined)
    throw new FitError(`${name} is empty; it needs a header line and a row for each run.`);
  const twice = header.find((column, i) => header.indexOf(column) !== i);
  if (twice !== undefined) throw new FitError(`${name}: the header names the column "${twice}" twice.`);
  records.forEach((fields, i) => {
    if (fields.length !== header.length) {
      throw new FitError(
        `${name}, line ${lines[i]!}: ${fields.length} fields, but the header has ${header.length}.`,
      );
    }
  });
  if (records.length === 0) throw new FitError(`${name} has a header but no rows.`);
  return { header, records, lines };
}
