/** Tables as Parquet files, for pandas, DuckDB and the like. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { UsageError } from '../store/errors.js';
import type { CellValue, Table } from '../store/tableText.js';

type ParquetColumn = Parameters<typeof parquetWriteBuffer>[0]['columnData'][number];

/**
 * Encodes a table as Parquet (Snappy, every column nullable). A column of whole numbers is INT64, one of numbers DOUBLE,
 * anything else STRING: in a column with both numbers and text the numbers are written out in full.
 *
 * @throws UsageError where two columns share a name
 */
export function tableToParquet({ columns, rows }: Table): Uint8Array {
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated !== undefined) {
    throw new UsageError(`Two columns are named ${repeated}, which Parquet can't say. Rename one with AS.`);
  }
  const columnData = columns.map((name, i) =>
    toColumn(
      name,
      rows.map((row) => row[i]!),
    ),
  );
  return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'isoloss' }));
}

function toColumn(name: string, values: readonly CellValue[]): ParquetColumn {
  const numbers = values.filter((value) => typeof value === 'number');
  const hasText = values.some((value) => typeof value === 'string');
  if (hasText || numbers.length === 0) {
    const data = values.map((value) => (value === null ? null : String(value)));
    return { name, data, type: 'STRING', nullable: true };
  }
  if (numbers.every((value) => Number.isSafeInteger(value) && !Object.is(value, -0))) {
    const data = values.map((value) => (value === null ? null : BigInt(value)));
    return { name, data, type: 'INT64', nullable: true };
  }
  return { name, data: [...values], type: 'DOUBLE', nullable: true };
}
