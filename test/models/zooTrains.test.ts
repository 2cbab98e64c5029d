/** Every architecture with every kind of positions trains: the loss of one batch falls, and every parameter moves. */
import { describe, expect, it } from 'vitest';
import { ortEngine } from '../../src/engine/ort.js';
import type { ModelSetup } from '../../src/store/record.js';
import { architectureNames, defaultDff, leastLayers } from '../../src/models/registry.js';
import { paramKey } from '../../src/train/stateNames.js';
import { compileTraining, stackStepInputs } from '../../src/train/stepRunner.js';
import { sampleBatch } from '../../src/train/checkedModel.js';
import { PRESETS } from '../../src/models/presets.js';

const STEPS = 12;
const RATE = 0.02;
const BATCH_SIZE = 4;

const setupOf = (preset: string, positions: ModelSetup['positions']): ModelSetup => ({
  preset,
  positions,
  vocabSize: 24,
  contextLength: 12,
  dModel: 16,
  nLayers: leastLayers(preset),
  nHeads: 2,
  dHead: 8,
  dFf: defaultDff(preset, 16),
  tiedEmbeddings: false,
  init: 'small',
});

/** Attention that compares no queries with keys has nothing that rotary positions could turn. */
const canRotate = (preset: string): boolean =>
  !['random', 'dense'].includes(PRESETS[preset]?.options.attentionWeights ?? '');

const CASES = architectureNames().flatMap((preset) =>
  (['absolute', 'relative', 'rotary'] as const)
    .filter((positions) => positions !== 'rotary' || canRotate(preset))
    .map((positions) => [preset, positions] as const),
);

describe('an architecture trains', () => {
  it('in three families of positions, but for Synthesizers without products', () => {
    expect(CASES).toHaveLength(3 * architectureNames().length - 4);
  });

  it.each(CASES)('%s, %s', async (preset, positions) => {
    const setup = setupOf(preset, positions);
    const optimizer = {
      kind: 'adamw',
      learningRate: RATE,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      clipNorm: 1,
    } as const;
    const runner = await compileTraining(
      ortEngine,
      { model: setup, optimizer, batchSize: BATCH_SIZE, seed: 0 },
      { threads: 1 },
    );
    const before = await runner.executable.getState();
    const { inputs, targets, source } = sampleBatch(
      runner.model,
      { batchSize: BATCH_SIZE, contextLength: setup.contextLength },
      setup.vocabSize,
    );
    const repeated = (tokens: Int32Array): Int32Array =>
      Int32Array.from({ length: STEPS * tokens.length }, (_, i) => tokens[i % tokens.length]!);
    const { loss } = await runner.executable.run(STEPS, {
      inputs: repeated(inputs),
      targets: repeated(targets),
      ...(source === undefined ? {} : { source: repeated(source) }),
      ...stackStepInputs(runner, 1, STEPS, () => RATE),
    });
    expect(loss!.at(-1)!).toBeLessThan(0.9 * loss![0]!);
    const after = await runner.executable.getState();
    await runner.executable.dispose();
    const still = runner.model.params
      .map(({ name }) => paramKey(name))
      .filter((key) => after[key]!.every((value, i) => value === before[key]![i]));
    expect(still).toEqual([]);
  });
});
