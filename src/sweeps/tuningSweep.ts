/** The tuning sweep that `tune:` in a sweep stands for. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../store/errors.js';
import type { ArchitectureCatalogue } from './architecture.js';
import { cellsOf } from './cells.js';
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
  if (typeof sweep.learningRate !== 'object' || !('tune' in sweep.learningRate)) return null;
  const { grid, extend, flops, sizes, seeds, evalTokens } = sweep.learningRate.tune;
  const name = tuningSweepName(sweep.name);
  const path = join(dirname(loaded.path), `${name}.yaml`);
  if (existsSync(path)) {
    throw new UsageError(
      `${loaded.at(['learningRate', 'tune'])}  the tuning of ${sweep.name} is the sweep ${name}, but there is a sweep file ${path}; rename one, or use its rates with learningRate: { tuned: ${name} }`,
    );
  }
  const sizesOf = new Map<string, { entry: { preset: string; positions: string }; sizes: Set<string> }>();
  for (const { architecture, sizeName } of cellsOf(sweep, catalogue)) {
    const { label, preset, positions } = architecture;
    const own = sizesOf.get(label) ?? { entry: { preset, positions }, sizes: new Set<string>() };
    sizesOf.set(label, own);
    if (sizes === undefined || sizes.includes(sizeName)) own.sizes.add(sizeName);
  }
  return {
    ...loaded,
    path,
    sweep: {
      ...sweep,
      name,
      title: `Learning rates for ${sweep.title ?? sweep.name}`,
      baselines: [],
      evalTokens: evalTokens ?? sweep.evalTokens,
      learningRate: { grid, extend },
      cells: [...sizesOf.values()]
        .filter((own) => own.sizes.size > 0)
        .map(({ entry, sizes: own }) => ({
          architectures: [entry as { preset: string; positions: 'absolute' | 'relative' | 'rotary' }],
          budgets: [{ flops, sizes: [...own], seeds }],
        })),
    },
  };
}
