/**
 * run.lock: who works on a run directory. It never relies on clocks of two machines agreeing.
 *
 * A lock is a file made by a hard link, which appears whole or not at all. Taking over a stale lock is a race that one
 * process wins: a thief links its own lock as `run.lock.<token of the stale one>`, a name that can be made only once,
 * then renames it to `run.lock`. A thief killed in between is the last of a chain of such files, and is robbed in the
 * same way; so the holder is always the last of the chain, and only the holder changes `run.lock` itself.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UsageError } from './errors.js';
import { isSystemError, removeAsides, writeAside } from './files.js';
import { machineIdentity, processState } from '../data/processIdentity.js';

const LOCK_NAME = 'run.lock';
/** The beat is written in place, so its width never changes. */
const BEAT_DIGITS = 12;

const lockSchema = z.object({
  format: z.literal(1),
  /** Unique for each time that a lock is taken. */
  token: z.string().regex(/^[0-9a-f]{16}$/),
  host: z.string(),
  /** Boot and process namespace, within which a pid means something; null where the system doesn't tell. */
  machine: z.string().nullable(),
  pid: z.number().int(),
  /** When the process started, in the system's own units; tells a reused pid apart. */
  processStart: z.string().nullable(),
  /** For people only: no decision rests on it. */
  takenAt: z.string(),
  beat: z.string(),
});

/** What a lock file says of its holder. */
export type LockHolder = Readonly<z.infer<typeof lockSchema>>;

export interface LockOptions {
  /** Seconds between heartbeats; default 3. */
  readonly heartbeatSeconds?: number;
  /** Seconds of this process's monotonic clock without a heartbeat after which a lock is stale; default 60. */
  readonly staleSeconds?: number;
}

/** A lock that is held. */
export interface RunLock {
  readonly holder: LockHolder;
  /** The holder whose stale lock was taken over, null where there was none. */
  readonly takenFrom: LockHolder | null;
  /**
   * Whether the lock on disk is still this one. False once another process took it over because this one had stood
   * still for too long: stop writing then.
   */
  readonly isHeld: () => boolean;
  /** Writes a heartbeat now; only needed where the event loop is blocked for longer than `staleSeconds`. */
  readonly beat: () => void;
  /** Gives the lock up; does nothing if it is no longer held. */
  readonly release: () => void;
}

export type LockResult =
  | { readonly acquired: true; readonly lock: RunLock }
  | { readonly acquired: false; readonly holder: LockHolder; readonly reason: string };

/**
 * Takes the lock of a run directory, taking over a stale one.
 *
 * A lock whose process is gone from this machine is stale at once, and one whose process lives here is held, whatever
 * its heartbeat. Any other is watched until its heartbeat changes (held) or has not for `staleSeconds` (stale).
 *
 * @returns the lock, or who holds it and how that was judged
 * @throws UsageError where a lock file can't be read as one: nobody can tell whether it is held
 */
export async function acquireLock(directory: string, options: LockOptions = {}): Promise<LockResult> {
  const heartbeatSeconds = options.heartbeatSeconds ?? 3;
  const staleSeconds = options.staleSeconds ?? 60;
  for (;;) {
    const last = readChain(directory).at(-1);
    if (last === undefined) {
      const lock = tryTake(directory, null, heartbeatSeconds);
      if (lock !== null) return { acquired: true, lock };
      continue;
    }
    const verdict = await judge(directory, last, heartbeatSeconds, staleSeconds);
    if (verdict.kind === 'held') return { acquired: false, holder: last.holder, reason: verdict.reason };
    if (verdict.kind === 'stale') {
      const lock = tryTake(directory, last, heartbeatSeconds);
      if (lock !== null) return { acquired: true, lock };
    }
  }
}

/**
 * Who holds a run directory's lock, stale or not; null where nobody does. Changes and waits for nothing.
 *
 * @throws UsageError where a lock file can't be read as one
 */
export function readLock(directory: string): LockHolder | null {
  return readChain(directory).at(-1)?.holder ?? null;
}

/** One lock file of the chain. */
interface Link {
  readonly path: string;
  readonly holder: LockHolder;
}

function successorPath(directory: string, token: string): string {
  return join(directory, `${LOCK_NAME}.${token}`);
}

/** The chain from `run.lock` to its holder; empty where the directory is free. */
function readChain(directory: string): Link[] {
  const chain: Link[] = [];
  let path = join(directory, LOCK_NAME);
  for (;;) {
    const holder = readHolder(path);
    if (holder === null) return chain;
    chain.push({ path, holder });
    path = successorPath(directory, holder.token);
  }
}

/**
 * A lock appears whole, so one that can't be read is not on its way: it is damaged, or another version's. It is never
 * taken over, since a living process may hold it.
 *
 * @returns null where there is no such file
 * @throws UsageError where the file is no lock
 */
