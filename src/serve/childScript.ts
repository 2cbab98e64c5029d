/** Starts scripts of this folder in processes of their own: work with a time limit has to be killable. */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Megabytes of JavaScript memory that one may take. */
const MEMORY_MEGABYTES = 1024;

/**
 * Starts a script, with a channel for messages.
 *
 * @param url of the compiled script; where there is only its source, that is run
 */
export function startScript(url: URL, args: readonly string[]): ChildProcess {
  const compiled = fileURLToPath(url);
  const isCompiled = existsSync(compiled);
  return fork(isCompiled ? compiled : compiled.replace(/\.js$/, '.ts'), [...args], {
    execArgv: [
      `--max-old-space-size=${MEMORY_MEGABYTES}`,
      ...(isCompiled ? [] : ['--import', 'jiti/register']),
    ],
    // Messages may hold NaN, bigints and typed arrays.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}
