/**
 * Folders in which corpora are being prepared. The name says whose a folder is, so that renaming it hands it over as one
 * step: what a killed process left is taken over by the next one that wants the same corpus, and gone on with.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from './folders.js';
import { machineIdentity, processState } from './processIdentity.js';

/** A folder of another machine was left by its process if nothing has changed in it for this long. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** `.` corpus `.` machine `-` pid `-` start of the process `-` random `.tmp` */
const NAME = /^\.(.+)\.([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{8}\.tmp$/;

/**
 * A folder of one's own for preparing the corpus that will be called `base` in `parent`: one that a process which is no
 * more has left, with what it holds, or a new one.
 */
export function claimPartial(parent: string, base: string): string {
  makeDirectory(parent);
  const own = join(parent, ownName(base));
  for (const name of readdirSync(parent)) {
    const found = NAME.exec(name);
    if (found === null) continue;
    const [, corpus, machine, pid, start] = found;
    const path = join(parent, name);
    if (machine !== machineTag()) {
      removeIfOld(path);
    } else if (isGone(Number(pid), start!)) {
      if (corpus !== base) removeIfOld(path);
      else if (rename(path, own)) return own;
    }
  }
  mkdirSync(own);
  return own;
}

function ownName(base: string): string {
  const start = processState(process.pid).start ?? '0';
  return `.${base}.${machineTag()}-${process.pid}-${start}-${randomBytes(4).toString('hex')}.tmp`;
}

function machineTag(): string {
  return createHash('sha256')
    .update(machineIdentity() ?? 'unknown')
    .digest('hex')
    .slice(0, 12);
}

function isGone(pid: number, start: string): boolean {
  if (machineIdentity() === null) return false;
  const now = processState(pid);
  return !now.alive || (now.start !== null && start !== '0' && now.start !== start);
}

/** @returns false where another process was faster */
function rename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function removeIfOld(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS)
    rmSync(path, { recursive: true, force: true });
}
