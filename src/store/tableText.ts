/** Rows of values as text: aligned columns, CSV, JSON or Markdown. */
import { showControls } from './controls.js';
import { UsageError } from './errors.js';

export type CellValue = string | number | null;

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly CellValue[])[];
}

export const tableFormats = ['table', 'csv', 'json', 'markdown'] as const;
export type TableFormat = (typeof tableFormats)[number];

/**
 * Renders a table.
 *
 * `csv` and `json` are exact: numbers with all digits, null as an empty field or `null`. `table` and `markdown` are for
 * people: numbers that are not whole to 6 significant digits.
 *
 * @throws UsageError where JSON is asked for and two columns share a name
 */
export function renderTable(table: Table, format: TableFormat): string {
  switch (format) {
    case 'table':
      return renderAligned(table);
    case 'csv':
      return renderCsv(table);
    case 'json':
      return renderJson(table);
    case 'markdown':
      return renderMarkdown(table);
    default:
      return format satisfies never;
  }
}

/** A number for people: whole ones below a billion in full, others to 6 significant digits. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4)
    return value
      .toExponential(5)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  return String(Number(value.toPrecision(6)));
}

const inOneLine = (text: string): string => showControls(text, '⏎');

function formatCell(value: CellValue): string {
  if (value === null) return '';
  return typeof value === 'number' ? formatNumber(value) : inOneLine(value);
}

function renderAligned({ columns, rows }: Table): string {
  const cells = rows.map((row) => row.map(formatCell));
  const isNumeric = columns.map(
    (_, column) =>
      rows.some((row) => typeof row[column] === 'number') &&
      rows.every((row) => typeof row[column] !== 'string'),
  );
  const names = columns.map(inOneLine);
  const widths = names.map((name, column) =>
    Math.max(width(name), ...cells.map((row) => width(row[column]!))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, column) => {
        const blank = ' '.repeat(widths[column]! - width(text));
        return isNumeric[column] ? blank + text : text + blank;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((size) => '─'.repeat(size)).join('  ');
  return `${[line(names), rule, ...cells.map(line)].join('\n')}\n`;
}

/** Characters, not code units; wide characters of East Asian scripts count as one. */
function width(text: string): number {
  return Array.from(text).length;
}

/** RFC 4180, with CRLF between records. */
function renderCsv({ columns, rows }: Table): string {
  const field = (value: CellValue): string => {
    const text = value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function renderJson({ columns, rows }: Table): string {
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated !== undefined) {
    throw new UsageError(`Two columns are named ${repeated}, which JSON can't say. Rename one with AS.`);
  }
  const objects = rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
  return `${JSON.stringify(objects, null, 2)}\n`;
}

function renderMarkdown({ columns, rows }: Table): string {
  const isNumeric = columns.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'),
  );
  const escape = (text: string): string =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replace(/[\\|`*_[\]]/g, '\\$&');
  const line = (texts: readonly string[]): string => `| ${texts.join(' | ')} |\n`;
  const header = line(columns.map((column) => escape(inOneLine(column))));
  const rule = line(isNumeric.map((numeric) => (numeric ? '---:' : '---')));
  return header + rule + rows.map((row) => line(row.map((value) => escape(formatCell(value))))).join('');
}
