/** Files whose names the user gives. */
import { statSync } from 'node:fs';
import { UsageError } from './errors.js';
import { isSystemError, writeFileAtomic } from './files.js';

/** What says that the name is wrong, or not to be written; anything else is a failure of the machine. */
const OF_THE_NAME = [
  'EACCES',
  'EEXIST',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
];

/**
 * Writes a file as {@link writeFileAtomic} does.
 *
 * @throws UsageError where no file can be written under this name; Error where it fails otherwise, on a full disk, say
 */
export function writeNamedFile(path: string, content: string | Uint8Array): void {
  if (path === '') throw new UsageError('An empty name is no file: name one.');
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new UsageError(`Can't write ${path}: it is a folder. Name a file.`);
  try {
    writeFileAtomic(path, content);
  } catch (error) {
    const message = `Can't write ${path}: ${error instanceof Error ? error.message : String(error)}`;
    throw isSystemError(error, ...OF_THE_NAME)
      ? new UsageError(message, { cause: error })
      : new Error(message, { cause: error });
  }
}
