/** Making folders, one by one: Node's recursive call never returns where a file system takes no new ones, as /proc. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it, unless they are there.
 *
 * @throws Error with the system's code, which says what folder can't be made, and why
 */
export function makeDirectory(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !isDirectory(folder); folder = dirname(folder)) {
    missing.push(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of missing.reverse()) makeOne(folder);
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have made it in the meantime.
    if (isDirectory(folder)) return;
    const { code, message } = error as NodeJS.ErrnoException;
    throw Object.assign(new Error(`The folder ${folder} can't be made: ${reason(code, message, folder)}.`), {
      code,
      cause: error,
    });
  }
}

function reason(code: string | undefined, message: string, folder: string): string {
  switch (code) {
    case 'EEXIST':
      return 'something that is no folder has this name';
    case 'ENOTDIR':
      return `${dirname(folder)} is no folder`;
    case 'ENOENT':
      return `${dirname(folder)} takes no new folders (${message})`;
    default:
      return message;
  }
}

/** What can't be looked at is no folder: making it says why. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
