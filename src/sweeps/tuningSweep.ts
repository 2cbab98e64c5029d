/** The tuning sweep that `tune:` in a sweep stands for. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../store/errors.js';
import type { Architecture, ArchitectureCatalogue } from './architecture.js';
import { cellsOf } from './cells.js';
import { tuneOf } from './check.js';
import type { LoadedSweep } from './sweepFile.js';
import { tuningSweepName } from './tuned.js';

/**
 * Every architecture of the sweep over the grid, at each size that its cells use and that is to be tuned.
 *
 * @returns null where the sweep does not say `tune:`
 * @throws UsageError where another sweep file has the name that the tuning takes
 */
export function tuningSweepOf(loaded: LoadedSweep, catalogue: ArchitectureCatalogue): LoadedSweep | null {
  const { sweep } = loaded;
  const tune = tuneOf(sweep);
  if (tune === null) return null;
  const { grid, extend, flops, sizes, seeds, evalTokens } = tune;
  const name = tuningSweepName(sweep.name);
  const path = join(dirname(loaded.path), `${name}.yaml`);
  if (existsSync(path)) {
    throw new UsageError(
      `${loaded.at(['learningRate', 'tune'])}  the tuning of ${sweep.name} is the sweep ${name}, but there is a sweep file ${path}; rename one, or use its rates with learningRate: { tuned: ${name} }`,
    );
  }
  const sizesOf = new Map<string, { architecture: Architecture; sizes: Set<string> }>();
  for (const { architecture, sizeName } of cellsOf(sweep, catalogue)) {
    const own = sizesOf.get(architecture.label) ?? { architecture, sizes: new Set<string>() };
    sizesOf.set(architecture.label, own);
    if (sizes === undefined || sizes.includes(sizeName)) own.sizes.add(sizeName);
  }
  return {
    ...loaded,
    path,
    at: (keys) =>
      loaded.at(
        keys[0] === 'evalTokens' && evalTokens !== undefined ? ['learningRate', 'tune', 'evalTokens'] : keys,
      ),
    sweep: {
      ...sweep,
      name,
      title: `Learning rates for ${sweep.title ?? sweep.name}`,
      baselines: [],
      evalTokens: evalTokens ?? sweep.evalTokens,
      learningRate: { grid, extend },
      cells: [...sizesOf.values()]
        .filter((own) => own.sizes.size > 0)
        .map(({ architecture: { preset, positions }, sizes: own }) => ({
          architectures: [{ preset, positions }],
          budgets: [{ flops, sizes: [...own], seeds }],
        })),
    },
  };
}
