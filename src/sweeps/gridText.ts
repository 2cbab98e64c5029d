/** A picture of a sweep's grid in a terminal: budgets by sizes for each architecture, a mark for each run. */
import type { RunRecord } from '../store/record.js';
import { flopsText } from './format.js';

const MARKS: Readonly<Record<RunRecord['status'], string>> = {
  planned: '.',
  running: '>',
  interrupted: '-',
  done: '#',
  diverged: 'x',
  failed: '!',
};

export interface GridRun {
  readonly arch: string;
  readonly size: string;
  readonly budgetFlops: number;
  readonly status: RunRecord['status'];
}

/**
 * Draws the grid: a block an architecture, a line a budget, a column a size (in the order in which the runs first name
 * them), and in each cell a mark for each of its runs (seeds, rates). The last line explains the marks that occur.
 */
export function gridText(runs: readonly GridRun[]): string {
  const sizes = unique(runs.map(({ size }) => size));
  const budgets = unique(runs.map(({ budgetFlops }) => budgetFlops)).sort((a, b) => a - b);
  const archs = unique(runs.map(({ arch }) => arch));
  const cells = new Map<string, string>();
  for (const { arch, size, budgetFlops, status } of runs) {
    const key = cellKey(arch, size, budgetFlops);
    cells.set(key, (cells.get(key) ?? '') + MARKS[status]);
  }
  const head = Math.max(
    ...budgets.map((budget) => flopsText(budget).length),
    ...archs.map((arch) => arch.length - 2),
    6,
  );
  const widths = sizes.map((size) =>
    Math.max(
      size.length,
      ...archs.flatMap((arch) =>
        budgets.map((budget) => cells.get(cellKey(arch, size, budget))?.length ?? 0),
      ),
    ),
  );
  const line = (first: string, rest: readonly string[]): string =>
    [first.padEnd(head + 2), ...rest.map((text, i) => text.padEnd(widths[i]!))].join('  ').trimEnd();
  const blocks = archs.flatMap((arch) => [
    line(arch, sizes),
    ...budgets
      .filter((budget) => sizes.some((size) => cells.has(cellKey(arch, size, budget))))
      .map((budget) =>
        line(
          `  ${flopsText(budget)}`,
          sizes.map((size) => cells.get(cellKey(arch, size, budget)) ?? ''),
        ),
      ),
  ]);
  const legend = Object.entries(MARKS)
    .filter(([status]) => runs.some((run) => run.status === status))
    .map(([status, mark]) => `${mark} ${status}`);
  return [...blocks, legend.join('   ')].join('\n');
}

const cellKey = (arch: string, size: string, budget: number): string => JSON.stringify([arch, size, budget]);

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
