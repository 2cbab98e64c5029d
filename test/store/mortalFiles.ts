/**
 * A process that dies at a file operation of one's choice: from that one on, everything that would change a file throws,
 * clean-up included, as nothing more happens in a process that was killed. A write may leave a part of its bytes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export class Killed extends Error {
  override readonly name = 'Killed';
}

/** Everything by which the store changes files. `openSync` counts where it may create one. */
const CHANGING = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'ftruncateSync',
  'renameSync',
  'linkSync',
  'rmSync',
  'mkdirSync',
] as const;

type Call = (...args: unknown[]) => unknown;

/**
 * Does something until it has made so many changes to files, then kills it.
 *
 * @param changes operations that are still done, null for all
 * @param written share of the bytes of the fatal operation that reach the file, if it is a write
 * @returns how many operations it asked for, and what it came to; null where it was killed
 */
export async function killedAfter<T>(
  changes: number | null,
  written: number,
  work: () => Promise<T>,
): Promise<{ readonly operations: number; readonly result: T | null }> {
  const real = Object.fromEntries(CHANGING.map((name) => [name, fs[name]])) as Record<string, Call>;
  let operations = 0;
  const patched = (name: string): Call => {
    const call = real[name]!;
    return (...args) => {
      if (name === 'openSync' && (args[1] === undefined || args[1] === 'r')) return call(...args);
      operations += 1;
      if (changes === null || operations <= changes) return call(...args);
      if (name === 'writeSync' && operations === changes + 1) tear(args);
      throw new Killed(`killed at ${name}`);
    };
  };
  const tear = ([fd, data, offset]: readonly unknown[]): void => {
    const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
    const from = typeof data === 'string' ? 0 : ((offset as number | undefined) ?? 0);
    const length = Math.floor((bytes.length - from) * written);
    if (length > 0) real['writeSync']!(fd, bytes, from, length);
  };
  Object.assign(fs, Object.fromEntries(CHANGING.map((name) => [name, patched(name)])));
  syncBuiltinESMExports();
  try {
    return { result: await work(), operations };
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return { result: null, operations };
  } finally {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  }
}
