/**
 * The index: a SQLite database that holds what the run directories hold, for questions in SQL. It is never the truth;
 * deleted, damaged or of another version, it is made again.
 */
import type Database from 'better-sqlite3';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from './errors.js';
import { synchronise } from './ingest.js';
import type { SyncOptions } from './ingest.js';
import { requireResultsFolder } from './runDirectory.js';
import { migrations } from './schema.js';
import { Sqlite } from './sqlite.js';
import { views, viewSql } from './views.js';

export interface IndexOptions extends SyncOptions {
  /** Where the database lies; default `isoloss.db` in the results folder, which must be on a local file system. */
  readonly dbPath?: string;
}

/** An open index that agreed with the run directories when it was opened. */
export interface Index {
  readonly db: Database.Database;
  /** `:memory:` where the results folder can't be written to. */
  readonly path: string;
  /** What the user should know of how it was opened, in a sentence each. */
  readonly notices: readonly string[];
  readonly close: () => void;
}

/** Marks a database as an index of isoloss, in its header: "isol" in ASCII. */
const APPLICATION_ID = 0x69736f6c;
/** What every index has had since the first version; earlier ones have no mark. */
const OWN_TABLES = ['runs', 'sweep_runs', 'run_copies', 'sources'];
/** How long a process waits for another one that is writing. */
const BUSY_MILLISECONDS = 30_000;
/** Enough for the runs table of 10,000 runs. */
export const CACHE_KIBIBYTES = 65_536;

/**
 * Opens the index of a results folder and brings it up to date with the run directories, making it first where there
 * is none. Only changed directories are read (by size, modification time and file number of their files).
 *
 * @throws UsageError where there is no results folder, or `dbPath` can't be written or holds something else
 */
export function openIndex(resultsDir: string, options: IndexOptions = {}): Index {
  return open(resultsDir, options, false);
}

/**
 * Makes the index again from the run directories alone, whatever is in it.
 *
 * @throws UsageError as `openIndex`, Error where the results folder can't hold the index
 */
export function reindex(resultsDir: string, options: IndexOptions = {}): Index {
  return open(resultsDir, options, true);
}

/**
 * Opens the index for the time of one use. Damage that only shows in use is mended by making the index again.
 *
 * @param use gets the open index; it is called again where the index turned out to be damaged
 */
export function withIndex<T>(resultsDir: string, options: IndexOptions, use: (index: Index) => T): T {
  let index = openIndex(resultsDir, options);
  try {
    return use(index);
  } catch (error) {
    if (!isDamage(error)) throw error;
    index.close();
    removeDatabase(index.path);
    index = openIndex(resultsDir, options);
    return use({ ...index, notices: [...index.notices, madeAgain(index.path, error)] });
  } finally {
    index.close();
  }
}

function madeAgain(path: string, error: Error): string {
  return `The index ${path} was damaged (${error.message}) and has been made again from the run directories.`;
}

/** @param anew whether what is in the index is dropped first */
function open(resultsDir: string, options: IndexOptions, anew: boolean): Index {
  requireResultsFolder(resultsDir);
  const path = options.dbPath ?? join(resultsDir, 'isoloss.db');
  try {
    if (options.dbPath !== undefined) checkOwn(path);
    return openAt(path, resultsDir, options, anew, []);
  } catch (error) {
    if (isDamage(error)) {
      removeDatabase(path);
      return openAt(path, resultsDir, options, false, [madeAgain(path, error)]);
    }
    if (!isUnwritable(error)) throw error;
    const cause = `${path} can't be opened for writing (${error.message})`;
    if (options.dbPath !== undefined)
      throw new UsageError(`The index ${cause}. Name another file with --db.`);
    if (anew)
      throw new Error(`The index ${cause}, so it was not made again. Name a file for it with --db.`, {
        cause: error,
      });
    const notice = `The index ${cause}, so it was made in memory, this once. Name a file for it with --db to keep it.`;
    return openAt(':memory:', resultsDir, options, false, [notice]);
  }
}

/**
 * Whatever the user names with --db may be somebody else's: it is used, emptied or removed only where it is new, empty
 * or an index of ours.
 *
 * @throws UsageError where it is anything else
 */
