/** Expansion against numbers worked out by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runRecordSchema } from '../../src/store/record.js';
import {
  type CountedModel,
  type ExpandContext,
  expandSweep,
  initialRecord,
} from '../../src/sweeps/expand.js';
import { parseSweep } from '../../src/sweeps/sweepFile.js';
import { catalogue } from './catalogue.js';

/** A made-up rule that is easy to divide by: 1e6 FLOPs a step and unit of width. */
function countedModel(dModel: number): CountedModel {
  return {
    paramsTotal: 3000 * dModel,
    paramsNonEmbedding: 1000 * dModel,
    paramsActive: 3000 * dModel,
    paramsByGroup: { embedding: 2000 * dModel, attention: 1000 * dModel },
    flopsPerStep: 1e6 * dModel,
    flopsMatmulPerStep: 9e5 * dModel,
    flopsByKind: { MatMul: 9e5 * dModel, Add: 1e5 * dModel },
  };
}

function context(changes: Partial<ExpandContext<CountedModel>> = {}): ExpandContext<CountedModel> {
  let keys = 0;
  const known = new Map<string, string>();
  return {
    catalogue,
    describeModel: (model) => countedModel(model.dModel),
    runKey: (setup) => {
      const text = JSON.stringify(setup);
      if (!known.has(text)) known.set(text, (keys++).toString(16).padStart(16, '0'));
      return { runKey: known.get(text)!, keyParts: { steps: setup.steps }, trunk: known.get(text)! };
    },
    corpusId: 'sotu',
    epochsOf: (steps) => (steps * 8 * 128) / 10_000_000,
    ...changes,
  };
}

const HEAD = `name: x
corpus: sotu
vocabSize: 1024
contextLength: 128
batchSize: 8
sizes:
  d24: { dModel: 24, nLayers: 2, nHeads: 3 }
  d64: { dModel: 64, nLayers: 2, nHeads: 4 }
  d128: { dModel: 128, nLayers: 2, nHeads: 4, dHead: 16, dFf: 100 }
`;

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function sweep(rest: string, files: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-expand-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), JSON.stringify(content));
  return parseSweep(HEAD + rest, join(folder, 'x.yaml'), catalogue);
}

const RULE = 'learningRate: { base: 0.016, referenceWidth: 64 }\n';

