/** Runs that are cut off, damaged or diverging: they end with the numbers of an undisturbed run, or say why not. */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainingOrder } from '../../src/data/batches.js';
import type { PreparedCorpus } from '../../src/data/corpus.js';
import { initialValue } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { loadCheckpoint, previousCheckpointPath } from '../../src/store/checkpoint.js';
import type { RunRecord } from '../../src/store/record.js';
import { checkpointPath, metricsPath, readRunRecord, runRecordPath } from '../../src/store/runDirectory.js';
import { eager, expectClose } from '../engine/harness.js';
import { DEFINITIONS, referenceLogits } from '../models/referenceDecoder.js';
import { tokenNats } from '../ops/float64.js';
import {
  madeUpCorpus,
  plan,
  removeTemporaryFolders,
  rowsOf,
  SETUP,
  snapshot,
  stopAfter,
  temporaryFolder,
  traceOf,
  train,
  type Trace,
} from './tinyRun.js';

let corpus: PreparedCorpus;
let undisturbed: { readonly record: RunRecord; readonly directory: string };
let expected: Trace;

beforeAll(async () => {
  corpus = await madeUpCorpus(temporaryFolder());
  const run = plan(corpus);
  undisturbed = { record: await train(run, corpus), directory: run.directory };
  expected = traceOf(run.directory, undisturbed.record);
});

afterAll(removeTemporaryFolders);

describe('an undisturbed run', () => {
  it('is done, with a row for every step and one for each held-out split', () => {
    const { record, directory } = undisturbed;
    expect(record).toMatchObject({ status: 'done', cause: null, stepsDone: 20 });
    expect(readRunRecord(directory)).toEqual(record);
    const rows = rowsOf(directory);
    expect(rows.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      ...Array.from({ length: 20 }, (_, i) => `train ${i + 1}`),
      'eval 20',
      'eval 20',
    ]);
    const train = rows.filter((row) => row.kind === 'train');
    expect(train.map(({ tokens }) => tokens)).toEqual(train.map(({ step }) => step * 32));
    expect(train.map(({ flops }) => flops)).toEqual(train.map(({ step }) => step * record.flopsPerStep));
    // Warm-up over 2 steps to the peak, cosine down to a tenth of it.
    expect(train[0]!.lr).toBeCloseTo(0.005, 12);
    expect(train[1]!.lr).toBeCloseTo(0.01, 12);
    expect(train[19]!.lr).toBeCloseTo(0.001, 12);
    expect(train.map(({ wallSeconds }) => wallSeconds)).toEqual(
      train.map(({ wallSeconds }) => wallSeconds).toSorted((a, b) => a - b),
    );
  });

  it('writes nothing of a call after which its directory is no longer its own', async () => {
    const run = plan(corpus);
    const stepsOnDisk: number[] = [];
    const requireHeld = (): void => {
      stepsOnDisk.push(rowsOf(run.directory).length);
      if (stepsOnDisk.length === 3) throw new Error('taken over');
    };
    await expect(train(run, corpus, { requireHeld, stepsPerCall: 5 })).rejects.toThrow('taken over');
    expect(stepsOnDisk).toEqual([0, 5, 10]);
    expect(rowsOf(run.directory)).toHaveLength(10);
  });

  it('starts at the entropy of chance and learns', () => {
    const losses = rowsOf(undisturbed.directory).flatMap((row) =>
      row.kind === 'train' ? [row.lossNats!] : [],
    );
    expect(losses[0]).toBeGreaterThan(Math.log(257) - 0.2);
    expect(losses[0]).toBeLessThan(Math.log(257) + 0.2);
    expect(losses[19]).toBeLessThan(losses[0]! - 0.5);
  });

  it('evaluates the tokens that were asked for, and reports what its documents sum to', () => {
    const evaluations = rowsOf(undisturbed.directory).filter((row) => row.kind === 'eval');
    for (const row of evaluations) {
      expect(row).toMatchObject({ ...undisturbed.record.final![row.split], tokens: SETUP.evalTokens });
      const byDocument = row.byDocument!;
      expect(byDocument.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(SETUP.evalTokens);
      const nats = byDocument.reduce((sum, document) => sum + document.nats, 0);
      expect(nats / SETUP.evalTokens).toBeCloseTo(row.lossNats!, 10);
    }
    expect(evaluations.map(({ split }) => split)).toEqual(['val', 'test']);
  });
});

