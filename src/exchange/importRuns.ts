/** `isoloss import runs`: other tools' results, from a CSV file, as rows that are fitted and reported like one's own. */
import { basename } from 'node:path';
import { parseCsv } from '../fit/csv.js';
import type { FitRow } from '../fit/row.js';
import { runSetOfTable } from '../fit/runSet.js';
import { readRunTable } from '../fit/runTable.js';
import type { RunColumns, RunTable, TableRun } from '../fit/runTable.js';
import { UsageError } from '../store/errors.js';
import { sha256Hex } from '../store/files.js';
import { importedRunSchema, importedSetSchema, writeImportedSet } from '../store/imported.js';
import type { ImportedRun, ImportedSet } from '../store/imported.js';
import { readText } from './readText.js';

/** Fields that may be the same for all rows of a file that has no column for them. */
export const CONSTANT_FIELDS = ['arch', 'positions', 'hardware'] as const;
export type ConstantField = (typeof CONSTANT_FIELDS)[number];

export interface ImportOptions {
  readonly resultsDir: string;
  /** What the runs are called among the sweeps. */
  readonly name: string;
  readonly title?: string;
  /** Columns of fields, where their names are not the usual ones; `tokens_B*1e9` has a factor to the base unit. */
  readonly columns: RunColumns;
  readonly constants?: Partial<Record<ConstantField, string>>;
  /** Only rows whose column has this value. */
  readonly where?: Readonly<Record<string, string>>;
  readonly baselines?: readonly string[];
  /** Replace an earlier import of this name. */
  readonly replace?: boolean;
  /** When, for the record; now unless told. */
  readonly now?: () => Date;
}

export interface ImportResult {
  /** The file written. */
  readonly path: string;
  readonly set: ImportedSet;
}

/** How many wrong lines an error names before it only counts them. */
const NAMED_LINES = 10;

/**
 * Reads a file of runs and writes it to the results as imported runs. All rows are read, or none is.
 *
 * @throws UsageError where the file can't be read or written, a row is wrong (naming the lines), an identifier or a
 *   baseline is not there or there twice, or the name is taken
 * @throws FitError where the file is no CSV or a column does not exist
 */
export function importRuns(file: string, options: ImportOptions): ImportResult {
  const { name, resultsDir, baselines = [], now = () => new Date() } = options;
  if (!importedSetSchema.shape.name.safeParse(name).success) {
    throw new UsageError(
      `--name ${name}: letters, digits, dots, dashes and underscores, a letter or digit first.`,
    );
  }
  const text = readText(file);
  const csv = parseCsv(text, basename(file));
  const table = readRunTable(csv, options.columns, options.where);
  const unfinished = refuseWrongRows(file, table, csv);
  const runs = prepare(table, name, options.constants ?? {});
  refuseRepeatedIds(file, runs);
  refuseNamesOfProperties(file, runs);
  const { rows, notes, paramsConvention } = toRows({ ...table, runs }, name);
  const lineOf = new Map(runs.map((run) => [run.id, run.line]));
  const archs = new Set(rows.map((row) => row.arch));
  const absent = baselines.find((baseline) => !archs.has(baseline));
  if (absent !== undefined) {
    throw new UsageError(`No row has the architecture ${absent}. There are: ${[...archs].join(', ')}.`);
  }
  const set: ImportedSet = {
    format: 1,
    name,
    title: options.title ?? null,
    baselines: [...baselines],
    facts: {
      file: basename(file),
      fileSha256: sha256Hex(text),
      importedAt: now().toISOString(),
      columns: { ...table.columns },
      paramsConvention,
      notes: [...(unfinished === null ? [] : [unfinished]), ...notes],
    },
    runs: rows.map((row) => toImported(row, lineOf.get(row.id)!)),
  };
  refuseOverflow(file, set.runs);
  return { path: writeImportedSet(resultsDir, set, options.replace === true), set };
}

/**
 * A wrong row stops the import; rows of runs that have not finished are left out.
 *
 * @returns a sentence about those, or null
 */
