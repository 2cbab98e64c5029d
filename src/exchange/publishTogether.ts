/** Several files that belong together: made in a folder aside, moved into place when all of them are whole. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../data/folders.js';
import { syncDirectory } from '../store/files.js';

export interface PublishedFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Has files made in a folder beside their place, and moves them there in the order given; files of these names are
 * replaced. Where making them fails, or is stopped by Ctrl-C, nothing is left.
 *
 * @param make writes the files into the folder that it is given, synced, and returns their names
 */
export async function publishTogether<T>(
  folder: string,
  make: (aside: string) => Promise<{ readonly names: readonly string[]; readonly result: T }>,
): Promise<{ readonly files: readonly PublishedFile[]; readonly result: T }> {
  makeDirectory(folder);
  const aside = join(folder, `.export.aside-${process.pid}-${randomUUID().slice(0, 8)}`);
  mkdirSync(aside);
  const stopped = (): never => {
    rmSync(aside, { recursive: true, force: true });
    process.exit(130);
  };
  process.once('SIGINT', stopped);
  try {
    const { names, result } = await make(aside);
    const files = names.map((name) => ({
      path: join(folder, name),
      bytes: statSync(join(aside, name)).size,
    }));
    for (const name of names) renameSync(join(aside, name), join(folder, name));
    syncDirectory(folder);
    return { files, result };
  } finally {
    process.removeListener('SIGINT', stopped);
    rmSync(aside, { recursive: true, force: true });
  }
}
