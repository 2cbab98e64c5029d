/** From rows to the study a fit works on: finished runs grouped into cells (seeds) and groups (sizes), and their noise. */
import type { Cell } from './analysis.js';
import type { CostKind } from './comparison.js';
import { FitError } from './error.js';
import { grouped } from './grouped.js';
import { pairedNoise, pool, type PooledDeviation } from './noise.js';
import { type CountedFitRow, LARGEST_LOSS } from './row.js';
import { mean, standardDeviation } from './statistics.js';

/** One axis that laws are fitted on: seconds have an axis for each hardware string. */
export interface Cost {
  readonly kind: CostKind;
  readonly hardware: string | null;
}

/** How the optimum of a budget is found: a robust parabola, or Akima's interpolation of the cell means. */
export type IsoflopMethod = 'parabola' | 'akima';

/** The cells of one architecture at one budget, by rising FLOPs per token. */
export interface Group {
  readonly arch: string;
  readonly positions: string;
  readonly budgetFlops: number;
  /** Indices into `Study.cells`. */
  readonly cells: readonly number[];
  /** ln FLOPs per token of each cell. */
  readonly logSize: readonly number[];
  /** Indices into `Study.rows`, and ln FLOPs per token of each. */
  readonly rows: readonly number[];
  readonly rowLogSize: readonly number[];
  /** ln of what a run of each cell costs, by the study's costs; NaN where it was not measured. */
  readonly logCost: readonly (readonly number[])[];
}

/** An architecture and its groups, by rising budget. */
export interface ArchGroups {
  readonly arch: string;
  readonly positions: string;
  /** Indices into `Study.groups`. */
  readonly groups: readonly number[];
}

/** Finished runs in the order that every fit works on. Losses are apart, since a bootstrap changes them and nothing else. */
export interface Study {
  readonly rows: readonly CountedFitRow[];
  readonly losses: Float64Array;
  readonly cells: readonly Cell[];
  /** Cell of each row, and the rows of each cell by rising seed. */
  readonly cellOfRow: Int32Array;
  readonly rowsOfCell: readonly (readonly number[])[];
  readonly isoflopMethod: IsoflopMethod;
  readonly groups: readonly Group[];
  readonly archs: readonly ArchGroups[];
  /** FLOPs, matrix FLOPs and tokens, then seconds by hardware: `Vertex.logCost` is in this order. */
  readonly costs: readonly Cost[];
  readonly seedNoise: PooledDeviation | null;
  readonly pairedNoise: PooledDeviation | null;
  readonly leftOut: readonly { readonly arch: string; readonly status: string; readonly nRuns: number }[];
}

/**
 * Label of each row's size: `dModel x nLayers`, with the rank of its parameter count where an architecture has
 * several sizes of that shape, or the parameter count where the rows have no shape (dModel 0).
 */
function sizeLabels(rows: readonly CountedFitRow[]): string[] {
  const counts = new Map<string, Set<number>>();
  const shape = (row: CountedFitRow): string => `${row.arch}\n${row.dModel}x${row.nLayers}`;
  for (const row of rows) {
    const seen = counts.get(shape(row)) ?? new Set();
    counts.set(shape(row), seen.add(row.paramsTotal));
  }
  return rows.map((row) => {
    if (row.dModel === 0) return `N=${row.paramsNonEmbedding}`;
    const sizes = [...counts.get(shape(row))!].sort((a, b) => a - b);
    const rank = sizes.length > 1 ? `#${sizes.indexOf(row.paramsTotal) + 1}` : '';
    return `${row.dModel}x${row.nLayers}${rank}`;
  });
}