function refuseWrongRows(file: string, table: RunTable, csv: ReturnType<typeof parseCsv>): string | null {
  const statusColumn = csv.header.indexOf(table.columns.status ?? '');
  const statusOf = new Map(csv.records.map((record, i) => [csv.lines[i]!, record[statusColumn] ?? '']));
  const known = ['planned', 'running', 'interrupted', 'diverged', 'failed'];
  const wrong = table.dropped.filter(({ line }) => !known.includes(statusOf.get(line)!));
  if (wrong.length > 0) {
    const lines = wrong.slice(0, NAMED_LINES).map(({ line, reason }) => {
      const status = statusOf.get(line)!;
      const isStatus = status !== '' && status !== 'done';
      return `  line ${line}: ${isStatus ? `status is "${status}"; known are done, ${known.join(', ')}` : reason}`;
    });
    const more = wrong.length > NAMED_LINES ? `\n  and ${wrong.length - NAMED_LINES} more` : '';
    throw new UsageError(
      `${file}: nothing was imported, since ${wrong.length} of ${csv.records.length} rows are wrong:\n${lines.join('\n')}${more}`,
    );
  }
  if (table.dropped.length === 0) return null;
  const counts = known
    .map((status) => ({
      status,
      count: table.dropped.filter(({ line }) => statusOf.get(line) === status).length,
    }))
    .filter(({ count }) => count > 0);
  return `Left out, since only finished runs are fitted: ${counts.map(({ status, count }) => `${count} ${status}`).join(', ')}.`;
}

/** The file's rows under identifiers of their own, with what is the same for all of them filled in. */
function prepare(
  table: RunTable,
  name: string,
  constants: Partial<Record<ConstantField, string>>,
): TableRun[] {
  for (const field of CONSTANT_FIELDS) {
    const column = table.columns[field];
    if (constants[field] !== undefined && column !== undefined) {
      throw new UsageError(`--set ${field}: the file has the column "${column}" for it.`);
    }
  }
  const hasId = table.columns.id !== undefined;
  return table.runs.map((run) => ({
    ...run,
    ...constants,
    id: `${name}:${hasId ? run.id : run.line}`,
    trunk: run.trunk === null ? null : `${name}:${run.trunk}`,
  }));
}

function refuseRepeatedIds(file: string, runs: readonly TableRun[]): void {
  const lines = new Map<string, number>();
  for (const { id, line } of runs) {
    const first = lines.get(id);
    if (first !== undefined) {
      throw new UsageError(`${file}: lines ${first} and ${line} have the same identifier.`);
    }
    lines.set(id, line);
  }
}

/** Vega takes a name that every JavaScript object has, such as `constructor`, for one that it has seen, and draws nothing. */
function refuseNamesOfProperties(file: string, runs: readonly TableRun[]): void {
  const wrong = runs.find(({ arch }) => arch in Object.prototype);
  if (wrong === undefined) return;
  throw new UsageError(
    `${file}: line ${wrong.line} has the architecture "${wrong.arch}", a name that no chart can show; give it another.`,
  );
}

/** What is worked out from a row's numbers, such as compute, may leave the range of numbers. */
function refuseOverflow(file: string, runs: readonly ImportedRun[]): void {
  for (const run of runs) {
    const issue = importedRunSchema.safeParse(run).error?.issues[0];
    if (issue === undefined) continue;
    const field = issue.path[0] as keyof ImportedRun;
    throw new UsageError(
      `${file}: nothing was imported, since in line ${run.line} ${field} comes to ${run[field]}; mend the numbers of that line.`,
    );
  }
}

/** Fit rows of all runs. Those that share no budget with others get one of their own. */
function toRows(
  table: RunTable,
  name: string,
): { rows: FitRow[]; notes: string[]; paramsConvention: string } {
  const set = runSetOfTable(table, name);
  const placed = new Map(set.rows.map((row) => [row.id, row]));
  const alone = table.runs
    .filter((run) => !placed.has(run.id))
    .map((run) => ({ ...run, budget: run.flops ?? 6 * run.params! * run.tokens! }));
  if (alone.length > 0) {
    const rest = { ...table, runs: alone, columns: { ...table.columns, budget: 'own compute' } };
    for (const row of runSetOfTable(rest, name).rows) placed.set(row.id, row);
  }
  return {
    rows: table.runs.map((run) => placed.get(run.id)!),
    notes: [...set.notes, ...set.isoflopNotes],
    paramsConvention: set.paramsConvention,
  };
}

function toImported(row: FitRow, line: number): ImportedRun {
  const known = (value: number): number | null => (Number.isNaN(value) || value === 0 ? null : value);
  return {
    id: row.id,
    line,
    arch: row.arch,
    positions: row.positions,
    seed: row.seed,
    trunk: row.trunk,
    dModel: known(row.dModel),
    nLayers: known(row.nLayers),
    params: row.paramsNonEmbedding,
    tokens: row.tokens,
    steps: known(row.steps),
    flops: row.flops,
    flopsMatmul: known(row.flopsMatmul),
    budgetFlops: row.budgetFlops,
    secondsPerStep: row.secondsPerStep,
    hardware: row.hardware,
    lossNats: row.lossNats,
  };
}
