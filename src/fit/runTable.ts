/** From a table of anyone's runs to rows that can be fitted: columns mapped by name, rows dropped only with a reason. */
import type { CsvTable } from './csv.js';
import { FitError } from './error.js';

/** What a column can stand for. Numbers may carry a unit as a factor: `tokens_B*1e9`. */
export const RUN_FIELDS = [
  'params',
  'tokens',
  'flops',
  'loss',
  'weight',
  'flopsMatmul',
  'steps',
  'seconds',
  'dModel',
  'nLayers',
  'seed',
  'budget',
  'arch',
  'positions',
  'trunk',
  'hardware',
  'status',
  'id',
] as const;
export type RunField = (typeof RUN_FIELDS)[number];
export type RunColumns = Partial<Record<RunField, string>>;

/** Column names that are understood without being told, those of this project's own exports first. */
const USUAL_NAMES: Readonly<Record<RunField, readonly string[]>> = {
  params: ['paramsNonEmbedding', 'N', 'params', 'parameters', 'n_params'],
  tokens: ['tokens', 'D'],
  flops: ['flops', 'C', 'compute'],
  loss: ['lossNats', 'L', 'loss'],
  weight: ['weight'],
  flopsMatmul: ['flopsMatmul'],
  steps: ['steps'],
  seconds: ['seconds'],
  dModel: ['dModel', 'd_model'],
  nLayers: ['nLayers', 'n_layers'],
  seed: ['seed'],
  budget: ['budgetFlops', 'budget'],
  arch: ['arch', 'architecture'],
  positions: ['positions'],
  trunk: ['trunk'],
  hardware: ['hardware'],
  status: ['status'],
  id: ['id', 'runKey'],
};

/** One run of a table; a number is null where the table has no column for it. */
export interface TableRun {
  readonly line: number;
  readonly id: string;
  readonly arch: string;
  readonly positions: string;
  readonly trunk: string | null;
  readonly hardware: string | null;
  readonly status: string | null;
  readonly loss: number;
  readonly params: number | null;
  readonly tokens: number | null;
  readonly flops: number | null;
  readonly weight: number | null;
  readonly flopsMatmul: number | null;
  readonly steps: number | null;
  readonly seconds: number | null;
  readonly dModel: number | null;
  readonly nLayers: number | null;
  readonly seed: number | null;
  readonly budget: number | null;
}

export interface RunTable {
  readonly runs: readonly TableRun[];
  /** Column (and factor) that each field was read from. */
  readonly columns: RunColumns;
  readonly dropped: readonly { readonly line: number; readonly reason: string }[];
  /** What was assumed in reading, sentences. */
  readonly notes: readonly string[];
}

interface Column {
  readonly index: number;
  readonly factor: number;
  readonly label: string;
}

function findColumn(header: readonly string[], spec: string, flag: string): Column {
  const star = spec.lastIndexOf('*');
  const whole = header.indexOf(spec);
  const name = whole >= 0 || star < 0 ? spec : spec.slice(0, star).trim();
  const factor = whole >= 0 || star < 0 ? 1 : Number(spec.slice(star + 1));
  const index = header.indexOf(name);
  if (index < 0)
    throw new FitError(`There is no column "${name}" for ${flag}; the columns are ${header.join(', ')}.`);
  if (!(Number.isFinite(factor) && factor > 0)) {
    throw new FitError(
      `"${spec}" for ${flag}: after * stands the factor to the base unit, a positive number such as 1e9.`,
    );
  }
  return { index, factor, label: spec };
}

/** The command-line flag of a field: `--flops-matmul`. */
export function flagOf(field: RunField): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function mapColumns(header: readonly string[], given: RunColumns): Map<RunField, Column> {
  const columns = new Map<RunField, Column>();
  const lower = header.map((name) => name.toLowerCase());
  for (const field of RUN_FIELDS) {
    const spec = given[field];
    if (spec !== undefined) {
      columns.set(field, findColumn(header, spec, flagOf(field)));
      continue;
    }
    // `n` may count something else where there is an `N`.
    const exact = USUAL_NAMES[field].find((name) => header.includes(name));
    const usual = exact ?? USUAL_NAMES[field].find((name) => lower.includes(name.toLowerCase()));
    if (usual === undefined) continue;
    const index = exact === undefined ? lower.indexOf(usual.toLowerCase()) : header.indexOf(exact);
    columns.set(field, { index, factor: 1, label: header[index]! });
  }
  return columns;
}