describe('expandSweep', () => {
  it('takes the number of steps whose FLOPs come nearest to the budget', () => {
    const { runs } = expandSweep(
      sweep(
        `${RULE}cells: [{ architectures: [transformer], budgets: [{ flops: 1e10, sizes: [d24, d64, d128] }] }]`,
      ),
      context(),
    );
    // 1e10 / 24e6 = 416.67, 1e10 / 64e6 = 156.25, 1e10 / 128e6 = 78.125
    expect(runs.map((run) => run.setup.steps)).toEqual([417, 156, 78]);
    expect(runs.map((run) => run.flops)).toEqual([417 * 24e6, 156 * 64e6, 78 * 128e6]);
    expect(runs.map((run) => run.tokens)).toEqual([417 * 1024, 156 * 1024, 78 * 1024]);
    for (const run of runs) expect(Math.abs(run.flops - 1e10)).toBeLessThanOrEqual(run.cost.flopsPerStep / 2);
  });

  it('resolves widths, the learning-rate rule and labels', () => {
    const { runs } = expandSweep(
      sweep(
        `${RULE}cells: [{ architectures: [transformer++, primer@rotary], budgets: [{ flops: 1e10, sizes: [d24, d128], seeds: [3] }] }]`,
      ),
      context(),
    );
    expect(runs.map((run) => run.label)).toEqual([
      'transformer++ d24 1e10 seed 3',
      'transformer++ d128 1e10 seed 3',
      'primer@rotary d24 1e10 seed 3',
      'primer@rotary d128 1e10 seed 3',
    ]);
    // 0.016 x min(1, 64 / 24) and 0.016 x 64 / 128
    expect(runs.map((run) => run.setup.optimizer.learningRate)).toEqual([0.016, 0.008, 0.016, 0.008]);
    expect(runs[0]!.setup.model).toMatchObject({
      dHead: 8,
      dFf: 64,
      positions: 'absolute',
      preset: 'transformer++',
    });
    expect(runs[1]!.setup.model).toMatchObject({ dHead: 16, dFf: 100 });
    expect(runs[2]!.setup.model).toMatchObject({ dHead: 8, dFf: 96, positions: 'rotary', preset: 'primer' });
    expect(runRecordSchema.parse(initialRecord(runs[0]!, 'x'))).toMatchObject({
      sweep: 'x',
      status: 'planned',
      stepsDone: 0,
    });
  });

  it('trains every rate of a grid', () => {
    const { runs } = expandSweep(
      sweep(
        'learningRate: { grid: [0.01, 0.02, 0.04] }\ncells: [{ architectures: [transformer], budgets: [{ flops: 1e10, sizes: [d24] }] }]',
      ),
      context(),
    );
    expect(runs.map((run) => run.label)).toEqual(
      ['0.01', '0.02', '0.04'].map((rate) => `transformer d24 1e10 seed 0 rate ${rate}`),
    );
    expect(new Set(runs.map((run) => run.runKey)).size).toBe(3);
  });

  it('counts two cells that come to the same run once, and says so', () => {
    const { runs, notices } = expandSweep(
      sweep(
        `${RULE}cells: [{ architectures: [transformer], budgets: [{ flops: 1e10, sizes: [d24] }, { flops: 1.0001e10, sizes: [d24] }] }]`,
      ),
      context(),
    );
    expect(runs).toHaveLength(1);
    expect(notices[0]).toBe(
      'transformer d24 1.0001e10 seed 0 is the same run as transformer d24 1e10 seed 0 (417 steps); it is trained and counted once.',
    );
  });

  it('refuses budgets below a step and runs of too many epochs, each with its place', () => {
    const cells =
      'cells: [{ architectures: [transformer], budgets: [{ flops: 1e7, sizes: [d24] }, { flops: 1e12, sizes: [d24] }] }]';
    // 1e12 / 24e6 = 41667 steps x 1024 tokens / 1e7 = 4.27 epochs
    expect(() => expandSweep(sweep(RULE + cells), context())).toThrow(
      /x\.yaml:11:73 {2}transformer d24 1e7: the budget is less than one step, which costs 2\.4e7 FLOPs\n.*x\.yaml:11:104 {2}transformer d24 1e12: 41667 steps read the training text 4\.3 times, more than the 4 allowed; .*allowEpochs: 5/,
    );
    const allowed = expandSweep(
      sweep(`${RULE}allowEpochs: 5\n${cells.replace('{ flops: 1e7, sizes: [d24] }, ', '')}`),
      context(),
    );
    expect(allowed.notices).toContain(
      '1 of 1 runs read the training text more than once, at most 4.27 times.',
    );
  });
});

