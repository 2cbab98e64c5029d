/**
 * Stamps: what a file system says of a file that changes whenever its contents do, so that a large file need not be
 * hashed each time it is used. As in git, a file that was changed a moment ago has no stamp yet: a second change within
 * the clock's tick would not show.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from './folders.js';
import { sha256OfFile } from './sources.js';

/** Coarser than the clocks of file systems. */
const SETTLED_MS = 2000;

/** Smaller files are hashed each time. */
const REMEMBERED_BYTES = 4 * 2 ** 20;

/** The stamp of a file; null where there is none, or it was changed too recently for one. */
export function stampOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stats === undefined) return null;
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs, mtimeMs } = stats;
  const latest = Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs);
  const isSettled = Date.now() - latest > SETTLED_MS;
  return isSettled ? [dev, ino, size, mtimeNs, ctimeNs].join(' ') : null;
}

const hashesSchema = z.record(z.string(), z.object({ stamp: z.string(), sha256: z.string() }));

/**
 * SHA-256 of each of some files as they lie on disk, in hex. Those of large files are remembered in `hashes.json` of the
 * cache folder for as long as the files stay as they are.
 *
 * @throws CorpusError where a file can't be read
 */
export function rememberedSha256(paths: readonly string[], cacheDir: string): string[] {
  const file = join(cacheDir, 'hashes.json');
  const known = readHashes(file);
  const learned: string[] = [];
  const hashes = paths.map((path) => {
    const place = resolve(path);
    const stamp = stampOf(place);
    const entry = Object.hasOwn(known, place) ? known[place] : undefined;
    if (stamp !== null && entry?.stamp === stamp) return entry.sha256;
    const sha256 = sha256OfFile(place);
    const isLarge = (statSync(place, { throwIfNoEntry: false })?.size ?? 0) >= REMEMBERED_BYTES;
    if (isLarge && stamp !== null && stampOf(place) === stamp) {
      known[place] = { stamp, sha256 };
      learned.push(place);
    }
    return sha256;
  });
  if (learned.length > 0) writeBesides(file, JSON.stringify(known));
  return hashes;
}

function readHashes(file: string): z.infer<typeof hashesSchema> {
  try {
    return hashesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // It only saves time: where it is missing or damaged, the files are hashed.
    return {};
  }
}

/** Writes a small file that only saves time, atomically; where that is not possible it is done without. */
export function writeBesides(path: string, text: string): void {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    makeDirectory(dirname(path));
    writeFileSync(aside, text);
    renameSync(aside, path);
  } catch {
    rmSync(aside, { force: true });
  }
}
