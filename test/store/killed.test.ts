import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/store/checkpoint.js';
import { readMetrics } from '../../src/store/metricsLog.js';
import { checkpointPath, createRunDirectory, readRunRecord } from '../../src/store/runDirectory.js';
import { firstLine, killChild, startChild, useTemporaryFolders } from './fixtures.js';
import { key, makeRun, trainRow } from './records.js';

const makeFolder = useTemporaryFolders();

describe('a run directory whose writer is killed', () => {
  it('can be read and gone on with, whatever the moment, and loses no call that had returned', async () => {
    const results = makeFolder();
    const directory = createRunDirectory(
      results,
      makeRun({ runKey: key(5), steps: 1_000_000, status: 'running' }),
    );
    let checkpointStep = 0;
    for (let round = 0; round < 8; round += 1) {
      const child = startChild('trainer.ts', [results, 'quick', key(5)]);
      let returned = 0;
      const running = new Promise<void>((resolve) => {
        createInterface({ input: child.stdout! }).on('line', (line) => {
          returned = Number(line);
          resolve();
        });
      });
      await running;
      await sleep(Math.random() * 60);
      await killChild(child);

      const { rows } = readMetrics(directory);
      expect(rows.length).toBeGreaterThanOrEqual(returned);
      expect(rows).toEqual(rows.map((_, index) => trainRow(index + 1)));
      const { checkpoint, reason } = loadCheckpoint(checkpointPath(directory));
      expect(reason).toBeNull();
      expect(checkpoint?.step ?? 0).toBeGreaterThanOrEqual(checkpointStep);
      expect(rows.length).toBeGreaterThanOrEqual(checkpoint?.step ?? 0);
      checkpointStep = checkpoint?.step ?? 0;
      expect(readRunRecord(directory)?.stepsDone).toBeTypeOf('number');
    }
    expect(checkpointStep).toBeGreaterThan(0);
    // What one killed process left aside, the next holder of the lock removed.
    expect(readdirSync(directory).filter((name) => name.includes('.aside-')).length).toBeLessThanOrEqual(1);
    expect(existsSync(checkpointPath(directory))).toBe(true);
  });
});

describe('a metrics file on a disk that fills up', () => {
  it.runIf(process.platform === 'linux')(
    'keeps the calls that had returned, and nothing of the one that failed',
    async () => {
      const directory = makeFolder();
      // The limit on a file's size stands in for the disk's.
      const child = startChild('appender.ts', [directory], 'trap "" XFSZ; ulimit -f 700; exec "$@"');
      const { step, code } = JSON.parse(await firstLine(child)) as { step: number; code: string };
      expect(code).toBe('EFBIG');
      expect(step).toBeGreaterThan(0);
      const { rows, torn } = readMetrics(directory);
      expect(torn).toBeNull();
      expect(rows.length).toBe(step);
    },
  );
});
