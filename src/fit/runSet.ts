/** A set of runs as the fits take them, whether from a table of anyone's or from a sweep. */
import { findBudgets } from './budgets.js';
import { FitError } from './error.js';
import { grouped } from './grouped.js';
import type { ParametricRow } from './parametric.js';
import type { CountedFitRow, FitRow } from './row.js';
import type { RunColumns, RunTable, TableRun } from './runTable.js';

/** Runs with everything that the fits need to know about where their numbers come from. */
export interface RunSet {
  readonly source: string;
  /** What N counts: the name of a column, or the project's convention. */
  readonly paramsConvention: string;
  readonly columns: RunColumns | null;
  /** Runs with compute, for isoFLOP fits; empty where the source has none. */
  readonly rows: readonly CountedFitRow[];
  /** Runs with N and D, by architecture, for forms in N and D. */
  readonly parametric: ReadonlyMap<string, readonly ParametricRow[]>;
  /** Compute, N, D and loss of each run, by architecture, for tables of optima. */
  readonly points: ReadonlyMap<string, readonly RunPoint[]>;
  readonly dropped: RunTable['dropped'];
  /** What was assumed, sentences; those that concern isoFLOP fits apart. */
  readonly notes: readonly string[];
  readonly isoflopNotes: readonly string[];
}

export interface RunPoint {
  readonly flops: number;
  readonly params: number | null;
  readonly tokens: number | null;
  readonly loss: number;
}

/** FLOPs by parameter and token of the usual estimate, used only where a table lacks a column, and then said so. */
const ESTIMATE = 6;

/** Tokens and compute of a run, by 6ND where the table lacks one of them. */
function complete(run: TableRun): { tokens: number | null; flops: number | null } {
  const { params, tokens, flops } = run;
  return {
    tokens: tokens ?? (params !== null && flops !== null ? flops / (ESTIMATE * params) : null),
    flops: flops ?? (params !== null && tokens !== null ? ESTIMATE * params * tokens : null),
  };
}

type CompleteRun = TableRun & { readonly tokens: number; readonly flops: number };

/** Seeds of runs without a seed column: the runs of one architecture, budget and size count as seeds 0, 1, ... */
function numberSeeds(
  runs: readonly CompleteRun[],
  budgets: readonly (number | null)[],
): { seeds: number[]; repeated: number } {
  const counts = new Map<string, number>();
  let repeated = 0;
  const seeds = runs.map((run, i) => {
    const key = JSON.stringify([run.arch, run.positions, budgets[i], run.params ?? run.flops / run.tokens]);
    const seed = counts.get(key) ?? 0;
    counts.set(key, seed + 1);
    if (seed > 0) repeated += 1;
    return seed;
  });
  return { seeds, repeated };
}

function toFitRow(run: CompleteRun, budgetFlops: number, seed: number, source: string): FitRow {
  const params = run.params ?? run.flops / (ESTIMATE * run.tokens);
  const steps = run.steps ?? NaN;
  return {
    id: run.id,
    sweep: source,
    arch: run.arch,
    positions: run.positions,
    seed,
    trunk: run.trunk ?? run.id,
    dModel: run.dModel ?? 0,
    nLayers: run.nLayers ?? 0,
    paramsTotal: params,
    paramsNonEmbedding: params,
    paramsActive: params,
    tokens: run.tokens,
    steps,
    flops: run.flops,
    flopsMatmul: run.flopsMatmul ?? NaN,
    budgetFlops,
    secondsPerStep: run.seconds === null || Number.isNaN(steps) ? null : run.seconds / steps,
    hardware: run.hardware,
    lossNats: run.loss,
    bitsPerByte: null,
    status: 'done',
  };
}

/**
 * Prepares a table for the fits. Compute or tokens that it lacks are estimated by C = 6 N D, and runs are grouped into
 * budgets where no column says; either is noted.
 *
 * @throws FitError where the table has neither N and D nor compute, or seconds without steps and hardware.
 */
