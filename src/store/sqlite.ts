/**
 * SQLite by better-sqlite3: version 13 where Node has the Node-API that it is built for (22.14 and newer), which needs no
 * compiler; version 12 before. Version 12, compiled with the headers of Node 24.19 or newer, ends the process when statements
 * are collected (nodejs/node#65446).
 */
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';
import { UsageError } from './errors.js';

const NODE_API = 10;

const require = createRequire(import.meta.url);

function load(): typeof BetterSqlite3 {
  if (Number(process.versions['napi']) >= NODE_API)
    return require('better-sqlite3-napi') as typeof BetterSqlite3;
  try {
    return require('better-sqlite3') as typeof BetterSqlite3;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new UsageError(
      `better-sqlite3 12, which Node ${process.versions.node} needs, is not installed: most likely it could not be compiled. ` +
        'Use Node 22.14 or newer, which needs no compiler, or install Python, make and a C++ compiler and run npm ci again.',
      { cause: error },
    );
  }
}

/** Opens a database: `new Sqlite(path, options)`. */
export const Sqlite: typeof BetterSqlite3 = load();
