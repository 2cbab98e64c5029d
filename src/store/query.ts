/** Questions in SQL, of an index that can't be changed by them. */
import Database from 'better-sqlite3';
import { CACHE_KIBIBYTES, withIndex } from './database.js';
import type { Index, IndexOptions } from './database.js';
import { UsageError } from './errors.js';
import type { CellValue, Table } from './tableText.js';
import { views } from './views.js';

export interface QueryAnswer {
  readonly table: Table;
  /** What the user should know of the index, in a sentence each. */
  readonly notices: readonly string[];
}

/** Tables that only the index itself needs. */
const INTERNAL_TABLES = ['sources', 'source_problems', 'run_copies'];

/**
 * Answers one SQL statement that reads, or the bare name of a view or table (`best-per-budget` is `best_per_budget`).
 *
 * Whole numbers beyond 2^53 come as strings, since a number would round them; blobs come as hex digits.
 *
 * @param parameters values for `$name` in the statement
 * @throws UsageError where the statement is wrong, writes, or is more than one
 */
export function query(
  resultsDir: string,
  sql: string,
  options: IndexOptions = {},
  parameters: Readonly<Record<string, CellValue>> = {},
): QueryAnswer {
  return withIndex(resultsDir, options, (index) => ({
    table: readOnly(index, (db) => answer(db, sql, parameters)),
    notices: index.notices,
  }));
}

/** The tables and views with their columns, and what the views are for: the schema that a question is written against. */
export function describeSchema(resultsDir: string, options: IndexOptions = {}): string {
  return withIndex(resultsDir, options, ({ db }) => {
    const columns = (name: string): string =>
      db.prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)').pluck().all(name).join(', ');
    const tables = relationNames(db).filter((name) => !views.some((view) => view.name === name));
    return [
      'Views',
      ...views.map(({ name, description }) => `  ${name}: ${description}\n    ${columns(name)}`),
      '',
      'Tables',
      ...tables.map((name) => `  ${name}\n    ${columns(name)}`),
      '',
    ].join('\n');
  });
}

function relationNames(db: Database.Database): string[] {
  return db
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY name`,
    )
    .pluck()
    .all()
    .filter((name) => !INTERNAL_TABLES.includes(name));
}

/** Gives `use` a connection that can't write: one of its own, or the index's where that is in memory. */
function readOnly<T>(index: Index, use: (db: Database.Database) => T): T {
  if (index.path === ':memory:') {
    index.db.pragma('query_only = ON');
    return use(index.db);
  }
  const db = new Database(index.path, { readonly: true });
  try {
    db.pragma('query_only = ON');
    db.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    return use(db);
  } finally {
    db.close();
  }
}

function answer(db: Database.Database, sql: string, parameters: Readonly<Record<string, CellValue>>): Table {
  const statement = prepare(db, /^[\w-]+$/.test(sql.trim()) ? selectAll(db, sql.trim()) : sql);
  if (!statement.reader || !statement.readonly) {
    throw new UsageError(
      'A query only reads: use SELECT. The index is made from the run directories, so nothing is changed through it.',
    );
  }
  try {
    const columns = statement.columns().map((column) => column.name);
    const rows = statement.safeIntegers(true).raw(true).all(parameters) as unknown[][];
    return { columns, rows: rows.map((row) => row.map(toCell)) };
  } catch (error) {
    throw asUsageError(db, error);
  }
}

function prepare(db: Database.Database, sql: string): Database.Statement {
  try {
    return db.prepare(sql);
  } catch (error) {
    throw asUsageError(db, error);
  }
}

function selectAll(db: Database.Database, name: string): string {
  const wanted = name.replaceAll('-', '_').toLowerCase();
  const relation = relationNames(db).find((known) => known.toLowerCase() === wanted);
  if (relation === undefined) {
    throw new UsageError(`There is no view or table ${name}. There are: ${relationNames(db).join(', ')}.`);
  }
  return `SELECT * FROM ${relation}`;
}

/** Errors of the statement are the user's; damage of the database and the like are not. */
function asUsageError(db: Database.Database, error: unknown): unknown {
  if (error instanceof RangeError) return new UsageError(`Ask one question at a time: ${error.message}`);
  if (error instanceof TypeError) return new UsageError(error.message);
  if (!(error instanceof Database.SqliteError)) return error;
  if (!/^SQLITE_(ERROR|AUTH|READONLY|MISMATCH|TOOBIG|RANGE)$/.test(error.code)) return error;
  const hint = error.message.startsWith('no such table')
    ? ` There are: ${relationNames(db).join(', ')}.`
    : '';
  return new UsageError(`The query can't be answered: ${error.message}.${hint}`);
}

function toCell(value: unknown): CellValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  throw new TypeError(`SQLite gave a value of type ${typeof value}.`);
}
