/** The file of tuned rates of a comparison: those that the baselines had, and those of what was missing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonAtomic } from '../store/files.js';
import type { MissingRate } from './compareTuning.js';
import type { TunedFile, TunedRate } from './tuned.js';

/**
 * Adds the rates that the baselines had to those that a tuning sweep has just written.
 * @param path NAME.tuned.json as the tuning sweep wrote it
 */
export function addBaselineRates(path: string, base: TunedFile): void {
  const own = JSON.parse(readFileSync(path, 'utf8')) as TunedFile;
  const key = ({ arch, shape, budgetFlops }: TunedRate): string => JSON.stringify([arch, shape, budgetFlops]);
  const tuned = new Set(own.rates.map(key));
  const rates = [...base.rates.filter((rate) => !tuned.has(key(rate))), ...own.rates];
  writeJsonAtomic(path, { ...own, rates } satisfies TunedFile);
}

/** Writes the rates of the baselines alone, those that are missing taken from the first of them. */
export function writeBaselineRates(
  folder: string,
  name: string,
  base: TunedFile,
  missing: readonly MissingRate[],
  corpus: string,
): void {
  const taken = missing.map(({ arch, shape, borrowed }): TunedRate => ({
    arch,
    shape,
    budgetFlops: borrowed.budgetFlops,
    learningRate: borrowed.learningRate,
    vertexLearningRate: null,
    edge: null,
    flags: [`The rate is that of ${borrowed.arch}; it was not tuned.`],
    trials: [],
  }));
  const tuned: TunedFile = {
    ...base,
    sweep: name,
    // The same text under another path: sweeps name it relative to their own folder.
    protocol: { ...base.protocol, corpus },
    rates: [...base.rates, ...taken],
  };
  writeJsonAtomic(join(folder, `${name}.tuned.json`), tuned);
}