describe('the losses of a run', () => {
  /** Nats of the tokens that follow a window's inputs, by the definition of the architecture in plain loops. */
  function natsOf(
    split: PreparedCorpus['val'],
    start: number,
    params: Readonly<Record<string, Float32Array>>,
  ): number[] {
    const window = Array.from(split.tokens.slice(start, start + 9));
    const logits = referenceLogits(window.slice(0, -1), params, SETUP.model, DEFINITIONS['primer-ez']!);
    return tokenNats(logits, window.slice(1));
  }
  const mean = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0) / xs.length;

  it('are those of the definition: the first from initial values, the held-out ones from the final parameters', () => {
    const specs = buildModel(SETUP.model).params;
    const initial = Object.fromEntries(specs.map((spec) => [spec.name, initialValue(spec, SETUP.seed)]));
    const order = trainingOrder({ tokens: corpus.train.tokens.length, contextLength: 8, seed: SETUP.seed });
    const first = [0, 1, 2, 3].flatMap((sequence) => natsOf(corpus.train, order.startOf(sequence), initial));
    expect(rowsOf(undisturbed.directory)[0]!.lossNats).toBeCloseTo(mean(first), 5);

    const { tensors } = loadCheckpoint(checkpointPath(undisturbed.directory)).checkpoint!;
    const final = Object.fromEntries(
      specs.map(({ name }) => [name, tensors[`param/${name}`]!.data as Float32Array]),
    );
    for (const split of ['val', 'test'] as const) {
      // Ten windows of 8 tokens, evenly spaced among those that tile the split.
      const available = Math.floor((corpus[split].tokens.length - 1) / 8);
      const starts = Array.from({ length: 10 }, (_, w) => Math.floor((w * available) / 10) * 8);
      const nats = starts.flatMap((start) => natsOf(corpus[split], start, final));
      const { lossNats, bitsPerByte } = undisturbed.record.final![split];
      expect(lossNats).toBeCloseTo(mean(nats), 5);
      // A token of this vocabulary is one byte, and a separator none.
      const separators = starts
        .flatMap((start) => Array.from(corpus[split].tokens.slice(start + 1, start + 9)))
        .filter((token) => token === corpus.tokenizer.separatorId).length;
      expect(bitsPerByte).toBeCloseTo((80 * mean(nats)) / (Math.LN2 * (80 - separators)), 5);
    }
  });
});

describe('steps a call', () => {
  it.each([1, 3, 8])('%i: the same rows, result and parameters', async (stepsPerCall) => {
    const run = plan(corpus);
    const record = await train(run, corpus, { stepsPerCall });
    expect(traceOf(run.directory, record)).toEqual(expected);
  });
});

