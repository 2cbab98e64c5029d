/** The list of runs: filters, order, groups and pages, as SQL over the view of all runs. */
import { didYouMean } from '../ops/nearest.js';
import { runStatusSchema } from '../store/record.js';
import type { CellValue } from '../store/tableText.js';
import type { ServedIndex } from './servedIndex.js';

export const PAGE_ROWS = 50;

/** What the list can be filtered by, as it stands in the URL. */
export const FILTERS = ['sweep', 'arch', 'status', 'positions', 'budget', 'size', 'q'] as const;
export type FilterName = (typeof FILTERS)[number];

/** What it can be ordered by: the names in the URL, and the columns. */
export const SORTS = {
  sweep: 'sweep',
  arch: 'arch',
  size: 'dModel * 1000 + nLayers',
  budget: 'budgetFlops',
  seed: 'seed',
  lr: 'learningRate',
  status: 'status',
  val: 'valLossNats',
  test: 'testLossNats',
  speed: 'tokensPerSecond',
  finished: 'finishedAt',
} as const;
export type SortName = keyof typeof SORTS;

/** What it can be grouped by, each a filter too. */
export const GROUPS = {
  sweep: 'sweep',
  arch: 'arch',
  status: 'status',
  positions: 'positions',
  budget: 'budgetFlops',
  size: "dModel || 'x' || nLayers",
} as const;
export type GroupName = keyof typeof GROUPS;

/** The state of the page, all of it in its URL. */
export interface RunListState {
  readonly filters: Readonly<Partial<Record<FilterName, string>>>;
  readonly sort: SortName;
  readonly descending: boolean;
  readonly group: GroupName | null;
  /** From 1. */
  readonly page: number;
}

export interface ListedRun {
  readonly sweep: string | null;
  readonly runKey: string;
  readonly arch: string;
  readonly dModel: number | null;
  readonly nLayers: number | null;
  readonly budgetFlops: number;
  readonly seed: number;
  readonly learningRate: number | null;
  readonly status: string;
  readonly stepsDone: number;
  readonly steps: number | null;
  readonly valLossNats: number | null;
  readonly testLossNats: number | null;
  readonly tokensPerSecond: number | null;
  readonly finishedAt: string | null;
  readonly imported: number;
}

export interface RunGroup {
  readonly value: CellValue;
  readonly runs: number;
  readonly done: number;
  readonly failed: number;
  readonly bestTestLossNats: number | null;
  readonly meanTestLossNats: number | null;
  readonly flops: number;
}

export interface RunListing {
  readonly total: number;
  readonly pages: number;
  readonly runs: readonly ListedRun[];
  readonly groups: readonly RunGroup[];
  /** Why nothing matches, where it is known. */
  readonly notice: string | null;
  /** Values that each filter can be set to. */
  readonly choices: Readonly<
    Record<'sweep' | 'arch' | 'status' | 'positions' | 'budget' | 'size', readonly string[]>
  >;
}

/** Reads the state from a URL; what is not understood counts as not given. */
export function stateOf(parameters: URLSearchParams): RunListState {
  const given = (name: string): string | undefined => {
    const value = parameters.get(name)?.trim();
    return value === '' ? undefined : value;
  };
  const filters: Partial<Record<FilterName, string>> = {};
  for (const name of FILTERS) {
    const value = given(name);
    if (value !== undefined) filters[name] = value;
  }
  const sort = given('sort');
  const group = given('group');
  return {
    filters,
    sort: sort !== undefined && Object.hasOwn(SORTS, sort) ? (sort as SortName) : 'arch',
    descending: given('order') === 'desc',
    group: group !== undefined && Object.hasOwn(GROUPS, group) ? (group as GroupName) : null,
    page: Math.max(1, Math.trunc(Number(given('page') ?? 1)) || 1),
  };
}

/** The URL of a state. */
export function urlOf({ filters, sort, descending, group, page }: RunListState): string {
  const parameters = new URLSearchParams(filters);
  if (sort !== 'arch' || descending) parameters.set('sort', sort);
  if (descending) parameters.set('order', 'desc');
  if (group !== null) parameters.set('group', group);
  if (page > 1) parameters.set('page', String(page));
  const text = parameters.toString();
  return text === '' ? '/runs' : `/runs?${text}`;
}

