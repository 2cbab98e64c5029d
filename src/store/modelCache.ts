/**
 * Encoded models on disk, shared by all processes and sweeps of a machine. An entry is one file, its checksum before its
 * bytes, put into place by a rename: whatever is torn or damaged is made again.
 */
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCacheDir } from '../data/cache.js';
import { makeDirectory } from '../data/folders.js';
import type { ModelCache } from '../engine/executable.js';
import { isAsideName, sha256Hex, writeFileAtomic } from './files.js';

/** Bytes that all entries may take; those used longest ago go first. An entry takes 0.1 to 0.5 MB. */
const MAX_BYTES = 256 * 2 ** 20;

/** After tidying up there is room for some before the next time. */
const KEPT_SHARE = 0.75;

/** What a killed process left half written is removed after this time. */
const ABANDONED_MS = 3600_000;

const EXTENSION = '.model';
const CHECKSUM_DIGITS = 64;

/** Names the switch: `off` compiles everything anew, as `--no-cache` does. */
export const CACHE_SWITCH = 'ISOLOSS_MODEL_CACHE';

/** The cache of this machine, in the folder `models` of the cache folder; undefined where it is switched off. */
export const defaultModelCache = (environment: NodeJS.ProcessEnv = process.env): ModelCache | undefined =>
  environment[CACHE_SWITCH] === 'off' ? undefined : modelCache(join(defaultCacheDir(environment), 'models'));

/** A cache in a folder. Nothing that goes wrong with it stops anybody: it only saves time. */
export function modelCache(folder: string, maxBytes: number = MAX_BYTES): ModelCache {
  const place = (key: string): string => join(folder, `${key}${EXTENSION}`);
  return {
    folder: () => {
      makeDirectory(folder);
      return folder;
    },
    load: (key) => orNull(() => readEntry(place(key))),
    save: (key, bytes) => {
      orNull(() => {
        writeFileAtomic(place(key), Buffer.concat([Buffer.from(sha256Hex(bytes), 'latin1'), bytes]));
        tidy(folder, maxBytes);
      });
    },
  };
}

function orNull<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

function readEntry(path: string): Uint8Array | null {
  const file = readFileSync(path);
  const bytes = file.subarray(CHECKSUM_DIGITS);
  if (file.toString('latin1', 0, CHECKSUM_DIGITS) !== sha256Hex(bytes)) {
    rmSync(path, { force: true });
    return null;
  }
  const now = new Date();
  orNull(() => utimesSync(path, now, now));
  return bytes;
}

/** Removes what was used longest ago where there is too much, and what killed processes left. */
function tidy(folder: string, maxBytes: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, path, bytes: stats.size, usedAt: stats.mtimeMs }];
  });
  for (const { name, path, usedAt } of files)
    if (isAsideName(name) && Date.now() - usedAt > ABANDONED_MS) rmSync(path, { force: true });
  const entries = files.filter(({ name }) => name.endsWith(EXTENSION));
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= maxBytes) return;
  for (const { path, bytes } of entries.sort((a, b) => a.usedAt - b.usedAt)) {
    if (total <= KEPT_SHARE * maxBytes) break;
    rmSync(path, { force: true });
    total -= bytes;
  }
}
