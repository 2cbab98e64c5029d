/** Loads a variant from a TypeScript or JavaScript file, with this very isoloss and TensorFlow.js behind its imports. */
import { existsSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { createJiti } from 'jiti';
import * as ops from '../ops/index.js';
import { tf } from '../ops/tf.js';
import { ModelError } from './error.js';
import { registerVariant } from './registry.js';
import * as variants from './variant.js';

const ENDINGS = ['.ts', '.mts', '.js', '.mjs'];

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
  let exported: Record<string, unknown>;
  try {
    exported = await jiti.import(file);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ModelError(`${file} could not be loaded: ${message}`, { cause: error });
  }
  const value = exported['variant'] ?? exported['default'];
  if (value === undefined) {
    throw new ModelError(
      `${file} exports no variant: write \`export const variant = defineVariant({ ... })\`.`,
    );
  }
  const definition = variants.parseVariant(value, file);
  registerVariant(definition, file);
  return { definition, file };
}
