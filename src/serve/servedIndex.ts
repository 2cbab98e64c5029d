/** The index while a server runs: kept open, and brought up to date when it is asked, but not all the time. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { openIndex } from '../store/database.js';
import { synchronise } from '../store/ingest.js';
import type { CellValue } from '../store/tableText.js';
import { HttpError } from './respond.js';

/** Least milliseconds between two looks at the run directories. */
const REFRESH_MS = 1500;
/** Looking may take this share of the time, so that large results don't keep the server busy. */
const REFRESH_SHARE = 0.1;

export interface ServedIndex {
  /** A file, that other processes can open. */
  readonly path: string;
  readonly notices: readonly string[];
  /** Differs whenever the file has been made again: whoever has it open reads what is no more. */
  readonly generation: number;
  /**
   * The database, brought up to date unless that was done just now.
   *
   * @throws HttpError 503 where the results folder is gone
   */
  db(): Database.Database;
  /** All rows of a statement, as objects. */
  rows<Row>(sql: string, values?: Readonly<Record<string, CellValue>>): Row[];
  close(): void;
}

/**
 * Opens the index of a results folder for as long as a server runs.
 *
 * @throws UsageError where there is no results folder
 */
export function openServedIndex(resultsDir: string, dbPath: string | undefined): ServedIndex {
  let temporary: string | null = null;
  let index = openIndex(resultsDir, dbPath === undefined ? {} : { dbPath });
  if (index.path === ':memory:') {
    // Queries run in processes of their own, which can't see this one's memory.
    index.close();
    temporary = mkdtempSync(join(tmpdir(), 'isoloss-index-'));
    index = openIndex(resultsDir, { dbPath: join(temporary, 'isoloss.db') });
  }
  let refreshAt = performance.now() + REFRESH_MS;
  let generation = 0;
  let inode = inodeOf(index.path);
  /** The file may be deleted at any time, by a person or by another version of the program. */
  const reopenWhereReplaced = (): void => {
    if (inodeOf(index.path) === inode) return;
    const { path, notices } = index;
    index.close();
    index = { ...openIndex(resultsDir, { dbPath: path }), notices };
    inode = inodeOf(path);
    generation += 1;
  };
  const db = (): Database.Database => {
    const began = performance.now();
    if (began >= refreshAt) {
      // Without it there would seem to be no runs, and the index would be emptied.
      if (statSync(resultsDir, { throwIfNoEntry: false })?.isDirectory() !== true)
        throw new HttpError(
          503,
          `The results folder ${resultsDir} is gone, or can't be reached at the moment.`,
        );
      reopenWhereReplaced();
      synchronise(index.db, resultsDir, {});
      const took = performance.now() - began;
      refreshAt = began + took + Math.max(REFRESH_MS, took / REFRESH_SHARE);
    }
    return index.db;
  };
  return {
    path: index.path,
    notices: index.notices,
    get generation() {
      return generation;
    },
    db,
    rows: <Row>(sql: string, values: Readonly<Record<string, CellValue>> = {}) =>
      db().prepare<[object], Row>(sql).all(values),
    close: () => {
      index.close();
      if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
    },
  };
}

/** Null where there is no file. */
function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}
