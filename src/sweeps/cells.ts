/** The cells of a sweep: its blocks written out as architecture x budget x size x seed. */
import {
  type Architecture,
  architecture,
  type ArchitectureCatalogue,
  isPositions,
  splitArchitectureName,
} from './architecture.js';
import type { SweepFile } from './schema.js';

/** One cell, and the place in the file that asks for it. */
export interface Cell {
  readonly architecture: Architecture;
  readonly sizeName: string;
  readonly budgetFlops: number;
  readonly seed: number;
  /** The size is one of those that may be chosen (`sizes: auto`). */
  readonly isCandidate: boolean;
  readonly path: readonly PropertyKey[];
}

/** An architecture as it stands in a file, with its parts split but not checked. */
export function architectureParts(entry: SweepFile['cells'][number]['architectures'][number]): {
  preset: string;
  positions: string | undefined;
} {
  return typeof entry === 'string'
    ? splitArchitectureName(entry)
    : { preset: entry.preset, positions: entry.positions };
}

/** Resolves an entry whose parts are known to be sound. */
export function resolveArchitecture(
  entry: SweepFile['cells'][number]['architectures'][number],
  catalogue: ArchitectureCatalogue,
): Architecture {
  const { preset, positions } = architectureParts(entry);
  return architecture(
    preset,
    positions !== undefined && isPositions(positions) ? positions : undefined,
    catalogue,
  );
}

/** Names of the sizes that may be trained at a budget; `auto` stands for every size of the sweep. */
export function sizeNamesOf(
  sweep: SweepFile,
  { sizes }: SweepFile['cells'][number]['budgets'][number],
): readonly string[] {
  return sizes === 'auto' ? Object.keys(sweep.sizes) : sizes;
}

/** Every cell of a sweep, in the order of the file; twice where the file asks twice. `auto` stands for every size. */
export function cellsOf(sweep: SweepFile, catalogue: ArchitectureCatalogue): Cell[] {
  return sweep.cells.flatMap((block, b) =>
    block.architectures.flatMap((entry) => {
      const resolved = resolveArchitecture(entry, catalogue);
      return block.budgets.flatMap((budget, i) => {
        const path = ['cells', b, 'budgets', i];
        const cell = (
          sizeName: string,
          seed: number,
          at: readonly PropertyKey[],
          isCandidate = false,
        ): Cell => ({
          architecture: resolved,
          sizeName,
          budgetFlops: budget.flops,
          seed,
          isCandidate,
          path: at,
        });
        const first =
          budget.sizes === 'auto'
            ? Object.keys(sweep.sizes).flatMap((size) =>
                budget.seeds.map((seed) => cell(size, seed, [...path, 'sizes'], true)),
              )
            : budget.sizes.flatMap((size, s) =>
                budget.seeds.map((seed) => cell(size, seed, [...path, 'sizes', s])),
              );
        const repeated = (budget.repeat?.sizes ?? []).flatMap((size, s) =>
          (budget.repeat?.seeds ?? []).map((seed) => cell(size, seed, [...path, 'repeat', 'sizes', s])),
        );
        return [...first, ...repeated];
      });
    }),
  );
}
