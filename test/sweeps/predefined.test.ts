/** Every sweep that comes with isoloss can be planned: names, sizes, rates and shapes fit, and steps are enough. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countParams } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { objectiveOf } from '../../src/models/registry.js';
import { expandSweep, type CountedModel, type ExpandContext } from '../../src/sweeps/expand.js';
import { CATALOGUE } from '../../src/sweeps/plan.js';
import { PACKAGE_SWEEPS, readSweepFile } from '../../src/sweeps/sweepFile.js';
import { tuningNames } from '../../src/sweeps/tuned.js';

/** Builds every model; its FLOPs are by the rule of thumb, six for each parameter, which needs no trace. */
function context(): ExpandContext<CountedModel> {
  let keys = 0;
  return {
    catalogue: CATALOGUE,
    describeModel(model, batchSize) {
      const counts = countParams(buildModel(model).params);
      const flopsPerStep =
        6 *
        (counts.paramsActive - (counts.paramsByGroup['embedding'] ?? 0)) *
        batchSize *
        model.contextLength;
      return {
        ...counts,
        flopsPerStep,
        flopsMatmulPerStep: flopsPerStep,
        flopsByKind: { matmul: flopsPerStep },
      };
    },
    runKey: () => {
      const runKey = (keys++).toString(16).padStart(16, '0');
      return { runKey, keyParts: {}, trunk: runKey };
    },
    corpusId: 'any',
    epochsOf: () => 0.5,
  };
}

const FILES = readdirSync(PACKAGE_SWEEPS).filter((name) => name.endsWith('.yaml'));
const path = (file: string): string => join(PACKAGE_SWEEPS, file);

/** A sweep that reads rates which nobody has tuned yet can't be planned, and says so itself. */
function untuned(file: string): boolean {
  const { learningRate } = readSweepFile(path(file), CATALOGUE).sweep;
  return (
    typeof learningRate === 'object' &&
    'tuned' in learningRate &&
    !tuningNames(learningRate).every((name) => existsSync(path(`${name}.tuned.json`)))
  );
}

describe('predefined sweeps', () => {
  it.for(FILES)('%s can be planned', (file, { skip }) => {
    if (untuned(file)) skip('its learning rates are not tuned yet');
    const loaded = readSweepFile(path(file), CATALOGUE);
    const { runs } = expandSweep(loaded, context());
    expect(runs.length).toBeGreaterThan(2);
    // By the rule of thumb, which counts up to half too much at these sizes.
    expect(Math.min(...runs.map(({ setup }) => setup.steps))).toBeGreaterThan(60);
    expect(file).toBe(`${loaded.sweep.name}.yaml`);
  });

  it('have at least three sizes at each budget of a law, or one size throughout', () => {
    for (const name of ['switch', 'synthesizer', 'encdec', 'primer-insertions', 'primer-ablations']) {
      const { sweep } = readSweepFile(path(`${name}.yaml`), CATALOGUE);
      const sizes = sweep.cells.flatMap(({ budgets }) => budgets.map((budget) => budget.sizes.length));
      expect(Math.min(...sizes), name).toBeGreaterThanOrEqual(3);
    }
  });

  it('compare encoder-decoders with each other only', () => {
    const { sweep } = readSweepFile(path('encdec.yaml'), CATALOGUE);
    const names = sweep.cells.flatMap(({ architectures }) => architectures.map(String));
    expect(new Set(names.map(objectiveOf))).toEqual(new Set(['spanCorruption']));
  });

  it("hold the paper's tables: each part of Primer added to the Transformer and taken away from Primer, three times", () => {
    const { runs } = expandSweep(readSweepFile(path('reference-parts.yaml'), CATALOGUE), context());
    const seeds = new Map<string, Set<number>>();
    for (const { setup } of runs) {
      const known = seeds.get(setup.model.preset) ?? new Set();
      seeds.set(setup.model.preset, known.add(setup.seed));
    }
    expect([...seeds.values()].every((found) => found.size === 3)).toBe(true);
    const parts = [
      'transformer-squared-relu',
      'transformer+mdha',
      'transformer+separable-conv',
      'transformer+shared-qk',
      'transformer+pre-post-norm',
      'transformer+primer-norm-lingvo',
      'transformer+bottleneck12',
      'transformer+post-softmax-gating',
      'primer-without-squared-relu',
      'primer-without-mdha',
      'primer-without-shared-qk',
      'primer-without-pre-post-norm',
      'primer-lingvo-norm',
      'primer-separable-conv',
      'primer+bottleneck12',
      'primer+post-softmax-gating',
    ];
    expect([...seeds.keys()].toSorted()).toEqual(['primer', 'transformer', ...parts].toSorted());
  });
});
