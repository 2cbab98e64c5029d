/** Folders in which a compiler can work and from which a library can be loaded, for as long as that takes. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EngineError } from '../engineError.js';

const FOLDER_PREFIX = 'isoloss-native-';

/** What a killed process left behind is removed after this time. */
const ABANDONED_MS = 3600_000;

/** A folder can't be worked in, which another one may do for. */
export class PlaceError extends Error {}

const PLACE_CODES = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'];
export const PLACE_MESSAGES = /No space left on device|Disk quota exceeded|Read-only file system/;

/** Where files can be put for a while, the first that does; throws where there is none. */
export type Places = readonly (() => string)[];

export const placesOf = (cacheFolder: (() => string) | undefined): Places => [
  tmpdir,
  ...(cacheFolder === undefined ? [] : [cacheFolder]),
];

const attempt = (action: () => void): void => {
  try {
    action();
  } catch {
    // It was worth a try.
  }
};

/** Does something in a folder of its own, which is gone afterwards. @throws EngineError where none of the places will do */
export async function inFolder<T>(
  places: Places,
  purpose: string,
  action: (folder: string) => T | Promise<T>,
): Promise<T> {
  const failures: string[] = [];
  for (const place of places) {
    let folder: string | null = null;
    try {
      const parent = resolve(place());
      attempt(() => removeAbandoned(parent));
      folder = mkdtempSync(join(parent, FOLDER_PREFIX));
      return await action(folder);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!(error instanceof PlaceError) && !PLACE_CODES.includes(code ?? '')) throw error;
      failures.push(message.replace(/\.$/, ''));
    } finally {
      // On some network file systems a file that is loaded can't go yet.
      if (folder !== null) attempt(() => rmSync(folder!, { recursive: true, force: true }));
    }
  }
  throw new EngineError(
    `The engine native:cpu found no folder to ${purpose}: ${failures.join('; ')}. Name one in TMPDIR that can be written to, ` +
      'has some MB left, and is not mounted noexec.',
  );
}

/** As far as they are this user's. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(FOLDER_PREFIX))) {
    const path = join(parent, name);
    attempt(() => {
      if (Date.now() - statSync(path).mtimeMs > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
    });
  }
}
