/** A dataset and the ways it is shown: HTML table, Markdown table, CSV. Values are rounded when the dataset is made. */
import { sixDigits } from './format.js';
import { markup, type Markup } from './html.js';
import { escapeMarkdown } from './rich.js';

export type Value = string | number | boolean | null;

/** Rows by column, as charts, files and the page carry them; numbers have 6 significant digits. */
export interface Dataset {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** A column of a table for people: which field of the dataset, its heading with unit, and how a number is written. */
export interface Column {
  readonly field: string;
  readonly label: string;
  readonly format?: (value: number) => string;
}

export interface Table {
  readonly dataset: Dataset;
  readonly columns: readonly Column[];
  /** Says what a row is. */
  readonly caption: string;
}

/** Makes a dataset of records that all have the same fields, in the order of the first one's. */
export function datasetOf<Field extends string>(
  columns: readonly Field[],
  records: readonly Readonly<Record<Field, Value>>[],
): Dataset {
  return {
    columns,
    rows: records.map((record) =>
      columns.map((column) => {
        const value: Value = record[column];
        return typeof value === 'number' ? sixDigits(value) : value;
      }),
    ),
  };
}

/**
 * A table whose dataset has the fields of its rows, in their order; null without rows.
 *
 * @param rows that all have the same fields
 */
export function tableOf<Row extends Readonly<Record<string, Value>>>(
  caption: string,
  rows: readonly Row[],
  columns: readonly (Column & { readonly field: keyof Row & string })[],
): Table | null {
  const [first] = rows;
  return first === undefined ? null : { caption, dataset: datasetOf(Object.keys(first), rows), columns };
}

/** The rows as objects, as Vega-Lite reads them. */
export function recordsOf(dataset: Dataset): Record<string, Value>[] {
  return dataset.rows.map((row) => Object.fromEntries(dataset.columns.map((column, i) => [column, row[i]!])));
}

function cellText(value: Value, column: Column): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  return column.format === undefined ? String(value) : column.format(value);
}

function cellsOf(table: Table): { text: string; numeric: boolean }[][] {
  const indices = table.columns.map((column) => {
    const index = table.dataset.columns.indexOf(column.field);
    if (index < 0) throw new Error(`The table '${table.caption}' has no field '${column.field}'.`);
    return index;
  });
  return table.dataset.rows.map((row) =>
    table.columns.map((column, i) => {
      const value = row[indices[i]!]!;
      return { text: cellText(value, column), numeric: typeof value === 'number' };
    }),
  );
}

/** Columns with a longer text than this are wrapped. */
const WRAPPED_LENGTH = 44;

export type Align = 'left' | 'right';

/** A table's texts as every format writes them. */
export interface TableCells {
  readonly caption: string;
  readonly heads: readonly string[];
  readonly aligns: readonly Align[];
  readonly rows: readonly (readonly string[])[];
}

/** The texts of a table: columns of numbers stand to the right. */
export function textsOf(table: Table): TableCells {
  const cells = cellsOf(table);
  return {
    caption: table.caption,
    heads: table.columns.map((column) => column.label),
    aligns: table.columns.map((_, i) => (cells.some((row) => row[i]!.numeric) ? 'right' : 'left')),
    rows: cells.map((row) => row.map((cell) => cell.text)),
  };
}

/** A real table with a caption and header cells, wide ones in a scroller of their own. */
export function tableToHtml(table: Table): Markup {
  const cells = cellsOf(table);
  const classes = table.columns.map((_, i) => {
    if (cells.some((row) => row[i]!.numeric)) return markup` class="n"`;
    return cells.some((row) => row[i]!.text.length > WRAPPED_LENGTH) ? markup` class="w"` : null;
  });
  const heads = table.columns.map((column, i) => markup`<th scope="col"${classes[i]!}>${column.label}</th>`);
  const rows = cells.map(
    (row) => markup`<tr>${row.map((cell, i) => markup`<td${classes[i]!}>${cell.text}</td>`)}</tr>\n`,
  );
  return markup`<div class="scroll" role="region" aria-label="${table.caption}" tabindex="0">
<table><caption>${table.caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${rows}</tbody></table></div>`;
}

export function tableToMarkdown(table: Table): string {
  const { heads, aligns, rows } = textsOf(table);
  const line = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`;
  return [
    line(heads.map(escapeMarkdown)),
    line(aligns.map((align) => (align === 'right' ? '---:' : '---'))),
    ...rows.map((row) => line(row.map(escapeMarkdown))),
  ].join('\n');
}

/** CSV after RFC 4180: quotes only where needed, a header line, CRLF. */
export function datasetToCsv(dataset: Dataset): string {
  const field = (value: Value): string => {
    if (value === null) return '';
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [dataset.columns, ...dataset.rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}
