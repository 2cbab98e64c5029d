/** A variant is checked before a comparison trains it: one that sees later tokens would win by any factor. */
import { ModelError } from '../models/error.js';
import { checkArchitecture } from './checkArchitecture.js';
import type { SweepFile } from './schema.js';

/** A batch of the check, which needs two sequences to see whether they mix. */
const SEQUENCES = 2;

/**
 * The checks of `isoloss check`, at the smallest size of the comparison.
 * @throws ModelError with those that failed
 */
export async function requireSound(file: string, sweep: SweepFile): Promise<void> {
  const { contextLength, vocabSize } = sweep;
  const [size] = Object.values(sweep.sizes).toSorted(
    (a, b) => a.nLayers * a.dModel ** 2 - b.nLayers * b.dModel ** 2,
  );
  const { check } = await checkArchitecture(file, {
    ...size!,
    contextLength,
    vocabSize,
    batchSize: SEQUENCES,
    positions: undefined,
  });
  if (check.passed) return;
  const failed = check.checks
    .filter(({ passed }) => !passed)
    .map(({ name, detail, remedy }) => `  ${name}: ${detail}${remedy === null ? '' : `\n    ${remedy}`}`);
  throw new ModelError(
    `${check.setup.preset} fails \`isoloss check ${file}\`, so its speedup would mean nothing:\n${failed.join('\n')}\n` +
      'Mend it, or train it all the same with --no-check.',
  );
}