export function runSetOfTable(table: RunTable, source: string): RunSet {
  const { columns, runs } = table;
  const has = (field: keyof RunColumns): boolean => columns[field] !== undefined;
  if (!has('params') && !(has('tokens') && has('flops'))) {
    throw new FitError(
      'Name the column of parameters with --params, or those of tokens and compute with --tokens and --flops.',
    );
  }
  if (!has('tokens') && !has('flops'))
    throw new FitError('Name the column of tokens with --tokens, or that of compute with --flops.');
  if (has('seconds') && !(has('steps') && has('hardware'))) {
    throw new FitError(
      'Seconds need a column of steps and one of the hardware they were taken on (--steps, --hardware).',
    );
  }
  const notes = [...table.notes];
  if (!has('tokens')) notes.push('There is no column of tokens: D is estimated as C / (6 N).');
  if (!has('flops'))
    notes.push(
      'There is no column of compute: C is estimated as 6 N D, which leaves out attention and the vocabulary.',
    );

  const whole = runs.flatMap((run): CompleteRun[] => {
    const { tokens, flops } = complete(run);
    return tokens === null || flops === null ? [] : [{ ...run, tokens, flops }];
  });
  const isoflopNotes: string[] = [];
  let budgets: (number | null)[];
  if (has('budget')) {
    budgets = whole.map((run) => run.budget);
  } else {
    const sizes = whole.map((run) => ({ flops: run.flops, size: run.params ?? run.flops / run.tokens }));
    budgets = findBudgets(sizes);
    const inBudget = budgets.filter((budget) => budget !== null).length;
    const nBudgets = new Set(budgets).size - (inBudget < budgets.length ? 1 : 0);
    isoflopNotes.push(
      inBudget === 0
        ? 'No 3 sizes share a budget (compute within 3% of each other), so there is no isoFLOP fit.'
        : `${inBudget} of ${whole.length} runs are taken for ${nBudgets} budgets, since their compute agrees; the others are not part of isoFLOP fits.`,
    );
  }
  let seeds: number[];
  if (has('seed')) {
    seeds = whole.map((run) => run.seed ?? 0);
  } else {
    const numbered = numberSeeds(whole, budgets);
    seeds = numbered.seeds;
    const repeated = whole.filter((_, i) => budgets[i] !== null && seeds[i]! > 0).length;
    if (repeated > 0)
      isoflopNotes.push(
        `${repeated} runs repeat another's architecture, budget and size; without a column of seeds they are taken for other seeds.`,
      );
  }
  const rows = whole.flatMap((run, i) => {
    const budget = budgets[i];
    return budget === null || budget === undefined ? [] : [toFitRow(run, budget, seeds[i]!, source)];
  });
  return {
    source,
    paramsConvention: columns.params === undefined ? 'C / (6 D)' : `column ${columns.params}`,
    columns,
    rows,
    parametric: grouped(
      whole.flatMap((run): [string, ParametricRow][] =>
        run.params === null
          ? []
          : [
              [
                run.arch,
                {
                  params: run.params,
                  tokens: run.tokens,
                  loss: run.loss,
                  ...(run.weight === null ? {} : { weight: run.weight }),
                  ...(run.trunk === null ? {} : { unit: run.trunk }),
                },
              ],
            ],
      ),
    ),
    points: grouped(whole.map((run): [string, RunPoint] => [run.arch, run])),
    dropped: table.dropped,
    notes,
    isoflopNotes,
  };
}

/** Prepares a sweep's finished runs; `paramsOf` counts N by the convention named. */
export function runSetOfRows(
  allRows: readonly CountedFitRow[],
  source: string,
  paramsConvention: string,
  paramsOf: (row: CountedFitRow) => number,
): RunSet {
  const rows = allRows.filter((row) => row.status === 'done');
  const point = (row: CountedFitRow) => ({ params: paramsOf(row), tokens: row.tokens, loss: row.lossNats });
  return {
    source,
    paramsConvention,
    columns: null,
    rows: allRows,
    parametric: grouped(
      rows.map((row): [string, ParametricRow] => [row.arch, { ...point(row), unit: row.trunk }]),
    ),
    points: grouped(rows.map((row): [string, RunPoint] => [row.arch, { ...point(row), flops: row.flops }])),
    dropped: [],
    notes: [],
    isoflopNotes: [],
  };
}
