/** Commands that end when isoloss ends, and hear of Ctrl-C from nobody else. */
import { spawn } from 'node:child_process';

/**
 * Runs a command in a process group of its own: Ctrl-C goes to all of a terminal's group, and it is for isoloss to say what it
 * means. Descriptor 3 ends when this process does, however it does; then nobody waits for the command, nor for its folder.
 */
const GUARDED = `(read -r _ <&3; rm -rf "$0"; kill -KILL 0) &
guard=$!
exec 3<&-
"$@"
status=$?
kill $guard
exit $status`;

const MOST_SAID = 1 << 16;

export interface Ended {
  readonly ok: boolean;
  /** Its messages, or else how it ended. */
  readonly said: string;
}

export function runGuarded(folder: string, command: readonly string[]): Promise<Ended> {
  return new Promise((resolved, rejected) => {
    const child = spawn('/bin/sh', ['-c', GUARDED, folder, ...command], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // So that the compiler's own files are here too, and its messages are those that are looked for.
      env: { ...process.env, TMPDIR: folder, LC_ALL: 'C' },
    });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < MOST_SAID) said += text;
    });
    child.on('error', rejected);
    child.on('close', (status, signal) => {
      const how = signal === null ? `it ended with status ${status ?? 0}` : `it was ended by ${signal}`;
      resolved({ ok: status === 0, said: said.trim() === '' ? how : said.trim() });
    });
  });
}
