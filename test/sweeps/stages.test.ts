/** A sweep that tunes its own rates, through the built program: rounds of the grid, the runs, the check of the transfer. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRunRecord, readSweepRecord, runDirectory } from '../../src/store/runDirectory.js';
import type { TransferTrial } from '../../src/sweeps/transfer.js';
import type { TunedFile } from '../../src/sweeps/tuned.js';
import { IS_BUILT, isoloss, startProgram, sweepHead, textFolder } from './program.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** The grid starts far too low, so that the best rate lies at its upper end. */
const SWEEP = `${sweepHead('own')}learningRate:
  tune: { grid: [0.0001, 0.0002, 0.0004], extend: 2, flops: 3e7, sizes: [d8] }
  transfer: inverse-width
  check: true
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
  d16: { dModel: 16, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [transformer, primer-ez]
    budgets:
      - { flops: 4e7, sizes: [d8] }
      - { flops: 8e7, sizes: [d8, d16] }
workers: 2
`;

describe.skipIf(!IS_BUILT)('a sweep with tune:', () => {
  it('tunes, trains and checks, each stage from what the one before found, and does none of it twice', async () => {
    const folder = textFolder(3000);
    folders.push(folder);
    writeFileSync(join(folder, 'own.yaml'), SWEEP);
    const results = join(folder, 'results');
    expect(await isoloss(folder, 'plan', 'own.yaml')).toContain('The learning rates are not tuned yet');
    await isoloss(folder, 'run', 'own.yaml');

    const tuned = JSON.parse(readFileSync(join(folder, 'own-lr.tuned.json'), 'utf8')) as TunedFile;
    expect(tuned.rates.map(({ arch }) => arch)).toEqual(['transformer', 'primer-ez']);
    for (const { learningRate, edge, trials } of tuned.rates) {
      // The best was at the upper end after each round, so the grid grew twice, which is all that it may.
      expect(trials.map((trial) => trial.learningRate)).toEqual([0.0001, 0.0002, 0.0004, 0.0008, 0.0016]);
      expect({ learningRate, edge }).toEqual({ learningRate: 0.0016, edge: 'high' });
    }

    const { runs, resolved } = readSweepRecord(results, 'own')!;
    const rates = runs.map(({ runKey, dModel }) => {
      const record = readRunRecord(runDirectory(results, 'own', runKey))!;
      return [record.status, dModel, record.setup.optimizer.learningRate];
    });
    expect(rates).toEqual(
      ['transformer', 'primer-ez'].flatMap(() => [
        ['done', 8, 0.0016],
        ['done', 8, 0.0016],
        ['done', 16, 0.0008],
      ]),
    );

    const check = resolved['transferCheck'] as TransferTrial[];
    expect(
      check.map(({ arch, budgetFlops, learningRate, tunedLearningRate }) => [
        arch,
        budgetFlops,
        learningRate / tunedLearningRate,
      ]),
    ).toEqual([
      ['transformer', 8e7, 0.5],
      ['transformer', 8e7, 2],
      ['primer-ez', 8e7, 0.5],
      ['primer-ez', 8e7, 2],
    ]);
    for (const trial of check) {
      const record = readRunRecord(runDirectory(results, 'own-transfer', trial.runKey))!;
      expect(trial.valLossNats).toBe(record.final!.val.lossNats);
    }

    const again = await isoloss(folder, 'run', 'own.yaml');
    expect(again).not.toMatch(/[1-9]\d* to do/);
    rmSync(join(results, 'own-lr'), { recursive: true });
    expect(await isoloss(folder, 'run', 'own.yaml'), 'the file of tuned rates is enough').not.toMatch(
      /[1-9]\d* to do/,
    );
    expect(existsSync(join(results, 'own-lr'))).toBe(false);
  }, 240_000);

  it('does not take the name of another sweep for its tuning', async () => {
    const folder = textFolder(3000);
    folders.push(folder);
    writeFileSync(join(folder, 'own.yaml'), SWEEP);
    writeFileSync(join(folder, 'own-lr.yaml'), SWEEP.replace('own', 'own-lr'));
    const { exit, output } = startProgram(folder, ['run', 'own.yaml']);
    expect(await exit).toBe(2);
    expect(output()).toMatch(
      /own\.yaml:9:9 {2}the tuning of own is the sweep own-lr, but there is a sweep file/,
    );
  });
});
