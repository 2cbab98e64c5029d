/** Checkpoints: a run's tensors and position as a safetensors file with a checksum, the last good one kept beside it. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError, syncDirectory, writeAside, writeFully } from './files.js';
import { bytesOf, encodeHeader, readSafetensors } from './safetensors.js';
import type { StoredTensor } from './safetensors.js';

export type { StoredTensor } from './safetensors.js';

export interface Checkpoint {
  /** Steps finished when it was written. */
  readonly step: number;
  /** Parameters and optimizer state by name. */
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  /** The caller's own facts, such as the run key and the data position; the names `format`, `step` and `sha256` are reserved. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What `loadCheckpoint` found. */
export interface LoadedCheckpoint {
  /** Null where no good checkpoint exists: the run starts again from step 0. */
  readonly checkpoint: Checkpoint | null;
  /** Why the newest file was not used, one sentence a file; null where it was, or where there was none. */
  readonly reason: string | null;
}

const FORMAT = '1';
/** Stands in the header while the checksum over header and tensors is made. */
const NO_CHECKSUM = '0'.repeat(64);
const RESERVED = ['sha256', 'format', 'step'];
const CHECKSUM = /"sha256":"([0-9a-f]{64})"/;

/** Where the last good checkpoint goes when a newer one is put in its place. */
export function previousCheckpointPath(path: string): string {
  return `${path}.previous`;
}

/**
 * Writes a checkpoint aside, syncs it and renames it into place; the one that was there is kept as the previous one.
 * Whatever the moment the process is killed at, `loadCheckpoint` finds a whole one, if ever one was written.
 *
 * The checksum in the header is SHA-256 over the whole file with 64 zeros in the checksum's place.
 *
 * @throws Error where a tensor's data does not fill its shape, the metadata use a reserved name, or the disk is full (the
 *   earlier checkpoint still stands then)
 */
export function saveCheckpoint(path: string, checkpoint: Checkpoint): void {
  const { step, tensors, metadata } = checkpoint;
  const taken = RESERVED.find((name) => name in metadata);
  if (taken !== undefined) throw new Error(`Checkpoint metadata can't be named ${taken}.`);
  const chunks = Object.values(tensors).map(({ data }) => bytesOf(data));
  const facts = { ...metadata, format: FORMAT, step: String(step) };
  const blank = encodeHeader(tensors, { sha256: NO_CHECKSUM, ...facts });
  const hash = createHash('sha256').update(blank);
  for (const chunk of chunks) hash.update(chunk);
  const header = encodeHeader(tensors, { sha256: hash.digest('hex'), ...facts });
  const aside = writeAside(path, (fd) => {
    for (const chunk of [header, ...chunks]) writeFully(fd, chunk);
  });
  try {
    keepAsPrevious(path);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** Loads the newest good checkpoint: the one at `path`, or the previous one where that is missing or damaged. */
export function loadCheckpoint(path: string): LoadedCheckpoint {
  const reasons: string[] = [];
  for (const candidate of [path, previousCheckpointPath(path)]) {
    const result = loadFile(candidate);
    if (typeof result === 'string') reasons.push(`${candidate} can't be used: ${result}.`);
    else if (result !== null) return { checkpoint: result, reason: reasons.join(' ') || null };
  }
  return { checkpoint: null, reason: reasons.join(' ') || null };
}

/** Removes a run's checkpoints: when it is done, or before its metrics are cut to start again. */
export function removeCheckpoints(path: string): void {
  rmSync(previousCheckpointPath(path), { force: true });
  rmSync(path, { force: true });
}

/** Gives the checkpoint that is there a second name, so that `path` is missing at no moment. */
function keepAsPrevious(path: string): void {
  rmSync(previousCheckpointPath(path), { force: true });
  try {
    linkSync(path, previousCheckpointPath(path));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

/** @returns the checkpoint, null where there is no file, or why it is not good */
function loadFile(path: string): Checkpoint | string | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
  try {
    return readVerified(fd);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    closeSync(fd);
  }
}

function readVerified(fd: number): Checkpoint {
  const hash = createHash('sha256');
  let chunkIndex = 0;
  const { tensors, metadata } = readSafetensors(fd, fstatSync(fd).size, (bytes) => {
    // The second chunk is the header: the checksum was made with zeros in its own place.
    hash.update(chunkIndex === 1 ? blankChecksum(bytes) : bytes);
    chunkIndex += 1;
  });
  const { format, step, sha256, ...facts } = metadata;
  if (format !== FORMAT)
    throw new Error(`it has format ${format ?? 'unknown'}, and this version reads ${FORMAT}`);
  if (hash.digest('hex') !== sha256) throw new Error('its checksum does not match its content');
  return { step: Number(step), tensors, metadata: facts };
}

function blankChecksum(header: Uint8Array): Uint8Array {
  const text = Buffer.from(header).toString('utf8');
  return Buffer.from(text.replace(CHECKSUM, `"sha256":"${NO_CHECKSUM}"`), 'utf8');
}
