/** Folders and child processes for the store's tests. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';

/** Makes folders that are removed after each test of the file that calls this at its top. */
export function useTemporaryFolders(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return () => {
    const path = mkdtempSync(join(tmpdir(), 'isoloss-store-'));
    made.push(path);
    return path;
  };
}

/** Makes one folder for all tests of the file that calls this at its top. */
export function useSharedFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'isoloss-store-'));
  afterAll(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/**
 * Starts one of the scripts in `children/`, straight from the TypeScript sources.
 *
 * @param shell what a shell does first; it ends with `exec "$@"`
 */
export function startChild(script: string, args: readonly string[], shell?: string): ChildProcess {
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url));
  const command = [process.execPath, '--import', 'jiti/register', path, ...args];
  const [program, ...rest] = shell === undefined ? command : ['bash', '-c', shell, 'bash', ...command];
  return spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves with the first line that a child prints; what it says of errors is in the error where it prints none. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const complaints: Buffer[] = [];
  child.stderr!.on('data', (piece: Buffer) => complaints.push(piece));
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout! })) return line;
  await closed;
  throw new Error(`The child ended before it printed a line. ${Buffer.concat(complaints).toString('utf8')}`);
}

/** Kills a child outright and waits until it is gone and all that it printed is read. */
export async function killChild(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
