/** Kept apart from the made-up tasks, so that the made-up worker loads quickly. */
import type { RunRecord } from '../../src/store/record.js';

/** The record of a finished run with a loss. */
export function finishedRecord(record: RunRecord, lossNats: number): RunRecord {
  const final = { lossNats, bitsPerByte: null, tokens: 32 };
  return { ...record, status: 'done', stepsDone: record.setup.steps, final: { val: final, test: final } };
}
