/**
 * Killed at any of the file operations of a run, in the middle of a write or between two, and once more while it goes on:
 * no row of a finished call is lost, and rows, result, parameters and trunk are those of an undisturbed run.
 *
 * `ISOLOSS_SOAK=1` tries every operation, otherwise a sample is drawn.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedCorpus } from '../../src/data/corpus.js';
import { loadCheckpoint } from '../../src/store/checkpoint.js';
import { readMetrics } from '../../src/store/metricsLog.js';
import type { RunRecord, RunSetup } from '../../src/store/record.js';
import { trunkPath } from '../../src/store/runDirectory.js';
import { killedAfter } from '../store/mortalFiles.js';
import { madeUpCorpus, plan, removeTemporaryFolders, temporaryFolder, traceOf, train } from './tinyRun.js';

const SOAK = process.env['ISOLOSS_SOAK'] !== undefined;
/** Cools down from step 12 on, which is no multiple of the 4 steps of a call, and leaves its trunk there. */
const SETUP: Partial<RunSetup> = {
  schedule: { kind: 'wsd', warmupSteps: 4, decayFraction: 0.3, finalFraction: 0 },
  steps: 17,
};

type Planned = ReturnType<typeof plan>;

let corpus: PreparedCorpus;
let expected: ReturnType<typeof everythingOf>;
let operations: number;

beforeAll(async () => {
  corpus = await madeUpCorpus(temporaryFolder());
  const run = plan(corpus, SETUP);
  const undisturbed = await killedAfter(null, 0, () => train(run, corpus));
  operations = undisturbed.operations;
  expected = everythingOf(run, undisturbed.result!);
});
afterAll(removeTemporaryFolders, 60_000);

function everythingOf({ directory }: Planned, record: RunRecord) {
  const trunk = loadCheckpoint(trunkPath(directory)).checkpoint!;
  return {
    status: record.status,
    stepsDone: record.stepsDone,
    ...traceOf(directory, record),
    trunk: { step: trunk.step, tensors: trunk.tensors },
  };
}

/** One attempt that is killed. Nothing that a reader may ask for throws then, and every call that returned has its rows. */
async function attempt(run: Planned, changes: number, written: number): Promise<boolean> {
  let returned = 0;
  const onProgress = ({ stepsDone }: { readonly stepsDone: number }): void => {
    returned = stepsDone;
  };
  const { result } = await killedAfter(changes, written, () => train(run, corpus, { onProgress }));
  const steps = readMetrics(run.directory).rows.flatMap((row) => (row.kind === 'train' ? [row.step] : []));
  expect(steps.length).toBeGreaterThanOrEqual(returned);
  expect(steps).toEqual(steps.map((_, i) => i + 1));
  expect(() => JSON.parse(readFileSync(`${run.directory}/run.json`, 'utf8')) as unknown).not.toThrow();
  return result !== null;
}

async function expectSameAfter(first: number, second: number, written: number): Promise<void> {
  const run = plan(corpus, SETUP);
  const ended = (await attempt(run, first, written)) || (await attempt(run, second, written));
  if (ended) return;
  const notices: string[] = [];
  const record = await train(run, corpus, { onNotice: (notice) => notices.push(notice) });
  expect(everythingOf(run, record)).toEqual(expected);
  // A file that is written aside and put in place is never seen damaged.
  expect(notices).toEqual([]);
}

describe('a run that is killed at a file operation', { timeout: 600_000 }, () => {
  it('and at another one when it goes on ends as an undisturbed one', async () => {
    expect(operations).toBeGreaterThan(50);
    const at = fc.integer({ min: 0, max: operations - 1 });
    const written = fc.constantFrom(0, 0.5, 0.99);
    await fc.assert(fc.asyncProperty(at, at, written, expectSameAfter), { numRuns: SOAK ? 200 : 12 });
    for (let each = 0; SOAK && each < operations; each++) await expectSameAfter(each, operations, 0.5);
  });
});