/** Why a value can't be used; null where it can. */
function problemOf(field: RunField, text: string, value: number): string | null {
  if (text === '') return `${field} is missing`;
  if (Number.isNaN(value)) return `${field} is "${text}", not a number`;
  if (!Number.isFinite(value)) return `${field} is not finite`;
  if (field === 'weight' || field === 'seed') {
    if (value < 0) return `${field} is negative (${text})`;
    // Beyond the safe integers two seeds may be read as one.
    return field === 'seed' && !Number.isSafeInteger(value)
      ? `seed is ${text}, not a whole number up to ${Number.MAX_SAFE_INTEGER}`
      : null;
  }
  return value > 0 ? null : `${field} is ${text}, not above 0`;
}

/**
 * Reads runs from a table. A row is dropped, with its line and reason, where a mapped number is missing, not a number,
 * or not positive.
 *
 * @param where - keep only rows whose column has this value, such as `{ dataset: 'rpj' }`.
 * @throws FitError for a column that does not exist, or a table without a loss column or without a usable row.
 */
export function readRunTable(
  table: CsvTable,
  given: RunColumns,
  where: Readonly<Record<string, string>> = {},
): RunTable {
  const columns = mapColumns(table.header, given);
  if (!columns.has('loss')) {
    throw new FitError(
      `Name the column of the loss with --loss; the columns are ${table.header.join(', ')}.`,
    );
  }
  const filters = Object.entries(where).map(([name, value]) => ({
    ...findColumn(table.header, name, '--where'),
    value,
  }));
  const runs: TableRun[] = [];
  const dropped: { line: number; reason: string }[] = [];
  let filtered = 0;
  table.records.forEach((record, i) => {
    const line = table.lines[i]!;
    if (filters.some(({ index, value }) => record[index] !== value)) {
      filtered += 1;
      return;
    }
    const problems: string[] = [];
    const number = (field: RunField): number | null => {
      const column = columns.get(field);
      if (column === undefined) return null;
      const text = record[column.index]!;
      const value = text === '' ? NaN : Number(text) * column.factor;
      const problem = problemOf(field, text, value);
      if (problem !== null) problems.push(problem);
      return value;
    };
    const text = (field: RunField): string | null => {
      const column = columns.get(field);
      return column === undefined ? null : record[column.index]!;
    };
    const status = text('status');
    if (status !== null && status !== '' && status !== 'done') {
      dropped.push({ line, reason: `status is ${status}, and only finished runs are fitted` });
      return;
    }
    const run: TableRun = {
      line,
      id: text('id') ?? `line ${line}`,
      arch: text('arch') ?? 'runs',
      positions: text('positions') ?? 'unstated',
      trunk: text('trunk'),
      hardware: text('hardware'),
      status,
      loss: number('loss')!,
      params: number('params'),
      tokens: number('tokens'),
      flops: number('flops'),
      weight: number('weight'),
      flopsMatmul: number('flopsMatmul'),
      steps: number('steps'),
      seconds: number('seconds'),
      dModel: number('dModel'),
      nLayers: number('nLayers'),
      seed: number('seed'),
      budget: number('budget'),
    };
    if (problems.length > 0) dropped.push({ line, reason: problems.join('; ') });
    else runs.push(run);
  });
  if (runs.length === 0) {
    const first = dropped[0];
    const why = first
      ? `all ${dropped.length} were dropped, the first (line ${first.line}) because ${first.reason}`
      : 'no row passes --where';
    throw new FitError(`There is no row to fit: ${why}.`);
  }
  const described = Object.fromEntries(
    [...columns].map(([field, { label }]) => [field, label]),
  ) as RunColumns;
  const notes = filtered > 0 ? [`${filtered} rows do not match --where and are not part of the fit.`] : [];
  return { runs, columns: described, dropped, notes };
}
