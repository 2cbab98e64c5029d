import { describe, expect, it } from 'vitest';
import { openIndex } from '../../src/store/database.js';
import { writeSweepRecord } from '../../src/store/runDirectory.js';
import { views } from '../../src/store/views.js';
import { useTemporaryFolders } from './fixtures.js';
import { key, makeRun, makeSweep } from './records.js';
import { writeRun } from './results.js';

const makeFolder = useTemporaryFolders();

/** Seconds of this process's own work, which other work on the machine lengthens less than the clock's. */
function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

describe('the speed of the index', () => {
  it('takes in 100,000 metric rows a second, and answers from its views in 100 ms', () => {
    const results = makeFolder();
    const runs = Array.from({ length: 400 }, (_, index) =>
      makeRun({ runKey: key(index), dModel: 8 + 8 * (index % 40), seed: Math.floor(index / 40), steps: 300 }),
    );
    for (const run of runs) writeRun(results, run);
    writeSweepRecord(results, makeSweep('quick', runs));
    const rows = 300 * 400;
    expect(
      cpuSeconds(() => {
        openIndex(results).close();
      }),
    ).toBeLessThan(rows / 100_000);
    const { db, close } = openIndex(results);
    for (const { name } of views) {
      const sql = `SELECT * FROM ${name} LIMIT 1000`;
      expect(
        cpuSeconds(() => db.prepare(sql).raw().all()),
        name,
      ).toBeLessThan(0.1);
    }
    close();
  });
});
