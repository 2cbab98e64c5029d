/**
 * Runs that another tool trained: `results/<name>/imported.json`, in the place of a sweep's folder. They are rows to fit
 * and report, marked as imported everywhere; there is nothing behind them that could be looked into or run again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from './errors.js';
import { writeJsonAtomic } from './files.js';
import { checkResultsFolder, readJson, sweepDirectory } from './runDirectory.js';

const positive = z.number().positive();

/** One finished run, with the fields of the fit row; null where its table did not say. */
export const importedRunSchema = z.object({
  /** `NAME:` and the run's identifier, or its line in the file. */
  id: z.string(),
  /** Line of the file that it was read from. */
  line: z.number().int().positive(),
  arch: z.string(),
  positions: z.string(),
  seed: z.number().int().nonnegative(),
  trunk: z.string(),
  dModel: positive.nullable(),
  nLayers: positive.nullable(),
  /** As counted by whoever trained it: `facts.paramsConvention` names the column. */
  params: positive,
  tokens: positive,
  steps: positive.nullable(),
  flops: positive,
  flopsMatmul: positive.nullable(),
  budgetFlops: positive,
  secondsPerStep: positive.nullable(),
  hardware: z.string().nullable(),
  lossNats: positive,
});

/** Where the runs come from, and what was assumed in reading them. */
export const importFactsSchema = z.object({
  /** Name of the file, without its folder. */
  file: z.string(),
  fileSha256: z.string(),
  importedAt: z.string(),
  /** Column, with its factor, that each field was read from. */
  columns: z.record(z.string(), z.string()),
  paramsConvention: z.string(),
  /** Sentences: what was estimated, grouped or left out. */
  notes: z.array(z.string()),
});

export const importedSetSchema = z.object({
  format: z.literal(1),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  title: z.string().nullable(),
  baselines: z.array(z.string()),
  facts: importFactsSchema,
  runs: z.array(importedRunSchema).min(1),
});

export type ImportedRun = z.infer<typeof importedRunSchema>;
export type ImportFacts = z.infer<typeof importFactsSchema>;
export type ImportedSet = z.infer<typeof importedSetSchema>;

export function importedPath(resultsDir: string, name: string): string {
  return join(sweepDirectory(resultsDir, name), 'imported.json');
}

/** @throws UsageError where imported.json is broken */
export function readImportedSet(resultsDir: string, name: string): ImportedSet | null {
  return readJson(
    importedPath(resultsDir, name),
    importedSetSchema,
    'Import the runs again, with --replace.',
  );
}

/**
 * Writes a set of imported runs, as a whole.
 *
 * @throws UsageError where the name is a sweep's, or that of an earlier import that is not to be replaced, or
 *   `resultsDir` can't be a results folder
 */
export function writeImportedSet(resultsDir: string, set: ImportedSet, replace: boolean): string {
  checkResultsFolder(resultsDir);
  const directory = sweepDirectory(resultsDir, set.name);
  const path = importedPath(resultsDir, set.name);
  if (existsSync(directory) && !existsSync(path)) {
    throw new UsageError(
      `${directory} holds runs of a sweep; imported runs need a name of their own (--name).`,
    );
  }
  if (existsSync(path) && !replace) {
    throw new UsageError(`${path} exists already. Choose another --name, or replace it with --replace.`);
  }
  writeJsonAtomic(path, importedSetSchema.parse(set));
  return path;
}