function checkRows(rows: readonly CountedFitRow[]): void {
  const ids = new Set<string>();
  for (const row of rows) {
    if (ids.has(row.id)) throw new FitError(`Run ${row.id} appears twice; give every run once.`);
    ids.add(row.id);
    if (row.status !== 'done') continue;
    const positive = [
      'tokens',
      'flops',
      'budgetFlops',
      'paramsTotal',
      'paramsNonEmbedding',
      'lossNats',
    ] as const;
    for (const field of positive) {
      const value = row[field];
      if (!(Number.isFinite(value) && value > 0)) {
        throw new FitError(
          `Run ${row.id} (${row.arch}) is finished but its ${field} is ${value}; it must be a positive number. ` +
            'Mend the row, or give the run another status.',
        );
      }
    }
    if (row.lossNats > LARGEST_LOSS) {
      throw new FitError(
        `Run ${row.id} (${row.arch}) has lossNats ${row.lossNats}; fits take at most ${LARGEST_LOSS}. ` +
          'Mend the row, or give the run another status.',
      );
    }
    for (const field of ['flopsMatmul', 'steps'] as const) {
      if (row[field] <= 0 || row[field] === Infinity) {
        throw new FitError(
          `Run ${row.id} (${row.arch}) has ${field} ${row[field]}; it must be positive, or NaN where it is not known.`,
        );
      }
    }
    const seconds = row.secondsPerStep;
    if (seconds !== null && !(Number.isFinite(seconds) && seconds > 0)) {
      throw new FitError(
        `Run ${row.id} (${row.arch}) has secondsPerStep ${seconds}; it must be positive, or null.`,
      );
    }
  }
}

function toCell(members: readonly CountedFitRow[], size: string): Cell {
  const first = members[0]!;
  const losses = members.map((row) => row.lossNats);
  const bits = members.map((row) => row.bitsPerByte);
  const timed = members.every((row) => row.secondsPerStep !== null && row.hardware === first.hardware);
  const average = (pick: (row: CountedFitRow) => number): number => mean(members.map(pick));
  const averageOrNull = (pick: (row: CountedFitRow) => number): number | null =>
    Number.isNaN(average(pick)) ? null : average(pick);
  return {
    arch: first.arch,
    positions: first.positions,
    budgetFlops: first.budgetFlops,
    size,
    dModel: first.dModel,
    nLayers: first.nLayers,
    paramsTotal: first.paramsTotal,
    paramsNonEmbedding: first.paramsNonEmbedding,
    paramsOutput: first.paramsOutput ?? null,
    flopsPerToken: average((row) => row.flops) / average((row) => row.tokens),
    tokens: average((row) => row.tokens),
    steps: averageOrNull((row) => row.steps),
    flops: average((row) => row.flops),
    flopsMatmul: averageOrNull((row) => row.flopsMatmul),
    seconds:
      timed && first.hardware !== null ? averageOrNull((row) => row.secondsPerStep! * row.steps) : null,
    hardware: timed ? first.hardware : null,
    runIds: members.map((row) => row.id),
    seeds: members.map((row) => row.seed),
    losses,
    lossNats: mean(losses),
    lossStandardDeviation: standardDeviation(losses),
    bitsPerByte: bits.every((b) => b !== null) ? mean(bits) : null,
  };
}

function toGroup(
  cells: readonly Cell[],
  members: readonly number[],
  rowsOfCell: readonly (readonly number[])[],
  rows: readonly CountedFitRow[],
  costs: readonly Cost[],
): Group {
  const sorted = [...members].sort((a, b) => cells[a]!.flopsPerToken - cells[b]!.flopsPerToken);
  const first = cells[sorted[0]!]!;
  const rowIndices = sorted.flatMap((cell) => rowsOfCell[cell]!);
  const logSize = sorted.map((cell) => Math.log(cells[cell]!.flopsPerToken));
  return {
    arch: first.arch,
    positions: first.positions,
    budgetFlops: first.budgetFlops,
    cells: sorted,
    logSize,
    rows: rowIndices,
    rowLogSize: rowIndices.map((row) => Math.log(rows[row]!.flops / rows[row]!.tokens)),
    logCost: costs.map((cost) => sorted.map((cell) => Math.log(costOf(cells[cell]!, cost)))),
  };
}

function costOf(cell: Cell, cost: Cost): number {
  switch (cost.kind) {
    case 'flops':
      return cell.flops;
    case 'flopsMatmul':
      return cell.flopsMatmul ?? NaN;
    case 'tokens':
      return cell.tokens;
    case 'seconds':
      return cell.hardware === cost.hardware && cell.seconds !== null ? cell.seconds : NaN;
    default:
      return cost.kind satisfies never;
  }
}

