/** A run record as a row of the table `runs`, and back. The columns computed from the setup are not among these. */
import { canonicalHash } from './files.js';
import type { RunRecord } from './record.js';

type Execution = NonNullable<RunRecord['execution']>;
type PlainFields = Omit<
  RunRecord,
  'format' | 'sweep' | 'setup' | 'keyParts' | 'paramsByGroup' | 'flopsByKind' | 'final' | 'execution'
>;

type PlainExecution = Omit<Execution, 'device' | 'branch' | 'interruptions'>;

/** The columns of `runs` that are written. */
export type RunRow = PlainFields & {
  readonly [field in keyof PlainExecution]: PlainExecution[field] | null;
} & {
  /** The sweep folder that the directory lies in. */
  readonly homeSweep: string;
  /** Relative to the results folder. */
  readonly directory: string;
  /** Equal for runs that differ in their seed alone. */
  readonly cell: string;
  readonly valLossNats: number | null;
  readonly valBitsPerByte: number | null;
  /** Null where the run has no final evaluation. */
  readonly valTokens: number | null;
  readonly testLossNats: number | null;
  readonly testBitsPerByte: number | null;
  readonly testTokens: number | null;
  /** What the engine computed on, such as a GPU; null in records from before engines had a choice. */
  readonly device: string | null;
  /** The run whose first steps were taken over, and how many; null where the run was trained whole. */
  readonly branchRunKey: string | null;
  readonly branchStep: number | null;
  readonly setup: string;
  readonly keyParts: string;
  readonly paramsByGroup: string;
  readonly flopsByKind: string;
};

const plainColumns = [
  'runKey',
  'arch',
  'paramsTotal',
  'paramsNonEmbedding',
  'paramsActive',
  'flopsPerStep',
  'flopsMatmulPerStep',
  'tokensPerStep',
  'tokens',
  'epochs',
  'flops',
  'flopsMatmul',
  'budgetFlops',
  'trunk',
  'status',
  'cause',
  'stepsDone',
] as const satisfies readonly (keyof PlainFields)[];

const executionColumns = [
  'engine',
  'engineVersion',
  'cpuModel',
  'threads',
  'stepsPerCall',
  'nodeVersion',
  'isolossVersion',
  'host',
  'startedAt',
  'finishedAt',
  'trainSeconds',
  'resumes',
] as const satisfies readonly (keyof PlainExecution)[];

const ownColumns = [
  'homeSweep',
  'directory',
  'cell',
  'valLossNats',
  'valBitsPerByte',
  'valTokens',
  'testLossNats',
  'testBitsPerByte',
  'testTokens',
  'device',
  'branchRunKey',
  'branchStep',
  'setup',
  'keyParts',
  'paramsByGroup',
  'flopsByKind',
] as const satisfies readonly (keyof RunRow)[];

/** Their names, in the order in which an `INSERT` lists them. */
export const runColumns: readonly (keyof RunRow)[] = [...plainColumns, ...executionColumns, ...ownColumns];

function pick<T extends object, K extends keyof T>(value: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, value[key]])) as Pick<T, K>;
}

const noExecution = Object.fromEntries(executionColumns.map((column) => [column, null])) as {
  readonly [field in keyof PlainExecution]: null;
};

export function toRunRow(
  record: RunRecord,
  place: { readonly homeSweep: string; readonly directory: string },
): RunRow {
  const { setup, final, execution } = record;
  return {
    ...pick(record, plainColumns),
    ...(execution === null ? noExecution : pick(execution, executionColumns)),
    homeSweep: place.homeSweep,
    directory: place.directory,
    cell: canonicalHash({ ...setup, seed: null }),
    valLossNats: final?.val.lossNats ?? null,
    valBitsPerByte: final?.val.bitsPerByte ?? null,
    valTokens: final?.val.tokens ?? null,
    testLossNats: final?.test.lossNats ?? null,
    testBitsPerByte: final?.test.bitsPerByte ?? null,
    testTokens: final?.test.tokens ?? null,
    device: execution?.device ?? null,
    branchRunKey: execution?.branch?.runKey ?? null,
    branchStep: execution?.branch?.step ?? null,
    setup: JSON.stringify(setup),
    keyParts: JSON.stringify(record.keyParts),
    paramsByGroup: JSON.stringify(record.paramsByGroup),
    flopsByKind: JSON.stringify(record.flopsByKind),
  };
}

/** The record that a row was made from; the JSON in it was checked when it was taken in. */
export function fromRunRow(row: RunRow): RunRecord {
  const { valLossNats, valBitsPerByte, valTokens, testLossNats, testBitsPerByte, testTokens } = row;
  return {
    format: 1,
    sweep: row.homeSweep,
    ...pick(row, plainColumns),
    setup: JSON.parse(row.setup) as RunRecord['setup'],
    keyParts: JSON.parse(row.keyParts) as RunRecord['keyParts'],
    paramsByGroup: JSON.parse(row.paramsByGroup) as RunRecord['paramsByGroup'],
    flopsByKind: JSON.parse(row.flopsByKind) as RunRecord['flopsByKind'],
    final:
      valTokens === null || testTokens === null
        ? null
        : {
            val: { lossNats: valLossNats, bitsPerByte: valBitsPerByte, tokens: valTokens },
            test: { lossNats: testLossNats, bitsPerByte: testBitsPerByte, tokens: testTokens },
          },
    execution: row.engine === null ? null : executionOf(row),
  };
}

function executionOf(row: RunRow): Execution {
  const plain: Execution = {
    ...(pick(row, executionColumns) as Execution),
    ...(row.device === null ? {} : { device: row.device }),
  };
  if (row.branchRunKey === null || row.branchStep === null) return plain;
  return { ...plain, branch: { runKey: row.branchRunKey, step: row.branchStep } };
}
