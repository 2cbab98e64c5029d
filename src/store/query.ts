/** Questions in SQL, of an index that can't be changed by them. */
import type Database from 'better-sqlite3';
import { CACHE_KIBIBYTES, withIndex } from './database.js';
import type { Index, IndexOptions } from './database.js';
import { UsageError } from './errors.js';
import { namedQueries } from './namedQueries.js';
import { Sqlite } from './sqlite.js';
import type { CellValue, Table } from './tableText.js';
import { views } from './views.js';

export interface QueryAnswer {
  readonly table: Table;
  /** What the user should know of the index, in a sentence each. */
  readonly notices: readonly string[];
}

/** Tables that only the index itself needs. */
const INTERNAL_TABLES = ['sources', 'source_problems', 'run_copies'];

/** Values for `$name` in a statement. `$sweep` is null, all sweeps, where it is not given. */
export type QueryParameters = Readonly<Record<string, CellValue>>;

/**
 * Answers one SQL statement that reads, the name of a named query (`best-per-budget`), or the bare name of a view or
 * table (`best_per_budget`; with dashes too, where no named query has that name).
 *
 * Whole numbers beyond 2^53 come as strings, since a number would round them; blobs come as hex digits.
 *
 * @throws UsageError where the statement is wrong, writes, or is more than one
 */
export function query(
  resultsDir: string,
  sql: string,
  options: IndexOptions = {},
  parameters: QueryParameters = {},
): QueryAnswer {
  return withIndex(resultsDir, options, (index) => ({
    table: readOnly(index, (db) => answerFrom(db, sql, parameters).table),
    notices: index.notices,
  }));
}

/** Whether the answer to a question depends on the sweep that `$sweep` names. @throws UsageError as {@link query} */
export function asksOfSweep(resultsDir: string, question: string, options: IndexOptions = {}): boolean {
  return withIndex(resultsDir, options, ({ db }) => /[$:@]sweep\b/.test(statementOf(db, question)));
}

/** A view or table that questions can be asked of. */
export interface Relation {
  readonly name: string;
  readonly kind: 'view' | 'table';
  /** What a view is for, in a sentence; null for tables. */
  readonly description: string | null;
  readonly columns: readonly string[];
}

/** The views, in the order of their documentation, then the tables by name. */
export function listRelations(db: Database.Database): Relation[] {
  const selectColumns = db.prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)').pluck();
  const tables = relationNames(db).filter((name) => !views.some((view) => view.name === name));
  return [
    ...views.map(({ name, description }) => ({ name, kind: 'view' as const, description })),
    ...tables.map((name) => ({ name, kind: 'table' as const, description: null })),
  ].map((relation) => ({ ...relation, columns: selectColumns.all(relation.name) }));
}

/** The schema that a question is written against, for programs. */
export function readSchema(resultsDir: string, options: IndexOptions = {}): Relation[] {
  return withIndex(resultsDir, options, ({ db }) => listRelations(db));
}

/** The named queries, the tables and the views with their columns, and what they are for, as text. */
export function describeSchema(resultsDir: string, options: IndexOptions = {}): string {
  const relations = readSchema(resultsDir, options);
  const list = (kind: Relation['kind']): string[] =>
    relations
      .filter((relation) => relation.kind === kind)
      .map(({ name, description, columns }) => {
        const head = description === null ? name : `${name}: ${description}`;
        return `  ${head}\n    ${columns.join(', ')}`;
      });
  const width = Math.max(...namedQueries.map(({ name }) => name.length));
  return [
    'Named queries',
    ...namedQueries.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`),
    '',
    'Views',
    ...list('view'),
    '',
    'Tables',
    ...list('table'),
    '',
  ].join('\n');
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
export function readOnly<T>(index: Index, use: (db: Database.Database) => T): T {
  if (index.path === ':memory:') {
    index.db.pragma('query_only = ON');
    return use(index.db);
  }
  const db = new Sqlite(index.path, { readonly: true });
  try {
    db.pragma('query_only = ON');
    db.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    return use(db);
  } finally {
    db.close();
  }
}

/** The answer to a question, cut where it was longer than asked for. */
export interface Answer {
  readonly table: Table;
  readonly truncated: boolean;
}

/**
 * Answers a question on a connection that can't write (see `query` for what a question is).
 *
 * @param maxRows rows after which the answer is cut; all of them where not given
 * @throws UsageError where the statement is wrong, writes, or is more than one
 */
export function answerFrom(
  db: Database.Database,
  question: string,
  parameters: QueryParameters = {},
  maxRows = Infinity,
): Answer {
  const statement = prepare(db, statementOf(db, question));
  if (!statement.reader || !statement.readonly) {
    throw new UsageError(
      'A query only reads: use SELECT. The index is made from the run directories, so nothing is changed through it.',
    );
  }
  try {
    const columns = statement.columns().map((column) => column.name);
    const rows: CellValue[][] = [];
    let truncated = false;
    const values = { sweep: null, ...parameters };
    for (const row of statement.safeIntegers(true).raw(true).iterate(values) as Iterable<unknown[]>) {
      truncated = rows.length >= maxRows;
      if (truncated) break;
      rows.push(row.map(toCell));
    }
    return { table: { columns, rows }, truncated };
  } catch (error) {
    throw asUsageError(db, error);
  }
}

/** The SQL of a question: a named query's, all of a view or table, or the question itself. */
function statementOf(db: Database.Database, question: string): string {
  const text = question.trim().replace(/;$/, '').trim();
  if (!/^[\w-]+$/.test(text)) return question;
  return namedQueries.find(({ name }) => name === text.toLowerCase())?.sql ?? selectAll(db, text);
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
    throw new UsageError(
      `There is no named query, view or table ${name}. There are: ` +
        `${[...namedQueries.map((named) => named.name), ...relationNames(db)].join(', ')}.`,
    );
  }
  // Whatever belongs to a sweep can be asked of one.
  const hasSweep = db
    .prepare<[string], number>("SELECT 1 FROM pragma_table_xinfo(?) WHERE name = 'sweep'")
    .pluck()
    .get(relation);
  const condition = hasSweep === undefined ? '' : ' WHERE $sweep IS NULL OR sweep = $sweep';
  return `SELECT * FROM ${relation}${condition}`;
}

/** Errors of the statement are the user's; damage of the database and the like are not. */
function asUsageError(db: Database.Database, error: unknown): unknown {
  if (error instanceof RangeError) {
    const what = error.message.includes('parameter')
      ? 'Values come with $sweep alone, others are written out'
      : 'Ask one question at a time';
    return new UsageError(`${what}: ${error.message}.`);
  }
  if (error instanceof TypeError) return new UsageError(error.message);
  if (!(error instanceof Sqlite.SqliteError)) return error;
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
