/** metrics.jsonl: appended in whole calls that are on disk before anyone counts them, read with a torn end tolerated. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { UsageError } from './errors.js';
import { isSystemError, syncDirectory, writeFully } from './files.js';
import { metricRowSchema } from './record.js';
import type { MetricRow } from './record.js';
import { metricsPath } from './runDirectory.js';

/** Where the rows of a metrics file stop being readable. */
export interface TornEnd {
  /** Line number, from 1. */
  readonly line: number;
  /** Bytes from there to the end of the file. */
  readonly bytes: number;
  readonly reason: string;
}

export interface MetricsContent {
  readonly rows: readonly MetricRow[];
  /** The last line, where a killed or powered-off writer left it half written: it is not among `rows`. */
  readonly torn: TornEnd | null;
}

interface Parsed {
  readonly rows: MetricRow[];
  /** Byte offset just after each row's newline. */
  readonly ends: number[];
  readonly broken: (TornEnd & { readonly isLastLine: boolean }) | null;
}

const NEWLINE = 0x0a;

/** Parses line by line up to the first line that is no metric row. */
function parseLines(bytes: Buffer): Parsed {
  const rows: MetricRow[] = [];
  const ends: number[] = [];
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const reason = newline < 0 ? 'the line has no end' : parseRow(bytes.toString('utf8', start, end), rows);
    if (reason !== null) {
      const isLastLine = end + 1 >= bytes.length;
      return {
        rows,
        ends,
        broken: { line: rows.length + 1, bytes: bytes.length - start, reason, isLastLine },
      };
    }
    start = end + 1;
    ends.push(start);
  }
  return { rows, ends, broken: null };
}

/** Adds the row to `rows`, or says why the line is none. */
function parseRow(line: string, rows: MetricRow[]): string | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'the line is not JSON';
  }
  const parsed = metricRowSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `the line is no metric row (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`;
  }
  rows.push(parsed.data);
  return null;
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return Buffer.alloc(0);
    // One run that can't be read (another user's, say) must not take all others with it.
    if (isSystemError(error, 'EACCES', 'EPERM', 'EISDIR', 'ELOOP'))
      throw new UsageError(`Can't read ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * Reads a run's metrics. A run without metrics.jsonl has no rows.
 *
 * @throws UsageError where the file can't be read, and with file and line where a line other than the last is broken:
 *   that is damage, not a cut-off write
 */
export function readMetrics(directory: string): MetricsContent {
  const path = metricsPath(directory);
  const { rows, broken } = parseLines(readBytes(path));
  if (broken !== null && !broken.isLastLine) {
    throw new UsageError(
      `${path}, line ${broken.line}: ${broken.reason}, and more lines follow. ` +
        'The file was damaged; remove the run directory to train this run again.',
    );
  }
  return { rows, torn: broken };
}

/** {@link readMetrics} for whoever goes on beside a damaged run: its rows, or none and why they can't be read. */
export function readableMetrics(directory: string): {
  readonly rows: readonly MetricRow[];
  readonly damage: string | null;
} {
  try {
    return { rows: readMetrics(directory).rows, damage: null };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { rows: [], damage: error.message };
  }
}

/** What a cut of a metrics file left and took away. */
export interface MetricsCut {
  /** Rows up to the step, evaluations at it included. */
  readonly kept: readonly MetricRow[];
  /** Rows after the step: rows repeated later must equal these, `wallSeconds` apart. */
  readonly cut: readonly MetricRow[];
  readonly torn: TornEnd | null;
}

/**
 * The open metrics file of a run in progress. Whoever opens it must hold the run's lock.
 *
 * The first thing to do with it is `truncateTo`: it brings the file to the checkpoint's step, or to nothing with 0.
 */
export class MetricsLog {
  readonly #fd: number;
  readonly #path: string;

  constructor(directory: string) {
    this.#path = metricsPath(directory);
    this.#fd = openSync(this.#path, 'a+');
    syncDirectory(directory);
  }

  /**
   * Appends rows in one write and syncs: when it returns they are on disk. If it throws (a full disk), the file is as
   * it was before.
   */
  append(rows: readonly MetricRow[]): void {
    if (rows.length === 0) return;
    const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''), 'utf8');
    const before = fstatSync(this.#fd).size;
    try {
      writeFully(this.#fd, bytes);
      fsyncSync(this.#fd);
    } catch (error) {
      ftruncateSync(this.#fd, before);
      throw error;
    }
  }

  /**
   * Cuts everything after a step, a torn end included, and syncs.
   *
   * @param step the step to go on from, that of the checkpoint; 0 keeps evaluations before training alone
   * @throws UsageError where the file is damaged at or before that step: the run can't go on from there
   */
  truncateTo(step: number): MetricsCut {
    const { rows, ends, broken } = parseLines(readFileSync(this.#path));
    const firstAfter = rows.findIndex((row) => row.step > step);
    const keptCount = firstAfter < 0 ? rows.length : firstAfter;
    const lastTrain = rows.slice(0, keptCount).findLast((row) => row.kind === 'train');
    if ((lastTrain?.step ?? 0) < step) {
      const why = broken === null ? 'it has no more rows' : `line ${broken.line}: ${broken.reason}`;
      throw new UsageError(
        `${this.#path} holds rows up to step ${lastTrain?.step ?? 0}, but is asked to go on from step ${step} (${why}). ` +
          'Remove the run directory to train this run again.',
      );
    }
    ftruncateSync(this.#fd, keptCount === 0 ? 0 : ends[keptCount - 1]);
    fsyncSync(this.#fd);
    return { kept: rows.slice(0, keptCount), cut: rows.slice(keptCount), torn: broken };
  }

  close(): void {
    closeSync(this.#fd);
  }
}
