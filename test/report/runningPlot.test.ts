import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runningText } from '../../src/report/terminal/runningPlot.js';
import { acquireLock } from '../../src/store/lock.js';
import { metricsPath, writeSweepRecord } from '../../src/store/runDirectory.js';
import { statusText, sweepStates, type SweepState } from '../../src/sweeps/status.js';
import { key, makeRun, makeSweep } from '../store/records.js';
import { writeRun } from '../store/results.js';

const results = mkdtempSync(join(tmpdir(), 'isoloss-running-'));
afterAll(() => {
  rmSync(results, { recursive: true, force: true });
});

it('shows how far running runs are and their curves, within the width', () => {
  const run = makeRun({ runKey: key(1), sweep: 'live', steps: 400, status: 'running' });
  writeRun(results, run);
  const { dModel, nLayers } = run.setup.model;
  const counts = { planned: 0, running: 1, interrupted: 0, done: 1, diverged: 0, failed: 0 };
  const base = { arch: run.arch, dModel, nLayers, budgetFlops: 1e10, seed: 0, steps: 400, cause: null };
  const states: SweepState[] = [
    {
      sweep: 'live',
      counts,
      runs: [
        { ...base, runKey: key(1), status: 'running', stepsDone: 100, lossNats: 4.25 },
        { ...base, runKey: key(2), status: 'done', stepsDone: 400, lossNats: 4 },
      ],
    },
  ];
  const lines = runningText(results, states, 72).split('\n');
  expect(lines[0]).toBe('live, under way:');
  expect(lines[1]).toBe(
    `${run.arch} ${dModel}x${nLayers} 1e10 seed 0  ${'█'.repeat(6)}${'░'.repeat(18)}  25.0%  100 of 400 steps  loss 4.250`,
  );
  expect(lines.slice(3).every((line) => Array.from(line).length <= 72)).toBe(true);
  expect(lines.join('\n')).toContain('training FLOPs');
  expect(lines.filter((line) => line.includes('●')).length).toBeGreaterThan(2);
  expect(runningText(results, [{ ...states[0]!, runs: [states[0]!.runs[1]!] }], 72)).toBe('');
});

it('draws the others where the metrics of one run under way are damaged, and names them', async () => {
  const two = [3, 4].map((n) => makeRun({ runKey: key(n), sweep: 'hurt', steps: 400, status: 'running' }));
  const directories = two.map((run) => writeRun(results, run));
  writeSweepRecord(results, makeSweep('hurt', two));
  appendFileSync(metricsPath(directories[0]!), 'torn\nmore\n');
  const locks = await Promise.all(directories.map((directory) => acquireLock(directory)));
  const states = sweepStates(results, 'hurt');
  const text = runningText(results, states, 100);
  for (const taken of locks) if (taken.acquired) taken.lock.release();
  expect(text.match(/no curve: its metrics\.jsonl is damaged/g)).toHaveLength(1);
  expect(text).toContain('training FLOPs');
  expect(statusText(states)).toContain(`${metricsPath(directories[0]!)}, line `);
});