function checkOwn(path: string): void {
  if (!existsSync(path)) return;
  const stats = statSync(path);
  if (stats.isDirectory()) return;
  const refusal = (what: string): UsageError =>
    new UsageError(`${path} is ${what}, so it was left as it is. Name another file with --db.`);
  if (!stats.isFile()) throw refusal('no file');
  if (stats.size === 0) return;
  const db = new Sqlite(path, { readonly: true, timeout: BUSY_MILLISECONDS });
  try {
    if (!isOwn(db)) throw refusal('a database, but not an index of isoloss');
  } catch (error) {
    throw isDamage(error) ? refusal(`no index of isoloss (${error.message})`) : error;
  } finally {
    db.close();
  }
}

function isOwn(db: Database.Database): boolean {
  const id = applicationId(db);
  if (id !== 0) return id === APPLICATION_ID;
  const names = db.prepare<[], string>('SELECT name FROM sqlite_schema').pluck().all();
  return names.length === 0 || OWN_TABLES.every((name) => names.includes(name));
}

function openAt(
  path: string,
  resultsDir: string,
  options: SyncOptions,
  anew: boolean,
  notices: readonly string[],
): Index {
  const db = new Sqlite(path, { timeout: BUSY_MILLISECONDS });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    // Tables that are dropped refer to each other, and the check of that can't be turned off within the transaction.
    db.pragma('foreign_keys = OFF');
    migrate(db, anew);
    db.pragma('foreign_keys = ON');
    synchronise(db, resultsDir, options);
    // Another process that makes the index again may have emptied it in between.
    if (anew) synchronise(db, resultsDir, options);
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    db,
    path,
    notices,
    close: () => {
      db.close();
    },
  };
}

/**
 * Brings tables and views to this version. A database of a later version is emptied: it can be made again.
 *
 * Emptying and making are one transaction, so that no other process ever finds an index without tables.
 */
function migrate(db: Database.Database, anew: boolean): void {
  const latest = migrations.at(-1)?.version ?? 0;
  const isCurrent =
    applicationId(db) === APPLICATION_ID && schemaVersion(db) === latest && viewsAreCurrent(db);
  if (isCurrent && !anew) return;
  db.transaction(() => {
    if (anew || schemaVersion(db) > latest) dropEverything(db);
    for (const { version, sql } of migrations) {
      if (version <= schemaVersion(db)) continue;
      db.exec(sql);
      db.pragma(`user_version = ${version}`);
    }
    if (!viewsAreCurrent(db)) {
      dropAll(db, 'view');
      for (const view of views) db.exec(viewSql(view));
    }
    db.pragma(`application_id = ${APPLICATION_ID}`);
  }).immediate();
}

function applicationId(db: Database.Database): number {
  return Number(db.pragma('application_id', { simple: true }));
}

function schemaVersion(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

function viewsAreCurrent(db: Database.Database): boolean {
  const stored = db.prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE type = 'view'`).pluck().all();
  const current = new Set(views.map(viewSql));
  return stored.length === current.size && stored.every((sql) => current.has(sql));
}

function dropEverything(db: Database.Database): void {
  dropAll(db, 'view');
  dropAll(db, 'table');
  db.pragma('user_version = 0');
}

function dropAll(db: Database.Database, type: 'table' | 'view'): void {
  const find = `SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`;
  for (const name of db.prepare<[string], string>(find).pluck().all(type)) {
    db.exec(`DROP ${type} "${name.replaceAll('"', '""')}"`);
  }
}

function removeDatabase(path: string): void {
  // The database itself last: as long as it is there, it is damaged, and nobody else can begin to write.
  for (const suffix of ['-wal', '-shm', '']) rmSync(path + suffix, { force: true });
}

function isDamage(error: unknown): error is Error {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}

function isUnwritable(error: unknown): error is Error {
  if (error instanceof Sqlite.SqliteError) return /^SQLITE_(CANTOPEN|READONLY|PERM)/.test(error.code);
  return error instanceof TypeError && error.message.includes('directory does not exist');
}
