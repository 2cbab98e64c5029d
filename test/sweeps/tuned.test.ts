/** Choosing rates from the runs of a tuning sweep. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type CountedModel, expandSweep, initialRecord } from '../../src/sweeps/expand.js';
import { parseSweep } from '../../src/sweeps/sweepFile.js';
import { transferredRate } from '../../src/sweeps/transfer.js';
import {
  chooseRates,
  readTunedRates,
  tunedRate,
  type TunedRate,
  type TuningTrial,
  writeTuned,
} from '../../src/sweeps/tuned.js';
import { catalogue } from './catalogue.js';

const SOURCE = `name: lr
corpus: sotu
vocabSize: 1024
contextLength: 128
batchSize: 8
learningRate: { grid: [0.01, 0.02, 0.04] }
sizes: { d24: { dModel: 24, nLayers: 2, nHeads: 3 } }
cells: [{ architectures: [transformer, primer], budgets: [{ flops: 1e10, sizes: [d24], seeds: [0, 1] }] }]
`;

const cost: CountedModel = {
  paramsTotal: 1,
  paramsNonEmbedding: 1,
  paramsActive: 1,
  paramsByGroup: {},
  flopsPerStep: 24e6,
  flopsMatmulPerStep: 2e6,
  flopsByKind: {},
};

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** Ended runs of the sweep: val losses by architecture and rate, null where diverged; test losses are the reverse. */
function trials(
  valLoss: (arch: string, rate: number, seed: number, budgetFlops: number) => number | null,
  source = SOURCE,
) {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-tuned-'));
  folders.push(folder);
  const loaded = parseSweep(source, join(folder, 'lr.yaml'), catalogue);
  const { runs } = expandSweep(loaded, {
    catalogue,
    describeModel: () => cost,
    runKey: (setup) => {
      const runKey = JSON.stringify([
        setup.model.preset,
        setup.optimizer.learningRate,
        setup.seed,
        setup.steps,
      ]);
      return { runKey, keyParts: {}, trunk: runKey };
    },
    corpusId: 'sotu',
    epochsOf: () => 0.1,
  });
  const list = runs.map((run): TuningTrial => {
    const record = initialRecord(run, 'lr');
    const arch = run.architecture.label;
    const loss = valLoss(arch, run.setup.optimizer.learningRate, run.setup.seed, run.budgetFlops);
    const final =
      loss === null
        ? null
        : {
            val: { lossNats: loss, bitsPerByte: null, tokens: 1 },
            test: { lossNats: 9 - loss, bitsPerByte: null, tokens: 1 },
          };
    return {
      arch,
      budgetFlops: run.budgetFlops,
      record: { ...record, status: loss === null ? 'diverged' : 'done', final },
    };
  });
  return { loaded, list, folder };
}

describe('chooseRates', () => {
  it('takes the rate of the lowest mean loss on val, and flags one at the edge', () => {
    // transformer: means 4.2, 4.0, 4.1; primer: 4.0, 3.9, 3.8, so its best is the largest tried
    const base: Record<string, Record<number, number>> = {
      transformer: { 0.01: 4.2, 0.02: 4.0, 0.04: 4.1 },
      primer: { 0.01: 4.0, 0.02: 3.9, 0.04: 3.8 },
    };
    const { loaded, list } = trials((arch, rate, seed) => base[arch]![rate]! + (seed === 0 ? -0.01 : 0.01));
    const { rates, protocol, chosenOn } = chooseRates(loaded.sweep, list);
    expect(rates.map(({ arch, learningRate, edge }) => [arch, learningRate, edge])).toEqual([
      ['transformer', 0.02, null],
      ['primer', 0.04, 'high'],
    ]);
    expect(rates[0]!.trials).toHaveLength(6);
    expect(rates[0]!.trials.map(({ learningRate }) => learningRate)).toEqual([
      0.01, 0.01, 0.02, 0.02, 0.04, 0.04,
    ]);
    expect(rates[0]!.shape).toEqual({ dModel: 24, nLayers: 2, nHeads: 3, dHead: 8, dFf: 96 });
    expect(rates[1]!.flags[0]).toContain('extend the grid');
    expect(protocol).toMatchObject({ corpus: 'sotu', batchSize: 8 });
    expect(chosenOn).toBe('val');
  });

  it('counts a rate at which any seed diverged as infinitely bad', () => {
    const { loaded, list } = trials((_, rate, seed) => (rate === 0.04 && seed === 1 ? null : 5 - rate));
    expect(chooseRates(loaded.sweep, list).rates.map(({ learningRate }) => learningRate)).toEqual([
      0.02, 0.02,
    ]);
  });

  it('has no answer where everything diverged', () => {
    const { loaded, list } = trials(() => null);
    expect(() => chooseRates(loaded.sweep, list)).toThrow(
      /No rate for transformer, dModel 24: All 6 trials diverged/,
    );
  });

  it('has a rate for each budget at which a size was tuned', () => {
    const source = SOURCE.replace('{ flops: 1e10,', '{ flops: 4e10, sizes: [d24] }, { flops: 1e10,');
    // The best rate falls with compute, as it does.
    const { loaded, list } = trials(
      (_, rate, __, budget) => 4 + Math.abs(rate - (budget > 2e10 ? 0.01 : 0.04)),
      source,
    );
    const { rates } = chooseRates(loaded.sweep, list);
    expect(rates.map(({ arch, budgetFlops, learningRate }) => [arch, budgetFlops, learningRate])).toEqual([
      ['transformer', 4e10, 0.01],
      ['transformer', 1e10, 0.04],
      ['primer', 4e10, 0.01],
      ['primer', 1e10, 0.04],
    ]);
  });

  it('is written beside the sweep file, the same bytes each time', () => {
    const { loaded, list, folder } = trials((_, rate) => 4 + Math.abs(rate - 0.02));
    const { path } = writeTuned(loaded, list);
    expect(path).toBe(join(folder, 'lr.tuned.json'));
    const first = readFileSync(path, 'utf8');
    writeTuned(loaded, list);
    expect(readFileSync(path, 'utf8')).toBe(first);
    expect(existsSync(join(folder, 'lr.yaml'))).toBe(false);
  });
});

