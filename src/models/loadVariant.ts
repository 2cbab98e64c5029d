/** Loads a variant from a TypeScript or JavaScript file, with this very isoloss and TensorFlow.js behind its imports. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { shortPath } from '../ops/callSite.js';
import * as ops from '../ops/index.js';
import { tf } from '../ops/tf.js';
import { ModelError } from './error.js';
import { registerVariant } from './registry.js';
import { guardProcess, located } from './userCode.js';
import * as variants from './variant.js';

const ENDINGS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** What a variant may import of isoloss. */
const ENTRIES = ['isoloss/ops', 'isoloss/variants'];

export interface LoadedVariant {
  readonly definition: variants.VariantDefinition;
  /** Absolute path. */
  readonly file: string;
}

const loaded = new Map<string, Promise<LoadedVariant>>();

/**
 * Loads a file once a process and makes its variant known to the registry. The file exports it as `variant`, or as its
 * default; `isoloss/ops`, `isoloss/variants` and `@tensorflow/tfjs` are those of this process, wherever the file lies.
 *
 * @throws ModelError naming the file: it is missing, fails to load, or does not define a variant
 */
export async function loadVariant(path: string): Promise<LoadedVariant> {
  const file = resolve(path);
  const loading = loaded.get(file) ?? load(file);
  loaded.set(file, loading);
  try {
    return await loading;
  } catch (error) {
    // A file that was mended may be loaded again.
    loaded.delete(file);
    throw error;
  }
}

/**
 * Reads a file anew, as another process would, and puts what it then exports into the place of what was read before.
 * @throws ModelError as `loadVariant` does
 */
export async function reloadVariant(path: string): Promise<LoadedVariant> {
  loaded.delete(resolve(path));
  return loadVariant(path);
}

/** @throws ModelError for the first file that can't be loaded */
export async function loadVariants(paths: readonly string[]): Promise<void> {
  for (const path of paths) await loadVariant(path);
}

async function load(file: string): Promise<LoadedVariant> {
  if (!existsSync(file) || !statSync(file).isFile()) {
    throw new ModelError(`There is no file ${file}. \`isoloss new variant NAME\` writes one to start from.`);
  }
  if (!ENDINGS.includes(extname(file))) {
    throw new ModelError(`${file}: a variant is a file ending in ${ENDINGS.join(', ')}.`);
  }
  const source = readFileSync(file, 'utf8');
  requireEntries(source, file);
  const exported = await evaluate(file, source);
  const value = exported['variant'] ?? exported['default'];
  if (value === undefined) {
    const others = Object.keys(exported);
    throw new ModelError(
      `${shortPath(file)} exports no variant: write \`export const variant = defineVariant({ ... })\`.` +
        (others.length > 0 ? ` It exports ${others.join(', ')}.` : ''),
    );
  }
  const definition = variants.parseVariant(value, file, source);
  registerVariant(definition, file);
  return { definition, file };
}

/** @throws ModelError where a file imports what isoloss has not got under this name */
function requireEntries(source: string, file: string): void {
  for (const [, entry] of source.matchAll(/(?:from|import|require\()\s*['"](isoloss(?:\/[^'"]*)?)['"]/g)) {
    if (entry === undefined || ENTRIES.includes(entry)) continue;
    const line = variants.lineOf(source, new RegExp(`['"]${entry}['"]`));
    throw new ModelError(
      `${shortPath(file)}:${line ?? 1} imports "${entry}"; a variant's entries are ${ENTRIES.join(' (tf and operations) and ')} ` +
        '(defineVariant and helpers).',
    );
  }
}

async function evaluate(file: string, source: string): Promise<Record<string, unknown>> {
  const jiti = createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
    virtualModules: {
      'isoloss/ops': ops,
      'isoloss/variants': variants,
      '@tensorflow/tfjs': { ...tf, default: tf },
    },
  });
  const restore = guardProcess();
  try {
    return await jiti.import(file);
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).split('\nRequire stack:')[0]!;
    const missing = /Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1];
    const line = missing === undefined ? null : importLine(source, missing);
    if (line !== null) {
      throw new ModelError(
        `${shortPath(file)}:${line} could not be loaded: ${message.split('\n')[0]}. ` +
          (/^[./]/.test(missing!) ? 'Is the path right?' : `Is it installed (npm install ${missing})?`),
        { cause: error },
      );
    }
    const reason = message.includes('ParseError')
      ? message.replace(/\s*\n\s*/g, ' at ')
      : located(error, file, 'the file').message;
    throw new ModelError(`${shortPath(file)} could not be loaded: ${reason}`, { cause: error });
  } finally {
    restore();
  }
}

/** Where a file imports something; the loader may name it by its whole path. */
function importLine(source: string, missing: string): number | null {
  const specifiers = [...source.matchAll(/(?:from|import|require\()\s*['"]([^'"]+)['"]/g)].map(
    ([, name]) => name!,
  );
  const name = specifiers.find(
    (candidate) => candidate === missing || missing.endsWith(candidate.replace(/^(?:\.{1,2}\/)+/, '/')),
  );
  return name === undefined ? null : variants.lineOf(source, new RegExp(`['"]${escaped(name)}['"]`));
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
