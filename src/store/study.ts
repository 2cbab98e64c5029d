/** A study: one sweep with the records, fit rows, curves and timings of its runs. What fits and reports read. */
import type { FitRow } from '../fit/row.js';
import type { RunRecord, SweepRecord, Timings, TrainRow } from './record.js';

/**
 * Everything a report shows of one sweep, as plain data.
 *
 * A run counts for every sweep whose sweep.json lists its key, under whichever folder it was trained, and appears here
 * under the label and the budget that *this* sweep gives it (`RunRecord.sweep` still names the folder it lies in).
 */
export interface Study {
  readonly sweep: SweepRecord;
  /** The runs that exist, whatever their status, in the order of `sweep.runs`. */
  readonly runs: readonly RunRecord[];
  /**
   * Ended runs (`done` and `diverged`), in the order of `sweep.runs`. `lossNats` is the test loss at the last step;
   * it is `Infinity` for a diverged run, which no fit uses. Seconds are joined from `timings` by architecture and
   * shape, null where that was not timed.
   */
  readonly fitRows: readonly FitRow[];
  /** By run key: the training rows, thinned to at most 200 log-spaced ones (first and last included). */
  readonly curves: Readonly<Record<string, readonly TrainRow[]>>;
  readonly timings: Timings | null;
  /** Keys that the sweep lists and that no directory holds yet. */
  readonly missing: readonly string[];
  /** What could not be read, or does not agree, in a sentence each: a report shows these. */
  readonly problems: readonly string[];
}
