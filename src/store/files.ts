/** Files that are never half written, and content hashes: the ground the store stands on. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import serialize from 'canonicalize';
import { makeDirectory } from '../data/folders.js';

/** Marks files written aside; one that a killed process left behind is found by it. */
const ASIDE_MARK = '.aside-';

/** Writes all of `bytes` at the file's current position: a single `write` may stop short on a full disk or a signal. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(fd, bytes, offset, bytes.length - offset);
}

/** Makes a rename or a new entry in `directory` survive a power cut. Windows has no such call, and needs none. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file aside in the same folder, syncs it and returns the aside path: the caller renames it into place.
 * Nothing is left behind if writing fails.
 *
 * @param path the file to be replaced later
 * @param write is given the open file
 */
export function writeAside(path: string, write: (fd: number) => void): string {
  const aside = join(
    dirname(path),
    `${basename(path)}${ASIDE_MARK}${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  const fd = openSync(aside, 'wx');
  try {
    try {
      write(fd);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
  return aside;
}

/**
 * Replaces a file as a whole: whoever reads it, at whatever moment the writer is killed, finds the old or the new
 * content. The folder is made if it does not exist. A symbolic link is followed, also to a file that is not there yet,
 * and the file keeps its mode; what is no file (a pipe, a device) is written to as it is.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  makeDirectory(dirname(path));
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  const old = statSync(path, { throwIfNoEntry: false });
  if (old !== undefined && !old.isFile()) {
    writeFileSync(path, bytes);
    return;
  }
  const target = old === undefined ? endOfLinks(path) : realpathSync(path);
  const aside = writeAside(target, (fd) => {
    // Not every file system can change modes, and those that can't give every file the same one.
    if (old !== undefined && old.mode !== fstatSync(fd).mode) fchmodSync(fd, old.mode);
    writeFully(fd, bytes);
  });
  try {
    renameSync(aside, target);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
  syncDirectory(dirname(target));
}

/**
 * The file that a name without a file stands for: its own, or where it is a symbolic link, what the last one names. The
 * folder of that is not made: it may be a disk that is not there just now.
 */
function endOfLinks(path: string): string {
  const linked = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (!linked) return path;
  const target = resolve(realpathSync(dirname(path)), readlinkSync(path));
  if (!existsSync(dirname(target)))
    throw Object.assign(
      new Error(
        `${path} is a link to ${target}, and there is no folder ${dirname(target)}: make it, or remove the link.`,
      ),
      { code: 'ENOENT' },
    );
  return endOfLinks(target);
}

/** Writes a value as indented JSON with a final newline, atomically. */
export function writeJsonAtomic(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Whether a file's name is one of a file written aside and not yet renamed into place. */
export function isAsideName(name: string): boolean {
  return name.includes(ASIDE_MARK);
}

/** Removes what killed writers left aside in a folder that nobody else writes to. */
export function removeAsides(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (isAsideName(name)) rmSync(join(directory, name), { force: true });
  }
}

/**
 * Canonical JSON by RFC 8785 (sorted keys, shortest numbers), so that equal values have equal text.
 *
 * @throws TypeError where the value has no JSON form (undefined, a function), Error for NaN and Infinity
 */
export function canonicalJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError('This value has no JSON form, so it cannot be hashed.');
  return text;
}

/** SHA-256, as 64 hex digits; strings are hashed as UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The run-key hash: the first 16 hex digits of the SHA-256 of the value's canonical JSON. */
export function canonicalHash(value: unknown): string {
  return sha256Hex(canonicalJson(value)).slice(0, 16);
}

/** Whether an error is one of the system's, with one of these codes (`ENOENT`, `EEXIST`, ...). */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