const CONDITIONS: Readonly<Record<FilterName, string>> = {
  sweep: 'sweep = $sweep',
  arch: 'arch = $arch',
  status: 'status = $status',
  positions: 'positions = $positions',
  budget: 'budgetFlops = CAST($budget AS REAL)',
  size: `${GROUPS.size} = $size`,
  q:
    "(instr(lower(runKey), lower($q)) OR instr(lower(arch), lower($q)) OR instr(lower(coalesce(cause, '')), lower($q)) " +
    "OR instr(lower(coalesce(sweep, '')), lower($q)))",
};

/** Reads a page of the list, and what its filters offer. */
export function listRuns(index: ServedIndex, state: RunListState): RunListing {
  const { filters, group } = state;
  const used = FILTERS.filter((name) => filters[name] !== undefined);
  const where = used.length === 0 ? '' : `WHERE ${used.map((name) => CONDITIONS[name]).join(' AND ')}`;
  const total = index.rows<{ n: number }>(`SELECT count(*) AS n FROM runs_overview ${where}`, filters)[0]!.n;
  const pages = Math.max(1, Math.ceil(total / PAGE_ROWS));
  const direction = state.descending ? 'DESC' : 'ASC';
  const key = SORTS[state.sort];
  const runs = index.rows<ListedRun>(
    `SELECT sweep, runKey, arch, dModel, nLayers, budgetFlops, seed, learningRate, status, stepsDone, steps, valLossNats,
       testLossNats, tokensPerSecond, finishedAt, imported
     FROM runs_overview ${where}
     ORDER BY (${key}) IS NULL, ${key} ${direction}, sweep, arch, budgetFlops, dModel, nLayers, learningRate, seed, runKey
     LIMIT ${PAGE_ROWS} OFFSET ${(Math.min(state.page, pages) - 1) * PAGE_ROWS}`,
    filters,
  );
  const groups =
    group === null
      ? []
      : index.rows<RunGroup>(
          `SELECT ${GROUPS[group]} AS value, count(*) AS runs, count(*) FILTER (WHERE status = 'done') AS done,
             count(*) FILTER (WHERE status IN ('failed', 'diverged')) AS failed,
             min(testLossNats) AS bestTestLossNats, avg(testLossNats) AS meanTestLossNats,
             total(flops * stepsDone / steps) AS flops
           FROM runs_overview ${where} GROUP BY 1 ORDER BY 1`,
          filters,
        );
  const choices = choicesOf(index, filters.sweep);
  const { sweep } = filters;
  const notice =
    total > 0 || sweep === undefined || choices.sweep.includes(sweep) ? null : noSweepText(index, sweep);
  return { total, pages, runs, groups, notice, choices };
}

/** Names of all sweeps, those of imported runs too. */
export function sweepNames(index: ServedIndex): string[] {
  return index
    .rows<{ sweep: string }>('SELECT sweep FROM sweeps UNION SELECT sweep FROM imported_sets ORDER BY 1')
    .map(({ sweep }) => sweep);
}

/** What to say to whoever asks for a sweep that there is not. */
export function noSweepText(index: ServedIndex, sweep: string): string {
  const known = sweepNames(index);
  return `There is no sweep ${sweep} among the results.${didYouMean(sweep, known)} There are: ${known.join(', ') || 'none'}.`;
}

/** Of the sweep that is chosen, or of all. */
function choicesOf(index: ServedIndex, sweep: string | undefined): RunListing['choices'] {
  const distinct = (expression: string): string[] =>
    index
      .rows<{ value: CellValue }>(
        `SELECT DISTINCT ${expression} AS value FROM runs_overview
         WHERE ${expression} IS NOT NULL AND ($sweep IS NULL OR sweep = $sweep) ORDER BY 1`,
        { sweep: sweep ?? null },
      )
      .map(({ value }) => String(value));
  const sizes = index.rows<{ value: string }>(
    `SELECT DISTINCT ${GROUPS.size} AS value FROM runs_overview
     WHERE dModel IS NOT NULL AND ($sweep IS NULL OR sweep = $sweep) ORDER BY dModel, nLayers`,
    { sweep: sweep ?? null },
  );
  return {
    sweep: sweepNames(index),
    arch: distinct('arch'),
    status: runStatusSchema.options,
    positions: distinct('positions'),
    budget: distinct('budgetFlops'),
    size: sizes.map(({ value }) => value),
  };
}
