/** Runs that share a trunk: a branch equals, bit for bit, the same run trained alone. */
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedCorpus } from '../../src/data/corpus.js';
import { collectGarbage } from '../../src/store/gc.js';
import type { RunRecord, RunSetup } from '../../src/store/record.js';
import { metricsPath, trunkPath } from '../../src/store/runDirectory.js';
import { dirname } from 'node:path';
import {
  madeUpCorpus,
  plan,
  removeTemporaryFolders,
  snapshot,
  stopAfter,
  temporaryFolder,
  traceOf,
  train,
  type Conditions,
} from './tinyRun.js';

const WSD = { kind: 'wsd', warmupSteps: 4, decayFraction: 0.3, finalFraction: 0 } as const;
const ofSteps = (steps: number, change: Partial<RunSetup> = {}): Partial<RunSetup> => ({
  schedule: WSD,
  steps,
  ...change,
});

let corpus: PreparedCorpus;
/** 17 steps, which cool down from step 12 on: neither is a multiple of the 4 steps of a call. */
let short: { readonly record: RunRecord; readonly directory: string };
let alone: { readonly record: RunRecord; readonly directory: string };

beforeAll(async () => {
  corpus = await madeUpCorpus(temporaryFolder());
  const first = plan(corpus, ofSteps(17));
  short = { directory: first.directory, record: await train(first, corpus) };
  const second = plan(corpus, ofSteps(30));
  alone = { directory: second.directory, record: await train(second, corpus) };
});

afterAll(removeTemporaryFolders);

/** Trains the run of 30 steps beside the short one. */
async function branched(conditions: Conditions = {}, change: Partial<RunSetup> = {}) {
  const run = plan(corpus, ofSteps(30, change));
  const record = await train(run, corpus, { trunkDirectories: [short.directory], ...conditions });
  return { record, directory: run.directory };
}

describe('a run whose trunk a shorter one has trained', () => {
  it('has the key of the same run trained alone, and the trunk of the shorter one', () => {
    expect(alone.record.runKey).not.toBe(short.record.runKey);
    expect(alone.record.trunk).toBe(short.record.trunk);
    const other = plan(corpus, ofSteps(30, { seed: 2 }));
    expect(other.record.trunk).not.toBe(short.record.trunk);
    const cosine = plan(corpus);
    expect(cosine.record.trunk).toBe(cosine.record.runKey);
  });

  it('takes over its steps and ends with the same rows, losses and parameters', async () => {
    let firstSeen = Infinity;
    const branch = await branched({
      onProgress: ({ stepsDone }) => (firstSeen = Math.min(firstSeen, stepsDone)),
    });
    expect(branch.record.execution!.branch).toEqual({ runKey: short.record.runKey, step: 12 });
    expect(firstSeen).toBe(16);
    expect(traceOf(branch.directory, branch.record)).toEqual(traceOf(alone.directory, alone.record));
    expect(branch.record.flops).toBe(alone.record.flops);
    expect(alone.record.execution!.branch).toBeUndefined();
  });

  it('is itself a trunk for a longer one, which takes over the longest part', async () => {
    const branch = await branched();
    const longest = plan(corpus, ofSteps(40));
    const record = await train(longest, corpus, {
      trunkDirectories: [short.directory, branch.directory],
    });
    expect(record.execution!.branch).toEqual({ runKey: branch.record.runKey, step: 21 });
    const lone = plan(corpus, ofSteps(40));
    const expected = await train(lone, corpus);
    expect(traceOf(longest.directory, record)).toEqual(traceOf(lone.directory, expected));
  });

  it('does so too when it is cut off and goes on, or loses its own checkpoint', async () => {
    const run = plan(corpus, ofSteps(30));
    const trunkDirectories = [short.directory];
    const cut = await train(run, corpus, { trunkDirectories, shouldStop: stopAfter(2) });
    expect(cut.status).toBe('interrupted');
    const files = snapshot(run.directory);
    const resumed = await train(run, corpus, { trunkDirectories });
    expect(resumed.execution).toMatchObject({ branch: { step: 12 }, resumes: 1 });
    expect(traceOf(run.directory, resumed)).toEqual(traceOf(alone.directory, alone.record));

    files.restore('run', 'metrics');
    writeFileSync(`${run.directory}/checkpoint.safetensors`, 'damaged');
    writeFileSync(`${run.directory}/checkpoint.safetensors.previous`, 'damaged');
    const again = await train(run, corpus, { trunkDirectories });
    expect(again.execution).toMatchObject({ branch: { step: 12 }, resumes: 0 });
    expect(traceOf(run.directory, again)).toEqual(traceOf(alone.directory, alone.record));
  });

  it.each<[string, (shorter: string) => void]>([
    [
      'its state is gone',
      (shorter) => {
        truncateSync(trunkPath(shorter), 0);
      },
    ],
    [
      'its rows were thinned',
      (shorter) => {
        writeFileSync(metricsPath(shorter), '');
      },
    ],
    [
      'its record is broken',
      (shorter) => {
        writeFileSync(`${shorter}/run.json`, '{');
      },
    ],
  ])('trains every step itself where %s', async (_, damage) => {
    const first = plan(corpus, ofSteps(17));
    await train(first, corpus);
    damage(first.directory);
    const branch = await branched({ trunkDirectories: [first.directory] });
    expect(branch.record.execution!.branch).toBeUndefined();
    expect(traceOf(branch.directory, branch.record)).toEqual(traceOf(alone.directory, alone.record));
  });

  it('finds no state of a shorter run that started again under other conditions and is not so far yet', async () => {
    const first = plan(corpus, ofSteps(17));
    await train(first, corpus, { shouldStop: stopAfter(4) });
    expect(existsSync(trunkPath(first.directory))).toBe(true);
    await train(first, corpus, { threads: 2, shouldStop: stopAfter(1) });
    expect(existsSync(trunkPath(first.directory))).toBe(false);
  });

  it('trains every step itself where the shorter run had other threads, another seed or another schedule', async () => {
    expect((await branched({ threads: 2 })).record.execution!.branch).toBeUndefined();
    expect((await branched({}, { seed: 7 })).record.execution!.branch).toBeUndefined();
    const other = { ...WSD, decayFraction: 0.2 };
    expect((await branched({}, { schedule: other })).record.execution!.branch).toBeUndefined();
  });
});

describe('gc', () => {
  it('leaves the state of a trunk alone unless it is told not to', async () => {
    const run = plan(corpus, ofSteps(17));
    await train(run, corpus);
    const results = dirname(dirname(run.directory));
    await collectGarbage(results, undefined, { dryRun: false });
    expect(existsSync(trunkPath(run.directory))).toBe(true);
    await collectGarbage(results, undefined, { dryRun: false, trunks: true });
    expect(existsSync(trunkPath(run.directory))).toBe(false);
  });
});
