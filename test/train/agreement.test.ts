/** Twenty training steps of every architecture, traced and run by ONNX Runtime, against the same function on eager tfjs-cpu. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import { isDivided } from '../../src/engine/partThreads.js';
import type { ModelSetup, OptimizerSetup } from '../../src/store/record.js';
import { eager, expectClose } from '../engine/harness.js';
import { ADAFACTOR, ADAMW, tinyTraining, type TinyTraining } from '../engine/tinyTraining.js';

const STEPS = 20;

async function metricsOf(
  engine: Engine,
  { program, state, inputs }: TinyTraining,
  stepsPerCall: number,
  { optimise = true, threads = 1 } = {},
): Promise<Record<string, number[]>> {
  const executable = await engine.compileStep(program, { threads, optimise });
  executable.setState(state);
  const metrics: Record<string, number[]> = { loss: [], gradNorm: [] };
  for (let step = 1; step <= STEPS; step += stepsPerCall) {
    const values = await executable.run(stepsPerCall, inputs(step, stepsPerCall));
    for (const [name, series] of Object.entries(values)) metrics[name]!.push(...series);
  }
  await executable.dispose();
  return metrics;
}

const SMALL: Partial<ModelSetup> = { nLayers: 1 };
/** Its embedding and output are large enough for Adafactor to keep rows and columns alone. */
const WIDE: Partial<ModelSetup> = { nLayers: 1, vocabSize: 130, dModel: 128, nHeads: 2, dHead: 8, dFf: 16 };
const RELEASE: Partial<ModelSetup> = { ...WIDE, tiedEmbeddings: true, init: 't5', positions: 'relative' };

const close = (actual: Record<string, number[]>, expected: Record<string, number[]>, what: string): void => {
  expectClose(actual['loss']!, expected['loss']!, `${what}, loss`, { relative: 1e-5, absolute: 0 });
  // The norm of the gradient is more sensitive than the loss that it is the derivative of.
  expectClose(actual['gradNorm']!, expected['gradNorm']!, `${what}, gradNorm`, {
    relative: 2e-4,
    absolute: 0,
  });
};

const CASES: readonly [string, Partial<ModelSetup>, OptimizerSetup][] = [
  ['transformer', {}, ADAMW],
  ['transformer++', {}, ADAMW],
  ['primer-ez', {}, ADAMW],
  ['primer', {}, ADAMW],
  ['t5', { positions: 'relative' }, ADAMW],
  ['t5++', { positions: 'relative' }, ADAMW],
  ['transformer', { ...SMALL, positions: 'rotary' }, ADAMW],
  ['transformer', { ...SMALL, positions: 'relative' }, ADAMW],
  ['primer', { ...SMALL, positions: 'rotary' }, ADAMW],
  ['primer', { ...SMALL, positions: 'relative' }, ADAMW],
  ['t5', { ...SMALL, positions: 'absolute' }, ADAMW],
  ['t5', RELEASE, ADAFACTOR],
  ['primer', RELEASE, ADAFACTOR],
];

describe('20 steps agree with eager tfjs to 1e-5', () => {
  it.each(CASES)('%s %j', async (preset, change, optimizer) => {
    const training = tinyTraining({ preset, ...change }, optimizer);
    const expected = await metricsOf(eager, training, STEPS);
    for (const optimise of [true, false]) {
      const actual = await metricsOf(ortEngine, training, 4, { optimise });
      close(actual, expected, `${preset}, passes ${optimise ? 'on' : 'off'}`);
    }
  });

  it.each<[string, Partial<ModelSetup>, OptimizerSetup]>([
    ['primer-ez', {}, ADAMW],
    ['t5', RELEASE, ADAFACTOR],
  ])('%s %j, each of two threads computing half of the batch', async (preset, change, optimizer) => {
    const training = tinyTraining({ preset, ...change }, optimizer);
    expect(isDivided(training.program, { threads: 2 })).toBe(true);
    const expected = await metricsOf(eager, training, STEPS);
    close(await metricsOf(ortEngine, training, 4, { threads: 2 }), expected, preset);
  });
});

describe('a batch is divided only where', () => {
  it('every thread gets as many sequences', () => {
    expect(isDivided(tinyTraining().program, { threads: 3 })).toBe(false);
    expect(isDivided(tinyTraining().program, { threads: 1 })).toBe(false);
  });

  it('sequences have nothing to do with each other: not where experts have a capacity', () => {
    const { program } = tinyTraining({ preset: 'switch-transformer', nLayers: 4 });
    expect(isDivided(program, { threads: 2 })).toBe(false);
  });
});
