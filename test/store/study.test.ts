import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CountedFitRow } from '../../src/fit/row.js';
import { openIndex } from '../../src/store/database.js';
import { UsageError } from '../../src/store/errors.js';
import { runRecordPath, updateRunRecord, writeSweepRecord } from '../../src/store/runDirectory.js';
import { loadStudy, readStudy } from '../../src/store/study.js';
import { useTemporaryFolders } from './fixtures.js';
import { key, makeRun, makeSweep, trainRow } from './records.js';
import { writeRun, writeSmallStudy } from './results.js';

const makeFolder = useTemporaryFolders();

describe('loadStudy', () => {
  it('gives back what was written', () => {
    const results = makeFolder();
    const { sweep, runs, timings } = writeSmallStudy(results);
    const study = loadStudy(results, 'quick');
    expect(study.sweep).toEqual(sweep);
    expect(study.runs).toEqual(runs);
    expect(study.timings).toEqual(timings);
    expect(study.missing).toEqual([key(10)]);
    expect(study.problems).toEqual([]);
  });

  it('makes the fit rows from the test loss, with seconds where that shape was timed', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const { fitRows } = loadStudy(results, 'quick');
    expect(fitRows.map((row) => row.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map(key));
    const expected: CountedFitRow = {
      id: key(1),
      sweep: 'quick',
      arch: 'transformer',
      positions: 'absolute',
      seed: 0,
      trunk: key(1),
      dModel: 32,
      nLayers: 2,
      paramsTotal: 1024 * 32 + 24 * 1024,
      paramsNonEmbedding: 24 * 1024,
      paramsActive: 1024 * 32 + 24 * 1024,
      paramsOutput: 1024 * 32,
      tokens: 312_000,
      steps: 312,
      flops: 9.984e9,
      flopsMatmul: 0.8 * 9.984e9,
      budgetFlops: 1e10,
      secondsPerStep: 0.01,
      // The median of 5% and 2.5%, as the error of a median of five rounds.
      secondsError: expect.closeTo((0.0375 * 1.4826 * 5 * Math.sqrt(Math.PI / 10)) / 4.2, 12) as number,
      hardware: 'A CPU, 2 cores, 2 workers of 1 thread, ort 1.30.0, f32',
      lossNats: 4.3,
      bitsPerByte: 2.15,
      status: 'done',
    };
    expect(fitRows[0]).toEqual(expected);
    expect(fitRows[2]!.secondsPerStep).toBe(0.02);
    // primer-ez was not timed.
    expect(fitRows[4]!.secondsPerStep).toBeNull();
    expect(fitRows[4]!.hardware).toBeNull();
    // A diverged run has no loss, and is worse than any.
    expect(fitRows[5]).toMatchObject({ status: 'diverged', lossNats: Infinity, bitsPerByte: null });
  });

  it('thins the curves, with the first and the last step', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const { curves } = loadStudy(results, 'quick');
    expect(Object.keys(curves).length).toBe(9);
    const curve = curves[key(4)]!;
    expect(curve.length).toBe(200);
    expect(curve[0]).toEqual(trainRow(1, 48));
    expect(curve.at(-1)).toEqual(trainRow(833, 48));
    expect(curves[key(7)]!.length).toBe(190);
  });

  it('counts a run for every sweep that lists it, under that sweep’s label and budget', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const shared = runs[0]!;
    const own = makeRun({ runKey: key(20), sweep: 'other', arch: 'transformer@absolute', budgetFlops: 2e10 });
    writeRun(results, own);
    const other = makeSweep('other', [shared, own], { arch: 'transformer@absolute', budgetFlops: 2e10 });
    writeSweepRecord(results, other);
    const study = loadStudy(results, 'other');
    expect(study.runs.map((run) => [run.runKey, run.sweep, run.arch, run.budgetFlops])).toEqual([
      [key(1), 'quick', 'transformer@absolute', 2e10],
      [key(20), 'other', 'transformer@absolute', 2e10],
    ]);
    expect(study.fitRows.map((row) => [row.sweep, row.arch, row.budgetFlops])).toEqual([
      ['other', 'transformer@absolute', 2e10],
      ['other', 'transformer@absolute', 2e10],
    ]);
    expect(study.timings).toBeNull();
    expect(loadStudy(results, 'quick').fitRows.length).toBe(8);
  });

  it('shows nothing that is not in the index', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const index = openIndex(results);
    index.db.prepare('UPDATE runs SET testLossNats = 1.25 WHERE runKey = ?').run(key(3));
    const study = readStudy(index, 'quick');
    index.close();
    expect(study.fitRows.find((row) => row.id === key(3))?.lossNats).toBe(1.25);
    expect(study.runs.find((run) => run.runKey === key(3))?.final?.test.lossNats).toBe(1.25);
  });

  it('counts a tied output matrix with its sentinels, and one of its own whatever the sweep says of tying', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const [first, second] = [runs[0]!, runs[1]!];
    const withSentinels = { ...first, paramsByGroup: { ...first.paramsByGroup, embedding: 1030 * 32 } };
    const withOwn = { ...second, paramsByGroup: { ...second.paramsByGroup, output: 1024 * 48 } };
    for (const run of [withSentinels, withOwn]) {
      updateRunRecord(join(results, 'quick', run.runKey), run);
    }
    const counts = loadStudy(results, 'quick')
      .fitRows.slice(0, 2)
      .map(({ paramsOutput }) => paramsOutput);
    expect(counts).toEqual([1030 * 32, 1024 * 48]);
  });

  it('keeps what a run was computed on', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const onGpu = { ...runs[0]!, execution: { ...runs[0]!.execution!, device: 'A GPU' } };
    updateRunRecord(join(results, 'quick', onGpu.runKey), onGpu);
    expect(loadStudy(results, 'quick').runs.slice(0, 2)).toEqual([onGpu, runs[1]]);
  });

  it('keeps where a run was branched off a trunk', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const branched = {
      ...runs[0]!,
      execution: { ...runs[0]!.execution!, branch: { runKey: key(2), step: 90 } },
    };
    updateRunRecord(join(results, 'quick', branched.runKey), branched);
    expect(loadStudy(results, 'quick').runs[0]).toEqual(branched);
  });

  it('takes a run that says it runs, and that nobody works on, for interrupted', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    const orphan = runs[0]!;
    updateRunRecord(join(results, 'quick', orphan.runKey), { ...orphan, status: 'running', final: null });
    const statusOf = (): string =>
      loadStudy(results, 'quick').runs.find((run) => run.runKey === orphan.runKey)!.status;
    expect(statusOf()).toBe('interrupted');
    // Nothing on disk changed since: the answer is the same, and again after it is taken up.
    expect(statusOf()).toBe('interrupted');
    updateRunRecord(join(results, 'quick', orphan.runKey), orphan);
    expect(statusOf()).toBe('done');
  });

  it('follows the directories: changed, removed and broken ones', () => {
    const results = makeFolder();
    const { runs } = writeSmallStudy(results);
    loadStudy(results, 'quick');
    const directory = join(results, 'quick', key(9));
    const finished = makeRun({
      arch: 'primer-ez',
      runKey: key(9),
      dModel: 64,
      steps: 625,
      budgetFlops: 4e10,
    });
    updateRunRecord(directory, finished);
    writeRun(results, finished);
    rmSync(join(results, 'quick', key(1)), { recursive: true });
    writeFileSync(runRecordPath(join(results, 'quick', key(2))), '{"format": 1');
    const study = loadStudy(results, 'quick');
    expect(study.runs).toEqual([...runs.slice(2, 8), finished]);
    expect(study.curves[key(9)]!.at(-1)!.step).toBe(625);
    expect(study.missing).toEqual([1, 2, 10].map(key));
    expect(study.problems.length).toBe(1);
    expect(study.problems[0]).toMatch(/run\.json is not JSON/);
  });

  it('names the sweeps there are where there is none of that name', () => {
    const results = makeFolder();
    expect(() => loadStudy(results, 'quick')).toThrow('None has been run yet');
    writeSmallStudy(results);
    expect(() => loadStudy(results, 'slow')).toThrow(UsageError);
    expect(() => loadStudy(results, 'slow')).toThrow(
      'There is no sweep slow among the results. There are: quick.',
    );
    expect(() => loadStudy(join(results, 'nowhere'), 'quick')).toThrow(/There is no results folder/);
  });

  it('says what is wrong with a broken sweep.json', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    writeFileSync(join(results, 'quick', 'sweep.json'), '{"format": 2}');
    expect(() => loadStudy(results, 'quick')).toThrow(/sweep\.json is not as expected/);
  });
});