describe('a run that is stopped', () => {
  it('goes on from its checkpoint, again and again, to the same numbers', async () => {
    const run = plan(corpus);
    for (const [stops, stepsPerCall] of [
      [1, 4],
      [2, 3],
      [1, 1],
    ] as const) {
      const record = await train(run, corpus, { shouldStop: stopAfter(stops), stepsPerCall });
      expect(record).toMatchObject({ status: 'interrupted', cause: 'stopped by request', final: null });
      expect(record.execution!.finishedAt).toBeNull();
    }
    expect(readRunRecord(run.directory)!.stepsDone).toBe(4 + 6 + 1);
    const record = await train(run, corpus);
    expect(record.status).toBe('done');
    expect(record.execution!.resumes).toBe(3);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('is done, not interrupted, if it is told to stop in its last call', async () => {
    const run = plan(corpus);
    const record = await train(run, corpus, { shouldStop: stopAfter(1), stepsPerCall: 20 });
    expect(record.status).toBe('done');
    expect(traceOf(run.directory, record)).toEqual(expected);
  });
});

describe('a run that is killed', () => {
  /** Runs to the end, then puts files back as they stood after `calls` calls of 4 steps. */
  async function killedAfter(calls: number, ...files: ('run' | 'checkpoint' | 'metrics')[]) {
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(calls) });
    // A killed process leaves the status of a running one.
    const path = runRecordPath(run.directory);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"status": "interrupted"', '"status": "running"'));
    const before = snapshot(run.directory);
    await train(run, corpus);
    before.restore(...files);
    return run;
  }

  it('after its last checkpoint and its evaluation, before run.json: no evaluation is logged twice', async () => {
    const run = await killedAfter(2, 'run');
    const record = await train(run, corpus);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('after rows that its checkpoint does not have: they are repeated, not doubled', async () => {
    const run = await killedAfter(2, 'run', 'checkpoint');
    const record = await train(run, corpus);
    expect(record.execution!.resumes).toBe(1);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it.each([
    ['a training step', ['run', 'checkpoint'] as const, (lines: string[]) => lines.slice(0, 10)],
    ['the first evaluation', ['run'] as const, (lines: string[]) => lines.slice(0, 21)],
    ['the second evaluation', ['run'] as const, (lines: string[]) => lines.slice(0, 22)],
  ])('while it wrote the row of %s: what is torn is cut and made again', async (_, files, left) => {
    const run = await killedAfter(2, ...files);
    const path = metricsPath(run.directory);
    writeFileSync(path, left(readFileSync(path, 'utf8').split('\n')).join('\n').slice(0, -9));
    const record = await train(run, corpus);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('before its first checkpoint: it starts again', async () => {
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(1) });
    rmSync(checkpointPath(run.directory));
    const record = await train(run, corpus);
    expect(record.execution!.resumes).toBe(0);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('and whose repeated steps differ from what was logged: an error names the step', async () => {
    const run = await killedAfter(2, 'run', 'checkpoint');
    const path = metricsPath(run.directory);
    const lines = readFileSync(path, 'utf8').split('\n');
    const row = JSON.parse(lines[11]!) as { lossNats: number };
    lines[11] = JSON.stringify({ ...row, lossNats: row.lossNats + 1e-6 });
    writeFileSync(path, lines.join('\n'));
    await expect(train(run, corpus)).rejects.toThrow(/step 12 gave a loss of .* does not repeat its results/);
  });
});

describe('a damaged checkpoint', () => {
  const damage = (path: string): void => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(path, bytes);
  };

  it('is passed over for the one before it', async () => {
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(3) });
    damage(checkpointPath(run.directory));
    const notices: string[] = [];
    const record = await train(run, corpus, { onNotice: (notice) => notices.push(notice) });
    expect(notices.join()).toMatch(/checksum/);
    expect(record.execution!.resumes).toBe(1);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('without one before it makes the run start again, with the same numbers', async () => {
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(3) });
    damage(checkpointPath(run.directory));
    appendFileSync(previousCheckpointPath(checkpointPath(run.directory)), 'x');
    const record = await train(run, corpus);
    expect(record.execution!.resumes).toBe(0);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('of another run is not taken', async () => {
    const other = plan(corpus, { seed: 2 });
    await train(other, corpus, { shouldStop: stopAfter(1) });
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(1) });
    writeFileSync(checkpointPath(run.directory), readFileSync(checkpointPath(other.directory)));
    const record = await train(run, corpus);
    expect(record.execution!.resumes).toBe(0);
    expect(traceOf(run.directory, record)).toEqual(expected);
  });
});

describe('other conditions', () => {
  it('make a cut-off run start again', async () => {
    const run = plan(corpus);
    await train(run, corpus, { shouldStop: stopAfter(3), threads: 2 });
    const notices: string[] = [];
    const record = await train(run, corpus, { onNotice: (notice) => notices.push(notice) });
    expect(notices.join()).toMatch(/2 threads\) than now .* 1 threads/);
    expect(record.execution).toMatchObject({ resumes: 0, threads: 1 });
    expect(traceOf(run.directory, record)).toEqual(expected);
  });

  it('such as eager tfjs come to the same losses within tolerance', async () => {
    const run = plan(corpus);
    const record = await train(run, corpus, { engine: eager });
    const losses = (directory: string): number[] => rowsOf(directory).map((row) => row.lossNats!);
    expect(record.execution!.engine).toBe('tfjs:cpu');
    expectClose(losses(run.directory), losses(undisturbed.directory), 'losses', {
      relative: 1e-5,
      absolute: 0,
    });
  });
});

describe('a run that diverges', () => {
  const optimizer = { ...SETUP.optimizer, learningRate: 1e25, clipNorm: null };

  it.each([1, 8])('ends as diverged with its cause, %i steps a call', async (stepsPerCall) => {
    const run = plan(corpus, { optimizer });
    const record = await train(run, corpus, { stepsPerCall });
    expect(record).toMatchObject({ status: 'diverged', final: null });
    expect(record.cause).toMatch(/^the loss was (NaN|Infinity) at step \d+$/);
    const at = Number(/\d+$/.exec(record.cause!)![0]);
    expect(record.stepsDone).toBe(at);
    const rows = rowsOf(run.directory);
    expect(rows.map(({ kind, step }) => `${kind} ${step}`)).toEqual(
      Array.from({ length: at }, (_, i) => `train ${i + 1}`),
    );
    expect(rows.at(-1)!.lossNats).toBeNull();
    // JSON has no NaN: every number of the files is finite.
    const files =
      readFileSync(metricsPath(run.directory), 'utf8') + readFileSync(runRecordPath(run.directory), 'utf8');
    expect(files).not.toMatch(/NaN(?! at step)|Infinity(?! at step)/);
    expect(readRunRecord(run.directory)).toEqual(record);
  });

  it('has diverged too where the update of its last step alone broke it, and its files stay readable', async () => {
    const schedule = { kind: 'constant', warmupFraction: 0 } as const;
    const longer = await train(plan(corpus, { optimizer, schedule }), corpus);
    const run = plan(corpus, { optimizer, schedule, steps: longer.stepsDone - 1 });
    const record = await train(run, corpus);
    expect(record).toMatchObject({ status: 'diverged', stepsDone: longer.stepsDone - 1, final: null });
    expect(record.cause).toMatch(/^the (val|test) loss was (NaN|Infinity) after the last step$/);
    expect(readRunRecord(run.directory)).toEqual(record);
    const rows = rowsOf(run.directory);
    expect(rows.filter(({ kind }) => kind === 'train').every(({ lossNats }) => lossNats !== null)).toBe(true);
    expect(rows.filter(({ kind }) => kind === 'eval').map(({ lossNats }) => lossNats)).toEqual([null, null]);
  });

  it('diverges at the same step whatever the number of steps a call', async () => {
    const runs = await Promise.all(
      [1, 3, 8].map(async (stepsPerCall) => {
        const run = plan(corpus, { optimizer });
        const { cause, stepsDone } = await train(run, corpus, { stepsPerCall });
        return { cause, stepsDone };
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });
});
