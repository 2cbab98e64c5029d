import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { MetricsLog, readMetrics } from '../../src/store/metricsLog.js';
import type { EvalRow, MetricRow } from '../../src/store/record.js';
import { metricsPath } from '../../src/store/runDirectory.js';
import { useTemporaryFolders } from './fixtures.js';
import { trainRow } from './records.js';

const makeFolder = useTemporaryFolders();

const evaluation: EvalRow = {
  kind: 'eval',
  split: 'test',
  metric: 'loss',
  step: 10,
  tokens: 32512,
  lossNats: 4.25,
  bitsPerByte: null,
  byDocument: [{ document: 3, nats: 1234.5, tokens: 300 }],
};

function rowsTo(last: number): MetricRow[] {
  return Array.from({ length: last }, (_, index) => trainRow(index + 1));
}

function write(directory: string, rows: readonly MetricRow[]): void {
  const log = new MetricsLog(directory);
  log.append(rows);
  log.close();
}

describe('MetricsLog', () => {
  it('appends rows as one line of JSON each, to be read back equal', () => {
    const directory = makeFolder();
    const rows = [...rowsTo(10), { ...trainRow(11), lossNats: null, gradNorm: null }, evaluation];
    write(directory, rows.slice(0, 4));
    write(directory, rows.slice(4));
    expect(readMetrics(directory)).toEqual({ rows, torn: null });
    const first: unknown = JSON.parse(readFileSync(metricsPath(directory), 'utf8').split('\n')[0]!);
    expect(first).toEqual(trainRow(1));
  });

  it('cuts to a step, hands back what it cut, and goes on from there', () => {
    const directory = makeFolder();
    write(directory, [...rowsTo(10), evaluation, trainRow(11)]);
    const log = new MetricsLog(directory);
    const { kept, cut, torn } = log.truncateTo(10);
    expect(kept).toEqual([...rowsTo(10), evaluation]);
    expect(cut).toEqual([trainRow(11)]);
    expect(torn).toBeNull();
    log.append([trainRow(11), trainRow(12)]);
    log.close();
    expect(readMetrics(directory).rows).toEqual([...rowsTo(10), evaluation, trainRow(11), trainRow(12)]);
  });

  it('cuts to nothing, also where there is no file yet', () => {
    const directory = makeFolder();
    const log = new MetricsLog(directory);
    expect(log.truncateTo(0)).toEqual({ kept: [], cut: [], torn: null });
    log.append(rowsTo(3));
    expect(log.truncateTo(0).cut).toEqual(rowsTo(3));
    log.close();
    expect(readFileSync(metricsPath(directory), 'utf8')).toBe('');
  });

  it('refuses to go on from a step that the file does not reach', () => {
    const directory = makeFolder();
    write(directory, rowsTo(5));
    appendFileSync(metricsPath(directory), '{"kind":"tra');
    const log = new MetricsLog(directory);
    expect(() => log.truncateTo(8)).toThrow(/up to step 5, but is asked to go on from step 8 \(line 6/);
    log.close();
  });
});

describe('a torn metrics file', () => {
  it('is read up to the last whole line, wherever it was cut off', () => {
    const directory = makeFolder();
    write(directory, rowsTo(6));
    const whole = readFileSync(metricsPath(directory));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
        writeFileSync(metricsPath(directory), whole.subarray(0, length));
        const lines = whole.subarray(0, length).toString().split('\n');
        const { rows, torn } = readMetrics(directory);
        expect(rows).toEqual(rowsTo(lines.length - 1));
        const rest = lines.at(-1)!.length;
        expect(torn).toEqual(rest === 0 ? null : { ...torn, line: lines.length, bytes: rest });
      }),
    );
  });

  it('is cut and written on without a trace of the torn line', () => {
    const directory = makeFolder();
    write(directory, rowsTo(6));
    truncateSync(metricsPath(directory), readFileSync(metricsPath(directory)).length - 20);
    const log = new MetricsLog(directory);
    const { cut, torn } = log.truncateTo(4);
    expect(cut).toEqual([trainRow(5)]);
    expect(torn?.line).toBe(6);
    log.append([trainRow(5), trainRow(6)]);
    log.close();
    expect(readMetrics(directory)).toEqual({ rows: rowsTo(6), torn: null });
  });

  it('whose end a power cut left as zeros, with a newline by chance, counts as torn', () => {
    const directory = makeFolder();
    write(directory, rowsTo(2));
    appendFileSync(metricsPath(directory), Buffer.from([0, 0, 0, 0x0a]));
    expect(readMetrics(directory).rows).toEqual(rowsTo(2));
    expect(readMetrics(directory).torn).toMatchObject({ line: 3, bytes: 4 });
  });

  it('that is broken in the middle is an error with file and line, not fewer rows', () => {
    const directory = makeFolder();
    write(directory, rowsTo(2));
    appendFileSync(metricsPath(directory), '{"kind":"train","step":"three"}\n');
    write(directory, [trainRow(4)]);
    expect(() => readMetrics(directory)).toThrow(UsageError);
    expect(() => readMetrics(directory)).toThrow(/metrics\.jsonl, line 3: the line is no metric row \(step/);
  });
});
