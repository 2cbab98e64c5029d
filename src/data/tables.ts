/** Documents from tables of text: JSON Lines and Parquet, one document a row, in a column or field of their own. */
import { CorpusError } from './errors.js';
import { reasonOf, type SourceFile } from './sources.js';

/** With the u flag a pair is one character, so this finds halves alone. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Field that a row's text is taken from where the corpus names none. */
export const DEFAULT_FIELD = 'text';

/**
 * The text of one line of a JSON Lines file; undefined where the line is empty.
 *
 * @throws CorpusError with the line where it is no JSON object, or has no text in the field
 */
export function textOfLine(file: SourceFile, bytes: Buffer, line: number): Buffer | undefined {
  const source = bytes.toString('utf8').trim();
  if (source === '') return undefined;
  const place = `${file.path}:${line}`;
  let row: unknown;
  try {
    row = JSON.parse(source);
  } catch (error) {
    throw new CorpusError(`${place} is not JSON (${reasonOf(error)}).`, { cause: error });
  }
  return textOf(row, file.field ?? DEFAULT_FIELD, place);
}

/**
 * The texts of a Parquet file, in order, a row group at a time.
 *
 * @throws CorpusError where it is no Parquet file, or has no text column of that name
 */
export async function* textsOfParquet(file: SourceFile): AsyncGenerator<Buffer[]> {
  const field = file.field ?? DEFAULT_FIELD;
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  try {
    const buffer = await asyncBufferFromFile(file.path);
    const metadata = await parquetMetadataAsync(buffer);
    const columns = metadata.schema.slice(1).map(({ name }) => name);
    if (!columns.includes(field)) throw new CorpusError(noField(file.path, field, columns));
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows);
      const rows = await parquetReadObjects({
        file: buffer,
        metadata,
        columns: [field],
        compressors,
        rowStart,
        rowEnd,
      });
      const first = rowStart + 1;
      yield rows.map((row, index) => textOf(row, field, `${file.path}, row ${first + index}`));
      rowStart = rowEnd;
    }
  } catch (error) {
    if (error instanceof CorpusError) throw error;
    throw new CorpusError(`${file.path} can't be read as Parquet (${reasonOf(error)}).`, { cause: error });
  }
}

export function isParquet(path: string): boolean {
  return path.endsWith('.parquet');
}

export function isJsonl(path: string): boolean {
  return /\.(jsonl|ndjson)(\.gz)?$/.test(path);
}

function textOf(row: unknown, field: string, place: string): Buffer {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw new CorpusError(`${place}: this row is no object with fields.`);
  const value = (row as Readonly<Record<string, unknown>>)[field];
  if (typeof value === 'string') {
    // A lone surrogate has no UTF-8 form, and would be replaced without a word.
    if (LONE_SURROGATE.test(value))
      throw new CorpusError(`${place}: "${field}" holds half of a surrogate pair.`);
    return Buffer.from(value, 'utf8');
  }
  const columns = Object.keys(row);
  if (!columns.includes(field)) throw new CorpusError(noField(place, field, columns));
  throw new CorpusError(`${place}: "${field}" is ${value === null ? 'null' : typeof value}, not text.`);
}

function noField(place: string, field: string, columns: readonly string[]): string {
  return (
    `${place}: there is no "${field}". There are: ${columns.join(', ') || 'none'}. ` +
    'Name the one that holds the text after the path: corpus: path/*.jsonl#FIELD'
  );
}