describe('a file of tuned rates', () => {
  it('is refused where it has two rates for one cell', () => {
    const { loaded, list, folder } = trials((_, rate) => 4 + Math.abs(rate - 0.02));
    const { path, tuned } = writeTuned(loaded, list);
    const user = parseSweep(
      SOURCE.replace('name: lr', 'name: user').replace('{ grid: [0.01, 0.02, 0.04] }', '{ tuned: lr }'),
      join(folder, 'user.yaml'),
      catalogue,
    );
    expect(readTunedRates(user, { tuned: 'lr', transfer: 'none', check: false }).rates).toHaveLength(2);
    writeFileSync(
      path,
      JSON.stringify({ ...tuned, rates: [...tuned.rates, { ...tuned.rates[1]!, learningRate: 0.04 }] }),
    );
    expect(() => readTunedRates(user, { tuned: 'lr', transfer: 'none', check: false })).toThrow(
      /lr\.tuned\.json has two rates for primer, dModel 24, 2 layers, 1e10 FLOPs: 0\.02 and 0\.04\./,
    );
  });
});

describe('the rate of a run', () => {
  const shapeOf = (dModel: number) => ({ dModel, nLayers: 2, nHeads: 2, dHead: dModel / 2, dFf: 4 * dModel });
  const rate = (dModel: number, budgetFlops: number, learningRate: number): TunedRate => ({
    arch: 'transformer',
    shape: shapeOf(dModel),
    budgetFlops,
    learningRate,
    vertexLearningRate: null,
    edge: null,
    flags: [],
    trials: [],
  });
  const rates = [rate(32, 1e12, 0.008), rate(64, 9e12, 0.002), rate(32, 1e11, 0.032), rate(64, 1e11, 0.016)];

  it.each([
    [1e10, 0.032],
    [3e11, 0.032],
    // As near to one as to the other: of these the one with more compute.
    [Math.sqrt(1e11 * 1e12), 0.008],
    [4e11, 0.008],
    [1e14, 0.008],
  ])('is the one tuned nearest to its budget: at %d it is %d', (budgetFlops, learningRate) => {
    expect(tunedRate(rates, 'transformer', shapeOf(32), budgetFlops)?.learningRate).toBe(learningRate);
  });

  it('is carried over from what was tuned nearest in width and budget together', () => {
    const carried = (dModel: number, budgetFlops: number) =>
      transferredRate(rates, 'transformer', shapeOf(dModel), budgetFlops)?.learningRate;
    expect(carried(128, 1e13)).toBe(0.001);
    expect(carried(128, 1e11)).toBe(0.008);
    expect(carried(16, 1e12)).toBe(0.016);
    // ln(60 / 32) is less than ln(64 / 60) + ln 9: the width a little nearer was trained nine times as long.
    expect(carried(60, 1e12)).toBe((0.008 * 32) / 60);
    expect(carried(60, 5e12)).toBe((0.002 * 64) / 60);
    expect(transferredRate(rates, 'primer', shapeOf(16), 1e12)).toBeNull();
    expect(tunedRate(rates, 'transformer', shapeOf(128), 1e12)).toBeNull();
  });

  it('comes of several tuning sweeps, the first of them where two have tuned at one budget', () => {
    const { loaded, list, folder } = trials((_, rate) => 4 + Math.abs(rate - 0.02));
    const { path, tuned } = writeTuned(loaded, list);
    const later = tuned.rates.flatMap((own) => [
      { ...own, learningRate: 0.01 },
      { ...own, budgetFlops: 1e12, learningRate: 0.005 },
    ]);
    writeFileSync(
      join(folder, 'later.tuned.json'),
      JSON.stringify({ ...tuned, sweep: 'later', rates: later }),
    );
    expect(existsSync(path)).toBe(true);
    const found = readTunedRates(loaded, { tuned: ['later', 'lr'], transfer: 'none', check: false });
    expect(
      found.rates.map(({ arch, budgetFlops, learningRate }) => [arch, budgetFlops, learningRate]),
    ).toEqual([
      ['transformer', 1e10, 0.01],
      ['transformer', 1e12, 0.005],
      ['primer', 1e10, 0.01],
      ['primer', 1e12, 0.005],
    ]);
  });
});
