/** How a sweep that leaves workers and threads open is spread over the cores. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fastest, fittingWorkers, waysToSplit } from '../../src/sweeps/spread.js';
import { IS_BUILT, startProgram, sweepHead, textFolder } from './program.js';

describe('the ways of sharing the cores', () => {
  it('are powers of two of threads, and one worker with all of them', () => {
    expect(waysToSplit({ cores: 1, fitting: () => 9, atOnce: 9 })).toEqual([{ threads: 1, workers: 1 }]);
    expect(waysToSplit({ cores: 12, fitting: () => 99, atOnce: 99 })).toEqual([
      { threads: 1, workers: 12 },
      { threads: 2, workers: 6 },
      { threads: 4, workers: 3 },
      { threads: 8, workers: 1 },
      { threads: 12, workers: 1 },
    ]);
  });

  it('have no more workers than memory allows, or runs that need not wait', () => {
    const workers = (fitting: (threads: number) => number, atOnce: number): number[] =>
      waysToSplit({ cores: 8, fitting, atOnce }).map((way) => way.workers);
    expect(workers((threads) => (threads === 1 ? 5 : 3), 99)).toEqual([5, 3, 2, 1]);
    expect(workers(() => 99, 2)).toEqual([2, 2, 2, 1]);
  });

  it('count the largest runs against nine tenths of the memory', () => {
    expect(fittingWorkers([1, 4, 2, 3], 10)).toBe(3);
    expect(fittingWorkers([1, 4, 2, 3], 100)).toBe(4);
    expect(fittingWorkers([20, 20], 10)).toBe(1);
  });

  it('give the fewest threads unless another gains a tenth', () => {
    const way = (threads: number, flopsPerSecond: number) => ({ threads, workers: 1, flopsPerSecond });
    expect(fastest([way(1, 100), way(2, 109), way(4, 90)]).threads).toBe(1);
    expect(fastest([way(4, 130), way(2, 120), way(1, 100)]).threads).toBe(4);
  });
});

describe.skipIf(!IS_BUILT || availableParallelism() < 2)(
  'a long sweep (needs `npm run build` and two cores)',
  { timeout: 60_000 },
  () => {
    let folder: string;
    beforeAll(() => {
      folder = textFolder(3000);
      writeFileSync(
        join(folder, 'long.yaml'),
        `${sweepHead('long')}learningRate: { base: 0.01, referenceWidth: 64 }
allowEpochs: 1000000
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [transformer]
    budgets:
      - { flops: 1e14, sizes: [d8], seeds: [0, 1, 2, 3] }
`,
      );
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('is measured when it is begun, and stays as it was measured', async () => {
      const { child, output, exit } = startProgram(folder, ['run', 'long.yaml']);
      while (!output().includes('the fastest of those measured') && child.exitCode === null) await sleep(50);
      child.kill('SIGINT');
      expect(await exit, output()).toBe(130);
      const spread = readSpread(folder);
      expect(spread.tried.length).toBeGreaterThanOrEqual(2);
      expect(spread.tried).toContainEqual(
        expect.objectContaining({ workers: spread.workers, threads: spread.threads }),
      );

      // As if another way had been the fastest.
      writeFileSync(spreadPath(folder), JSON.stringify({ ...spread, workers: 1, threads: 2 }));
      const planned = startProgram(folder, ['plan', 'long.yaml', '--json']);
      expect(await planned.exit).toBe(0);
      expect(planned.output()).toMatch(/"workers": 1,\s+"threads": 2,\s+"workersMeasured": true/);

      // Measured on another machine, it says nothing of this one.
      writeFileSync(spreadPath(folder), JSON.stringify({ ...spread, cpu: 'another', threads: 2 }));
      const elsewhere = startProgram(folder, ['plan', 'long.yaml', '--json']);
      expect(await elsewhere.exit).toBe(0);
      expect(elsewhere.output()).toMatch(/"threads": 1,\s+"workersMeasured": false/);
    });
  },
);

const spreadPath = (folder: string): string => join(folder, 'results', 'long', 'spread.json');

function readSpread(folder: string): { workers: number; threads: number; tried: unknown[] } {
  expect(existsSync(spreadPath(folder))).toBe(true);
  return JSON.parse(readFileSync(spreadPath(folder), 'utf8')) as ReturnType<typeof readSpread>;
}
