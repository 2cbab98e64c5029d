/** What `isoloss status` says of runs in every state. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { acquireLock } from '../../src/store/lock.js';
import type { RunRecord } from '../../src/store/record.js';
import { runDirectory, writeRunRecord, writeSweepRecord } from '../../src/store/runDirectory.js';
import { statusText, sweepStates } from '../../src/sweeps/status.js';
import { finishedRecord } from './finished.js';
import { makeTask } from './tasks.js';

let results: string;
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'isoloss-status-'));
});
afterEach(() => {
  rmSync(results, { recursive: true });
});

/** Writes the record of a run; the run's directory. */
function put(index: number, changes: Partial<RunRecord>, sweep = 'fake'): string {
  const { record, runKey } = makeTask(index, results);
  const directory = runDirectory(results, sweep, runKey);
  writeRunRecord(directory, { ...record, sweep, ...changes });
  return directory;
}

/** Writes the record of the sweep. @returns its run keys */
function putSweep(count: number): string[] {
  const keys = Array.from({ length: count }, (_, i) => makeTask(i, results).runKey);
  writeSweepRecord(results, {
    format: 1,
    name: 'fake',
    title: null,
    description: null,
    source: '',
    sourceSha256: '',
    resolved: {},
    baselines: [],
    runs: keys.map((runKey, seed) => ({
      runKey,
      arch: 'transformer',
      positions: 'absolute',
      budgetFlops: 4e7,
      dModel: 8,
      nLayers: 1,
      seed,
    })),
  });
  return keys;
}

describe('status', () => {
  it('tells the running from those whose process is gone, and gives causes', async () => {
    putSweep(6);
    writeRunRecord(
      runDirectory(results, 'other', makeTask(0, results).runKey),
      finishedRecord(makeTask(0, results).record, 4.25),
    );
    const running = put(1, { status: 'running' });
    const orphan = put(2, { status: 'running' });
    put(3, { status: 'failed', cause: 'the worker process was ended by SIGSEGV' });
    put(4, { status: 'diverged', cause: 'the loss is not finite', stepsDone: 12 });
    const row = {
      kind: 'train',
      step: 16,
      tokens: 512,
      flops: 1.6e7,
      lossNats: 5.5,
      lr: 0.01,
      gradNorm: 1,
      wallSeconds: 1,
    };
    for (const directory of [running, orphan]) {
      writeFileSync(join(directory, 'metrics.jsonl'), `${JSON.stringify(row)}\n{"kind":"tr`);
    }
    const claim = await acquireLock(running);
    const [state] = sweepStates(results, undefined);
    if (claim.acquired) claim.lock.release();

    expect(state?.counts).toEqual({
      planned: 1,
      running: 1,
      interrupted: 1,
      done: 1,
      diverged: 1,
      failed: 1,
    });
    expect(state?.runs.map(({ status }) => status)).toEqual([
      'done',
      'running',
      'interrupted',
      'failed',
      'diverged',
      'planned',
    ]);
    expect(state?.runs[0]).toMatchObject({ lossNats: 4.25, stepsDone: 40 });
    expect(state?.runs[1]).toMatchObject({ lossNats: 5.5, stepsDone: 16, steps: 40 });
    const text = statusText([state!]);
    expect(text).toContain('fake: 1 planned, 1 running, 1 interrupted, 1 done, 1 diverged, 1 failed');
    expect(text).toContain('the worker process was ended by SIGSEGV');
    expect(text).not.toContain(makeTask(0, results).runKey);
  });

  it('names the sweeps there are where the one asked for is not', () => {
    mkdirSync(join(results, 'quick'));
    expect(() => sweepStates(results, 'quik')).toThrow(UsageError);
    expect(() => sweepStates(results, 'quik')).toThrow(/Did you mean "quick"\? Sweeps there are: quick/);
    expect(sweepStates(results, undefined)).toEqual([]);
  });

  it('says what is damaged, beside everything else', () => {
    const keys = putSweep(3);
    put(0, { status: 'done' });
    writeFileSync(join(put(1, {}), 'run.json'), '{ "half');
    writeFileSync(join(put(2, { status: 'interrupted' }), 'metrics.jsonl'), 'no row\n{}\n');
    mkdirSync(join(results, 'torn'));
    writeFileSync(join(results, 'torn', 'sweep.json'), '{ "half');
    const told: string[] = [];
    const states = sweepStates(results, undefined, (message) => told.push(message));
    expect(told).toEqual([expect.stringMatching(/torn.sweep\.json is not JSON/)]);
    expect(states[0]?.counts).toMatchObject({ done: 1, planned: 1, interrupted: 1 });
    expect(states[0]?.runs.map(({ cause }) => cause)).toEqual([
      null,
      expect.stringMatching(/run\.json is not JSON/),
      expect.stringMatching(/metrics\.jsonl/),
    ]);
    expect(statusText(states)).toContain(keys[1]);
    expect(() => sweepStates(results, 'torn')).toThrow(/torn.sweep\.json is not JSON/);
  });
});
