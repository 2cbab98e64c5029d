import { join } from 'node:path';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/store/metricsLog.js';
import { packSweep } from '../../src/store/pack.js';
import { readRunRecord, readSweepRecord, writeSweepRecord } from '../../src/store/runDirectory.js';
import { loadStudy } from '../../src/store/study.js';
import { thinLogSpaced } from '../../src/store/thin.js';
import { useTemporaryFolders } from './fixtures.js';
import { key, makeRun, makeSweep } from './records.js';
import { writeRun, writeSmallStudy } from './results.js';

const makeFolder = useTemporaryFolders();

describe('packSweep', () => {
  it('keeps ended runs, their evaluations and 200 training rows, and the study is the same', () => {
    const results = makeFolder();
    const target = makeFolder();
    writeSmallStudy(results);
    expect(packSweep(results, 'quick', target)).toEqual({
      directory: join(target, 'quick'),
      packed: 8,
      skipped: [
        { runKey: key(9), reason: 'interrupted' },
        { runKey: key(10), reason: 'not started' },
      ],
    });
    expect(readdirSync(join(target, 'quick', key(4))).sort()).toEqual(['metrics.jsonl', 'run.json']);
    const { rows } = readMetrics(join(target, 'quick', key(4)));
    expect(rows.filter((row) => row.kind === 'train').length).toBe(200);
    expect(rows.slice(200)).toEqual(readMetrics(join(results, 'quick', key(4))).rows.slice(833));

    const before = loadStudy(results, 'quick');
    const after = loadStudy(target, 'quick');
    expect(after.fitRows).toEqual(before.fitRows);
    expect(after.timings).toEqual(before.timings);
    expect(after.sweep).toEqual(before.sweep);
    expect(after.curves[key(4)]).toEqual(before.curves[key(4)]);
    expect(after.problems).toEqual([]);
  });

  it('brings together runs that lie under other sweeps, and packs what is packed as it is', () => {
    const results = makeFolder();
    const run = makeRun({ runKey: key(1), sweep: 'first', steps: 500 });
    writeRun(results, run);
    writeSweepRecord(results, makeSweep('second', [run]));
    const once = makeFolder();
    const twice = makeFolder();
    expect(packSweep(results, 'second', once).packed).toBe(1);
    expect(readRunRecord(join(once, 'second', key(1)))).toEqual({ ...run, sweep: 'second' });
    packSweep(once, 'second', twice);
    expect(readMetrics(join(twice, 'second', key(1)))).toEqual(readMetrics(join(once, 'second', key(1))));
  });

  it('leaves out runs whose metrics or record are damaged, and packs the others', () => {
    const results = makeFolder();
    const target = makeFolder();
    writeSmallStudy(results);
    writeFileSync(join(results, 'quick', key(3), 'metrics.jsonl'), '{}\n{}\n');
    writeFileSync(join(results, 'quick', key(4), 'run.json'), '{ "half');
    const { packed, skipped } = packSweep(results, 'quick', target);
    expect(packed).toBe(6);
    expect(skipped.find(({ runKey }) => runKey === key(4))?.reason).toMatch(/run\.json is not JSON/);
    expect(skipped[0]).toEqual({
      runKey: key(3),
      reason: expect.stringMatching(/metrics\.jsonl, line 1: .+ damaged/) as string,
    });
    expect(existsSync(join(target, 'quick', key(3)))).toBe(false);
    expect(readSweepRecord(target, 'quick')?.runs.length).toBe(10);
  });

  it('refuses to thin the results themselves, under whatever name', () => {
    const results = makeFolder();
    writeSmallStudy(results);
    const alias = join(makeFolder(), 'alias');
    symlinkSync(results, alias);
    const before = statSync(join(results, 'quick', key(4), 'metrics.jsonl')).mtimeMs;
    expect(() => packSweep(results, 'quick', alias)).toThrow(/is the results folder itself/);
    expect(statSync(join(results, 'quick', key(4), 'metrics.jsonl')).mtimeMs).toBe(before);
    mkdirSync(join(results, 'slow'));
    expect(() => packSweep(results, 'slow', makeFolder())).toThrow('There is no sweep "slow"');
  });
});

describe('thinLogSpaced', () => {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

  it('keeps short lists whole', () => {
    expect(thinLogSpaced([])).toEqual([]);
    expect(thinLogSpaced(numbers(200))).toEqual(numbers(200));
  });

  it.each([201, 250, 1000, 12_345, 1_000_000])(
    'keeps 200 of %d, ends included, ever further apart',
    (count) => {
      const kept = thinLogSpaced(numbers(count));
      expect(kept.length).toBe(200);
      expect(kept[0]).toBe(1);
      expect(kept.at(-1)).toBe(count);
      const gaps = kept.slice(1).map((value, index) => value - kept[index]!);
      expect(Math.min(...gaps)).toBe(1);
      // Rounding may shorten a gap by one.
      for (const [index, gap] of gaps.slice(1).entries())
        expect(gap).toBeGreaterThanOrEqual(gaps[index]! - 1);
    },
  );

  it('places few as one would by hand', () => {
    expect(thinLogSpaced(numbers(1000), 4)).toEqual([1, 10, 100, 1000]);
  });
});
