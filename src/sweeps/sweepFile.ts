/** Reads a sweep file: finds it by name, parses the YAML, checks it, and points at line and column of what is wrong. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parse,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { UsageError } from '../store/errors.js';
import type { ArchitectureCatalogue } from './architecture.js';
import { checkSweep } from './check.js';
import { type Problem, problemsOf } from './diagnostics.js';
import { didYouMean } from '../ops/nearest.js';
import { type SweepFile, sweepFileSchema, sweepJsonSchema } from './schema.js';

/** A sweep file that has been read and found sound. */
export interface LoadedSweep {
  readonly sweep: SweepFile;
  /** Absolute path of the file. */
  readonly path: string;
  /** The file's text. */
  readonly source: string;
  readonly sourceSha256: string;
  /** `file:line:column` of a place in the file's tree, for errors found later. */
  readonly at: (path: readonly PropertyKey[]) => string;
}

/** The predefined sweeps that come with the package. */
export const PACKAGE_SWEEPS = resolve(dirname(fileURLToPath(import.meta.url)), '../../sweeps');

/**
 * Finds a sweep file by its path, or by its name in `./sweeps` and then among the package's own.
 *
 * @throws UsageError where there is none, listing the names there are
 */
export function findSweepFile(nameOrFile: string, cwd: string = process.cwd()): string {
  if (/[/\\]/.test(nameOrFile) || ['.yaml', '.yml'].includes(extname(nameOrFile))) {
    const path = resolve(cwd, nameOrFile);
    if (!existsSync(path)) throw new UsageError(`There is no sweep file ${nameOrFile} (looked for ${path}).`);
    return path;
  }
  const folders = [...new Set([join(cwd, 'sweeps'), PACKAGE_SWEEPS])];
  for (const folder of folders) {
    const path = join(folder, `${nameOrFile}.yaml`);
    if (existsSync(path)) return path;
  }
  const known = [...new Set(folders.flatMap(sweepNames))].sort();
  throw new UsageError(
    `There is no sweep "${nameOrFile}" in ${folders.join(' or ')}.${didYouMean(nameOrFile, known)}` +
      (known.length > 0 ? ` Sweeps there are: ${known.join(', ')}.` : '') +
      ' A file of your own is given by its path, such as ./my.yaml.',
  );
}

function sweepNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'));
}

/** Absolute paths of the variants that a sweep file names; none where it can't be read, which {@link readSweepFile} reports. */
export function variantFilesOf(path: string): string[] {
  let data: unknown;
  try {
    data = parse(readFileSync(path, 'utf8'));
  } catch {
    return [];
  }
  const named = (data as { variants?: unknown } | null)?.variants;
  if (!Array.isArray(named)) return [];
  return named.filter((file) => typeof file === 'string').map((file) => resolve(dirname(path), file));
}

/**
 * Reads and checks a sweep file.
 *
 * @throws UsageError naming file, line and column of everything that is wrong with it
 */
export function readSweepFile(path: string, catalogue: ArchitectureCatalogue): LoadedSweep {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`Could not read the sweep file ${path}: ${(error as Error).message}`);
  }
  return parseSweep(source, path, catalogue);
}

/** {@link readSweepFile} for text already read. */
export function parseSweep(source: string, path: string, catalogue: ArchitectureCatalogue): LoadedSweep {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const shown = shownPath(path);
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${shown}:${line}:${col}`;
  };
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0)
    fail(
      shown,
      syntax.map((error) => `${place(error.pos[0])}  ${syntaxMessage(error)}`),
    );

  const at = (keys: readonly PropertyKey[], atKey = false): string => place(offsetOf(document, keys, atKey));
  const report = (problems: readonly Problem[]): never =>
    fail(
      shown,
      problems
        .map((problem) => ({ problem, offset: offsetOf(document, problem.path, problem.atKey) }))
        .sort((a, b) => a.offset - b.offset)
        .map(({ problem, offset }) => `${place(offset)}  ${problem.message}`),
    );

  const data = contentOf(document, place, shown);
  const result = sweepFileSchema(catalogue).safeParse(data);
  if (!result.success) return report(problemsOf(result.error.issues, data, sweepJsonSchema(catalogue)));
  const problems = checkSweep(result.data, { fileName: basename(path, extname(path)), catalogue, at });
  if (problems.length > 0) return report(problems);
  const sourceSha256 = createHash('sha256').update(source).digest('hex');
  return { sweep: result.data, path: resolve(path), source, sourceSha256, at };
}

/** The parser's message; where that is for programmers, ours. */
const syntaxMessage = ({ code, message }: YAMLError): string =>
  code === 'MULTIPLE_DOCS'
    ? 'a sweep file is one YAML document: put what follows "---" into a file of its own'
    : message;

/** @throws UsageError for an alias without an anchor, and for aliases that blow up: the parser finds both at this step alone */
function contentOf(document: Document, place: (offset: number) => string, shown: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let offset = 0;
    visit(document, {
      Alias: (_, alias) => {
        offset = alias.range?.[0] ?? 0;
        return alias.resolve(document) === undefined ? visit.BREAK : undefined;
      },
    });
    return fail(shown, [`${place(offset)}  ${error.message}`]);
  }
}

function fail(file: string, lines: readonly string[]): never {
  const head = lines.length === 1 ? '1 error' : `${lines.length} errors`;
  throw new UsageError(`${file} has ${head}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** Relative to the working folder where that is shorter to read. */
function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') || near === '' ? path : near;
}

/** Offset of a value (or its key) in the text; of the nearest thing that holds it where it is not there itself. */
function offsetOf(document: Document, path: readonly PropertyKey[], atKey: boolean): number {
  let node = resolved(document, document.contents);
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, key] of path.entries()) {
    let next: Node | null = null;
    let keyNode: Node | null = null;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      next = (pair?.value as Node | null | undefined) ?? null;
      keyNode = (pair?.key as Node | undefined) ?? null;
    } else if (isSeq(node)) {
      next = (node.items[Number(key)] as Node | undefined) ?? null;
    }
    const last = depth === path.length - 1;
    const target = (last && atKey ? keyNode : null) ?? next ?? keyNode;
    if (target?.range) offset = target.range[0];
    node = resolved(document, next);
    if (!isCollection(node)) break;
  }
  return offset;
}

function resolved(document: Document, node: unknown): Node | null {
  if (isAlias(node)) return (node.resolve(document) as Node | undefined) ?? null;
  return (node as Node | null | undefined) ?? null;
}
