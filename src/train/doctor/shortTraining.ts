/** The training that an engine is checked with: a few steps of small models, always the same. */
import type { Precision } from '../../engine/engineNames.js';
import type { Engine } from '../../engine/executable.js';
import { defaultDff, defaultPositions } from '../../models/registry.js';
import type { OptimizerSetup } from '../../store/record.js';
import { SMALL_SCALE_ADAMW } from '../optimizers.js';
import { compileTraining, madeUpTokens, stackScalars } from '../stepRunner.js';

/** Together they have convolutions, both norms, gates and relative positions. */
export const CHECKED_PRESETS = ['transformer', 'primer-ez', 't5++'] as const;
export const CHECKED_STEPS = 8;

const SHAPE = { batchSize: 4, contextLength: 16, vocabSize: 64 };
const D_MODEL = 16;
const N_HEADS = 2;

const OPTIMIZER: OptimizerSetup = { ...SMALL_SCALE_ADAMW, learningRate: 1e-2 };

/** Losses of every step, one preset after the other. */
export async function shortTraining(engine: Engine, precision: Precision): Promise<number[]> {
  const losses: number[] = [];
  for (const preset of CHECKED_PRESETS) {
    const { batchSize, contextLength, vocabSize } = SHAPE;
    const model = {
      preset,
      positions: defaultPositions(preset),
      vocabSize,
      contextLength,
      dModel: D_MODEL,
      nLayers: 2,
      nHeads: N_HEADS,
      dHead: D_MODEL / N_HEADS,
      dFf: defaultDff(preset, D_MODEL),
      tiedEmbeddings: false,
      init: 'small',
    } as const;
    const setup = { model, optimizer: OPTIMIZER, batchSize, seed: 1 };
    const runner = await compileTraining(engine, setup, { threads: 1, precision });
    const inputs = {
      ...madeUpTokens(runner.model, SHAPE, CHECKED_STEPS, vocabSize),
      ...stackScalars(runner.optimizer, 1, CHECKED_STEPS, () => OPTIMIZER.learningRate),
    };
    losses.push(...(await runner.executable.run(CHECKED_STEPS, inputs))['loss']!);
    await runner.executable.dispose();
  }
  return losses;
}