describe('tuned rates', () => {
  const CELLS =
    'cells: [{ architectures: [transformer, primer], budgets: [{ flops: 1e10, sizes: [d24] }] }]\n';
  const TUNED = `learningRate: { tuned: lr }\n${CELLS}`;
  const protocol = {
    corpus: 'sotu',
    vocabSize: 1024,
    contextLength: 128,
    batchSize: 8,
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
    schedule: { kind: 'cosine', warmupFraction: 0.05, finalFraction: 0.1 },
    tiedEmbeddings: false,
    init: 'small',
  };
  const rate = (arch: string, learningRate: number, edge: 'high' | null = null) => ({
    arch,
    shape: { dModel: 24, nLayers: 2, nHeads: 3, dHead: 8, dFf: 96 },
    budgetFlops: 1e9,
    learningRate,
    vertexLearningRate: null,
    edge,
    flags: [],
    trials: [],
  });
  const file = (rates: unknown[], changes: object = {}) => ({
    'lr.tuned.json': {
      format: 1,
      sweep: 'lr',
      chosenOn: 'val',
      protocol: { ...protocol, ...changes },
      rates,
    },
  });

  it('are those of the architecture and shape, with a notice where they lie at an edge', () => {
    const { runs, notices } = expandSweep(
      sweep(TUNED, file([rate('transformer', 0.032, 'high'), rate('primer', 0.016)])),
      context(),
    );
    expect(runs.map((run) => run.setup.optimizer.learningRate)).toEqual([0.032, 0.016]);
    expect(notices).toEqual([
      'The tuned rate 0.032 of transformer, dModel 24, 2 layers is at the edge of its grid: not shown to be the best.',
    ]);
  });

  it('can be checked at multiples', () => {
    const text = TUNED.replace('tuned: lr', 'tuned: lr, factors: [0.5, 1, 2]');
    const { runs } = expandSweep(
      sweep(text, file([rate('transformer', 0.032), rate('primer', 0.016)])),
      context(),
    );
    expect(runs.map((run) => run.setup.optimizer.learningRate)).toEqual([
      0.016, 0.032, 0.064, 0.008, 0.016, 0.032,
    ]);
  });

  it('are carried over by width where the sweep says so, with a notice a size', () => {
    const text = TUNED.replace('tuned: lr', 'tuned: lr, transfer: inverse-width').replace(
      'sizes: [d24]',
      'sizes: [d24, d64]',
    );
    const { runs, notices } = expandSweep(
      sweep(text, file([rate('transformer', 0.032), rate('primer', 0.016)])),
      context(),
    );
    expect(runs.map((run) => run.setup.optimizer.learningRate)).toEqual([0.032, 0.012, 0.016, 0.006]);
    expect(notices.slice(0, -1)).toEqual([
      'Learning rates of dModel 64, 2 layers not tuned; the rates of dModel 24 at 1e9 FLOPs, times the ratio of the widths: transformer 0.012, primer 0.006.',
    ]);
  });

  it('are of several tuning sweeps at one budget those of the first that tuned the architecture and shape', () => {
    const files = {
      ...file([rate('transformer', 0.032), rate('primer', 0.016)]),
      'later.tuned.json': { ...file([rate('primer', 0.008)])['lr.tuned.json'], sweep: 'later' },
    };
    const ratesOf = (tuned: string): number[] =>
      expandSweep(sweep(TUNED.replace('tuned: lr', `tuned: ${tuned}`), files), context()).runs.map(
        (run) => run.setup.optimizer.learningRate,
      );
    expect(ratesOf('[later, lr]')).toEqual([0.032, 0.008]);
    expect(ratesOf('[lr, later]')).toEqual([0.032, 0.016]);
    expect(() => ratesOf('[later]')).toThrow(
      /no rate in later\.tuned\.json for transformer d24; add them to the cells of later\.yaml/,
    );
    expect(() => ratesOf('[later, missing]')).toThrow(/there is no .*missing\.tuned\.json yet/);
  });

  it('are never made up: a missing one is an error that names the command', () => {
    expect(() => expandSweep(sweep(TUNED, file([rate('transformer', 0.032)])), context())).toThrow(
      /x\.yaml:10:24 {2}no rate in lr\.tuned\.json for primer d24; add them to the cells of lr\.yaml and run `isoloss run lr`/,
    );
    expect(() => expandSweep(sweep(TUNED), context())).toThrow(
      /there is no .*lr\.tuned\.json yet\. `isoloss run lr` makes it/,
    );
  });

  it('are refused under other settings, unless the sweep says so', () => {
    const other = file([rate('transformer', 0.032), rate('primer', 0.016)], {
      batchSize: 16,
      corpus: 'novels',
    });
    expect(() => expandSweep(sweep(TUNED, other), context())).toThrow(
      /corpus: "sotu" here, "novels" when tuned\n {2}batchSize: 8 here, 16 when tuned\n.*acceptDifferent: \[corpus, batchSize\]/s,
    );
    const accepting = TUNED.replace('tuned: lr', 'tuned: lr, acceptDifferent: [corpus, batchSize]');
    expect(expandSweep(sweep(accepting, other), context()).runs).toHaveLength(2);
  });
});