function readHolder(path: string): LockHolder | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESTALE')) return null;
    throw error;
  }
  const parsed = lockSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `${path} is no lock of this version of isoloss. If no process works on this run, remove the file.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

type Verdict = { readonly kind: 'held'; readonly reason: string } | { readonly kind: 'stale' | 'changed' };

async function judge(
  directory: string,
  link: Link,
  heartbeatSeconds: number,
  staleSeconds: number,
): Promise<Verdict> {
  const { holder } = link;
  const machine = machineIdentity();
  if (machine !== null && holder.machine === machine) {
    const { alive, start } = processState(holder.pid);
    const isTold = start !== null && holder.processStart !== null;
    if (!alive || (isTold && start !== holder.processStart)) return { kind: 'stale' };
    if (isTold) return { kind: 'held', reason: `process ${holder.pid} on this machine holds it` };
  }
  const pause = Math.max(0.01, Math.min(heartbeatSeconds, staleSeconds) / 4);
  const since = performance.now();
  while (performance.now() - since < staleSeconds * 1000) {
    await sleep(pause * 1000);
    const now = readChain(directory).at(-1)?.holder;
    if (now?.token !== holder.token) return { kind: 'changed' };
    if (now.beat !== holder.beat) {
      return {
        kind: 'held',
        reason: `process ${holder.pid} on ${holder.host} holds it (its heartbeat goes on)`,
      };
    }
  }
  return { kind: 'stale' };
}

/**
 * Tries once to become the holder, after nobody or after a stale one.
 *
 * @returns null where another process was faster
 */
function tryTake(directory: string, stale: Link | null, heartbeatSeconds: number): RunLock | null {
  const head = join(directory, LOCK_NAME);
  const holder: LockHolder = {
    format: 1,
    token: randomBytes(8).toString('hex'),
    host: hostname(),
    machine: machineIdentity(),
    pid: process.pid,
    processStart: processState(process.pid).start,
    takenAt: new Date().toISOString(),
    beat: '0'.repeat(BEAT_DIGITS),
  };
  const place = stale === null ? head : successorPath(directory, stale.holder.token);
  const fd = placeExclusively(place, holder);
  if (fd === null) return null;
  // The stale lock may have been taken over, released and tidied up between reading it and linking after it: then
  // this link hangs in the air, and holds nothing.
  if (readChain(directory).at(-1)?.holder.token !== holder.token) {
    closeSync(fd);
    rmSync(place, { force: true });
    return null;
  }
  if (stale !== null) renameSync(place, head);
  removeUnreachable(directory);
  // Those of locks too: whoever is about to place one comes too late, and sees that it is gone.
  removeAsides(directory);
  return holdLock(directory, fd, holder, stale?.holder ?? null, heartbeatSeconds);
}

/**
 * Makes a lock file, whole, under a name that must be free.
 *
 * @returns the open file, or null where a file of that name exists, or another process has become the holder and tidied up
 */
function placeExclusively(path: string, holder: LockHolder): number | null {
  const aside = writeAside(path, (fd) => writeSync(fd, serialise(holder)));
  let fd: number;
  try {
    fd = openSync(aside, 'r+');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESTALE')) return null;
    throw error;
  }
  try {
    linkSync(aside, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    if (isSystemError(error, 'EEXIST', 'ENOENT', 'ESTALE')) return null;
    if (isSystemError(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) {
      throw new UsageError(
        `${path}: this file system has no hard links, which locks need. Put --results on another.`,
      );
    }
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function serialise(holder: LockHolder): string {
  return `${JSON.stringify(holder)}\n`;
}

/** Removes the links of chains that no longer start at `run.lock`. Called by the holder alone. */
function removeUnreachable(directory: string): void {
  const reachable = new Set(readChain(directory).map((link) => link.path));
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (/^run\.lock\.[0-9a-f]{16}$/.test(name) && !reachable.has(path)) rmSync(path, { force: true });
  }
}

/**
 * @param fd the lock file itself, to which heartbeats go rather than to its name: should the lock be taken over, they
 *   can't hurt the new holder
 */
function holdLock(
  directory: string,
  fd: number,
  holder: LockHolder,
  takenFrom: LockHolder | null,
  heartbeatSeconds: number,
): RunLock {
  let count = 0;
  let released = false;
  const isHeld = (): boolean => !released && readLock(directory)?.token === holder.token;
  const beat = (): void => {
    if (released) return;
    count += 1;
    try {
      writeSync(fd, serialise({ ...holder, beat: String(count).padStart(BEAT_DIGITS, '0') }), 0);
      fsyncSync(fd);
    } catch (error) {
      // A heartbeat that can't be written is one that observers miss; `isHeld` tells the holder what came of it.
      if (!isSystemError(error, 'EIO', 'ENOSPC', 'ESTALE', 'EDQUOT')) throw error;
    }
  };
  const timer = setInterval(beat, heartbeatSeconds * 1000);
  timer.unref();
  const release = (): void => {
    if (released) return;
    released = true;
    clearInterval(timer);
    closeSync(fd);
    giveUp(directory, holder);
  };
  return { holder, takenFrom, isHeld, beat, release };
}

/** Removes the holder's lock, having first taken the right to be its successor, so that no thief can interfere. */
function giveUp(directory: string, holder: LockHolder): void {
  const tombstone = successorPath(directory, holder.token);
  const grave: LockHolder = { ...holder, token: randomBytes(8).toString('hex') };
  const fd = placeExclusively(tombstone, grave);
  if (fd === null) return;
  closeSync(fd);
  if (readLock(directory)?.token === grave.token) rmSync(join(directory, LOCK_NAME));
  rmSync(tombstone, { force: true });
}