/**
 * Groups rows into a study. Only rows with status `done` enter; the others are counted in `leftOut`.
 *
 * @throws FitError for a run given twice, a finished run without a positive finite number where one is needed, or two
 * runs of one architecture, budget, size and seed.
 */
export function buildStudy(
  allRows: readonly CountedFitRow[],
  isoflopMethod: IsoflopMethod = 'parabola',
): Study {
  checkRows(allRows);
  const rows = allRows.filter((row) => row.status === 'done');
  const labels = sizeLabels(rows);

  const cellIndex = new Map<string, number>();
  const rowsOfCell: number[][] = [];
  const cellOfRow = Int32Array.from(rows, (row, i) => {
    const key = JSON.stringify([row.arch, row.positions, row.budgetFlops, labels[i]]);
    const index = cellIndex.get(key) ?? cellIndex.size;
    cellIndex.set(key, index);
    (rowsOfCell[index] ??= []).push(i);
    return index;
  });
  for (const members of rowsOfCell) {
    members.sort((a, b) => rows[a]!.seed - rows[b]!.seed);
    members.forEach((row, i) => {
      const next = members[i + 1];
      if (next === undefined || rows[row]!.seed !== rows[next]!.seed) return;
      const { arch, budgetFlops, seed, id } = rows[row]!;
      throw new FitError(
        `Runs ${id} and ${rows[next]!.id} are both ${arch} of size ${labels[row]!} at ${budgetFlops} FLOPs with seed ${seed}. ` +
          'Runs of one cell may differ by seed only: leave one out, or give them different architecture labels.',
      );
    });
  }
  const cells = rowsOfCell.map((members) =>
    toCell(
      members.map((i) => rows[i]!),
      labels[members[0]!]!,
    ),
  );

  const hardware = [
    ...new Set(
      cells.flatMap((cell) => (cell.seconds === null || cell.hardware === null ? [] : [cell.hardware])),
    ),
  ];
  const costs: Cost[] = [
    { kind: 'flops', hardware: null },
    { kind: 'flopsMatmul', hardware: null },
    { kind: 'tokens', hardware: null },
    ...hardware.map((name): Cost => ({ kind: 'seconds', hardware: name })),
  ];

  const byArch = grouped(
    cells.map(({ arch, positions }, i): [string, number] => [JSON.stringify([arch, positions]), i]),
  );
  const groups: Group[] = [];
  const archs = [...byArch.values()].map((own): ArchGroups => {
    const byBudget = grouped(own.map((i): [number, number] => [cells[i]!.budgetFlops, i]));
    const first = groups.length;
    const budgets = [...byBudget].sort(([x], [y]) => x - y);
    for (const [, members] of budgets) groups.push(toGroup(cells, members, rowsOfCell, rows, costs));
    const { arch, positions } = cells[own[0]!]!;
    return { arch, positions, groups: budgets.map((_, i) => first + i) };
  });
  const labelled = new Map<string, string>();
  for (const { arch, positions } of archs) {
    const other = labelled.get(arch);
    if (other !== undefined) {
      throw new FitError(
        `Architecture ${arch} has runs with ${other} and with ${positions} positions; give each family its own label, such as ${arch}@${positions}.`,
      );
    }
    labelled.set(arch, positions);
  }

  const leftOut = new Map<string, { arch: string; status: string; nRuns: number }>();
  for (const { arch, status } of allRows) {
    if (status === 'done') continue;
    const entry = leftOut.get(`${arch}\n${status}`) ?? { arch, status, nRuns: 0 };
    entry.nRuns += 1;
    leftOut.set(`${arch}\n${status}`, entry);
  }

  return {
    rows,
    losses: Float64Array.from(rows, (row) => row.lossNats),
    cells,
    cellOfRow,
    rowsOfCell,
    isoflopMethod,
    groups,
    archs,
    costs,
    seedNoise: pool(cells.map((cell) => cell.losses)),
    pairedNoise: pairedNoise(cells),
    leftOut: [...leftOut.values()],
  };
}
