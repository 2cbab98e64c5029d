/** A run record as a row of the table `runs`, and back. */
import { canonicalHash } from './files.js';
import type { RunRecord } from './record.js';

type SqlValue = string | number | null;

/** Columns of `runs` that are written; those of the setup are computed from `setup` by the database. */
export interface RunRow {
  readonly [column: string]: SqlValue;
}

/**
 * @param place where the directory lies: the folder's own sweep counts, should the record name another
 */
export function toRunRow(record: RunRecord, place: { readonly homeSweep: string; readonly directory: string }): RunRow {
  const { setup, final, execution, paramsByGroup, flopsByKind, keyParts, format: _, sweep: __, ...plain } = record;
  const { seed: ___, ...cell } = setup;
  return {
    ...plain,
    homeSweep: place.homeSweep,
    directory: place.directory,
    cell: canonicalHash(cell),
    valLossNats: final?.val.lossNats ?? null,
    valBitsPerByte: final?.val.bitsPerByte ?? null,
    valTokens: final?.val.tokens ?? null,
    testLossNats: final?.test.lossNats ?? null,
    testBitsPerByte: final?.test.bitsPerByte ?? null,
    testTokens: final?.test.tokens ?? null,
    engine: execution?.engine ?? null,
    engineVersion: execution?.engineVersion ?? null,
    cpuModel: execution?.cpuModel ?? null,
    threads: execution?.threads ?? null,
    stepsPerCall: execution?.stepsPerCall ?? null,
    nodeVersion: execution?.nodeVersion ?? null,
    isolossVersion: execution?.isolossVersion ?? null,
    host: execution?.host ?? null,
    startedAt: execution?.startedAt ?? null,
    finishedAt: execution?.finishedAt ?? null,
    trainSeconds: execution?.trainSeconds ?? null,
    resumes: execution?.resumes ?? null,
    paramsByGroup: JSON.stringify(paramsByGroup),
    flopsByKind: JSON.stringify(flopsByKind),
    keyParts: JSON.stringify(keyParts),
    setup: JSON.stringify(setup),
  };
}
