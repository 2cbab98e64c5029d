/** Writing a report's folder: aside first, then swapped in part by part, so that no half-written report is seen. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeDirectory } from '../data/folders.js';
import { UsageError } from '../store/errors.js';

export interface ReportFile {
  /** Path inside the folder, with `/`. */
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** What a report's folder consists of, in the order in which it is swapped in; index.html names the rest, so it is last. */
const PARTS = ['data', 'latex', 'figures', 'report.md', 'index.html'] as const;

/** What only a page written by this program has near its beginning. */
const MARK = '<meta name="generator" content="isoloss';

/**
 * Writes the files of a report. An earlier report in the folder is replaced as a whole; files that are no part of a
 * report stay.
 *
 * @throws UsageError where the folder has entries of these names that no report wrote, or can't be written.
 */
export function writeReportFolder(
  outDir: string,
  files: readonly ReportFile[],
): { htmlPath: string; markdownPath: string } {
  const folder = resolve(outDir);
  refuseForeign(folder);
  const aside = join(dirname(folder), `.report-${process.pid}-${Date.now().toString(36)}`);
  const moved: string[] = [];
  try {
    for (const { path, content } of files) writeSynced(join(aside, 'new', path), content);
    makeDirectory(folder);
    makeDirectory(join(aside, 'old'));
    for (const part of PARTS) {
      if (existsSync(join(folder, part))) renameSync(join(folder, part), join(aside, 'old', part));
      moved.push(part);
      if (existsSync(join(aside, 'new', part))) renameSync(join(aside, 'new', part), join(folder, part));
    }
  } catch (error) {
    for (const part of moved) {
      rmSync(join(folder, part), { recursive: true, force: true });
      if (existsSync(join(aside, 'old', part))) renameSync(join(aside, 'old', part), join(folder, part));
    }
    throw new UsageError(`The report could not be written to ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return { htmlPath: join(folder, 'index.html'), markdownPath: join(folder, 'report.md') };
}

function refuseForeign(folder: string): void {
  const present = PARTS.filter((part) => existsSync(join(folder, part)));
  if (present.length === 0) return;
  const page = join(folder, 'index.html');
  const isFile = statSync(page, { throwIfNoEntry: false })?.isFile() === true;
  if (isFile && readFileSync(page, 'utf8').slice(0, 4000).includes(MARK)) return;
  throw new UsageError(
    `${folder} has ${present.join(', ')} that no report wrote, and a report would replace ${present.length === 1 ? 'it' : 'them'}. Name another folder with --out.`,
  );
}

function writeSynced(path: string, content: string | Uint8Array): void {
  makeDirectory(dirname(path));
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
