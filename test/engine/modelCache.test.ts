/** Compiled models kept on disk: the same bits from the cache as without it, whatever happens to its files. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/engine/executable.js';
import { modelKey } from '../../src/engine/modelKey.js';
import { ortEngine } from '../../src/engine/ort.js';
import { traceStep } from '../../src/engine/stepGraph.js';
import { KERNEL } from '../../src/ops/kernelNames.js';
import { NORM_EPSILON } from '../../src/ops/norms.js';
import { CACHE_SWITCH, defaultModelCache, modelCache } from '../../src/store/modelCache.js';
import { counted } from './countedCache.js';
import { ADAFACTOR, ADAMW, tinyTraining, type TinyTraining } from './tinyTraining.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-models-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Losses and state of some steps, bit for bit. */
async function outcome(training: TinyTraining, options: EngineOptions): Promise<unknown> {
  const executable = await ortEngine.compileStep(training.program, options);
  executable.setState(training.state);
  const metrics = [
    await executable.run(3, training.inputs(1, 3)),
    await executable.run(2, training.inputs(4, 2)),
  ];
  const state = await executable.getState();
  await executable.dispose();
  return { metrics, state };
}

const adamW = (change: object): typeof ADAMW => ({ ...ADAMW, ...change });

const entries = (): string[] => readdirSync(folder).map((name) => join(folder, name));

describe('a cache of compiled models', () => {
  it.each([
    ['transformer', {}, ADAMW],
    ['transformer++', {}, ADAMW],
    ['primer-ez', { positions: 'rotary' }, ADAMW],
    ['primer', {}, ADAMW],
    ['t5', { positions: 'relative' }, ADAFACTOR],
    ['llama', {}, ADAMW],
  ] as const)('%s %j: the same bits without it, kept, and from it', async (preset, change, optimizer) => {
    const training = tinyTraining({ preset, ...change }, optimizer);
    // Two threads each compute one of the two sequences, by functions of their own.
    const ways: readonly (readonly [EngineOptions, number])[] = [
      [{ threads: 1 }, 1],
      [{ threads: 2 }, 5],
      [{ threads: 3 }, 1],
      [{ threads: 1, precision: 'bf16' }, 1],
    ];
    // Threads and precision are of the engine, not of the architecture: each has two of the four.
    const own =
      preset === 'transformer' ? ways : optimizer === ADAFACTOR ? ways.slice(1, 3) : ways.slice(0, 2);
    for (const [options, models] of own) {
      const cache = counted(modelCache(folder));
      const without = await outcome(training, options);
      expect(await outcome(training, { ...options, cache })).toEqual(without);
      expect(cache.hits).toBe(0);
      expect(await outcome(training, { ...options, cache })).toEqual(without);
      expect(cache.hits).toBe(models);
    }
    expect(entries()).toHaveLength(own.reduce((sum, [, models]) => sum + models, 0));
  });

  it('gives a function the same bits from it as without it', async () => {
    const { program, state, inputs } = tinyTraining({ preset: 'primer' });
    const spread = [...program.state, ...program.perStep];
    const forward = {
      inputs: spread,
      fn: (tensors: Parameters<typeof program.step>[0]) => {
        const { metrics } = program.step(tensors, tensors);
        return metrics;
      },
    };
    const values = { ...state, ...inputs(1, 1) };
    const cache = counted(modelCache(folder));
    const run = async (options: EngineOptions): Promise<unknown> => {
      const compiled = await ortEngine.compileFunction(forward, options);
      const result = await compiled.run(values);
      await compiled.dispose();
      return result;
    };
    const without = await run({ threads: 1 });
    expect(await run({ threads: 1, cache })).toEqual(without);
    expect(await run({ threads: 1, cache })).toEqual(without);
    expect(cache.hits).toBe(1);
  });

  it('compiles again where a file is torn, damaged or empty', async () => {
    const training = tinyTraining();
    const without = await outcome(training, { threads: 1 });
    const cache = counted(modelCache(folder));
    await outcome(training, { threads: 1, cache });
    const [path] = entries();
    const whole = readFileSync(path!);
    const damaged = Uint8Array.from(whole);
    damaged[whole.length >> 1]! ^= 1;
    const whatHappens = [whole.subarray(0, whole.length - 100), damaged, Buffer.alloc(0)];
    for (const bytes of whatHappens) {
      writeFileSync(path!, bytes);
      expect(await outcome(training, { threads: 1, cache })).toEqual(without);
      expect(readFileSync(path!)).toEqual(whole);
    }
  });

  it('lets several compile the same at once', async () => {
    const training = tinyTraining();
    const without = await outcome(training, { threads: 1 });
    const cache = modelCache(folder);
    const options = { threads: 1, cache };
    const all = await Promise.all(Array.from({ length: 4 }, async () => outcome(training, options)));
    for (const one of all) expect(one).toEqual(without);
    expect(entries()).toHaveLength(1);
  });

  it('does without where its folder is a file, and for the graph without passes', async () => {
    const training = tinyTraining();
    const without = await outcome(training, { threads: 1 });
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await outcome(training, { threads: 1, cache: modelCache(join(file, 'models')) })).toEqual(without);
    await outcome(training, { threads: 1, optimise: false, cache: modelCache(folder) });
    expect(entries()).toEqual([file]);
  });

  it('keeps within its size what was used last', async () => {
    const cache = modelCache(folder, 1000);
    const put = async (key: string): Promise<void> => {
      cache.save(key, Buffer.alloc(200));
      // Times of use are told apart by the clock of the file system.
      await new Promise((resolve) => setTimeout(resolve, 15));
    };
    for (const key of ['a', 'b', 'c']) await put(key);
    expect(cache.load('a')).toHaveLength(200);
    await new Promise((resolve) => setTimeout(resolve, 15));
    await put('d');
    // Four of 264 bytes are too many: of the three quarters that are kept, `a` was used after `b` and `c`.
    expect(['a', 'b', 'c', 'd'].map((key) => cache.load(key) !== null)).toEqual([true, false, false, true]);
  });

  it('can be switched off', () => {
    expect(defaultModelCache({ [CACHE_SWITCH]: 'off' })).toBeUndefined();
    expect(defaultModelCache({ ISOLOSS_CACHE: folder })).toBeDefined();
  });
});

describe('the key of a compiled model', () => {
  const keyOf = (training: TinyTraining, options: EngineOptions = { threads: 1 }, form = 'loop'): string =>
    modelKey(traceStep(training.program, 'fused'), form, options)!;

  it('is the same for runs that differ in what enters as input alone', () => {
    expect(keyOf(tinyTraining({}, ADAMW, 4))).toBe(keyOf(tinyTraining({}, ADAMW, 3)));
    expect(keyOf(tinyTraining({}, adamW({ learningRate: 3, epsilon: 1e-7 })))).toBe(keyOf(tinyTraining()));
  });

  it('knows what norms add to the variance, which is written outside of the engine', () => {
    for (const [preset, name] of [
      ['transformer', KERNEL.layerNorm],
      ['t5', KERNEL.rmsNorm],
    ] as const) {
      const { nodes } = traceStep(tinyTraining({ preset }).program, 'fused');
      const norms = nodes.filter(({ kernel }) => kernel === name);
      expect(norms.length).toBeGreaterThan(0);
      for (const { attrs } of norms) expect(attrs).toEqual({ epsilon: NORM_EPSILON });
    }
  });

  it('is another one for whatever changes what is computed', () => {
    const keys = [
      keyOf(tinyTraining()),
      keyOf(tinyTraining({ dFf: 16 })),
      keyOf(tinyTraining({ contextLength: 7 })),
      keyOf(tinyTraining({ nHeads: 3, dHead: 4 })),
      keyOf(tinyTraining({ positions: 'rotary' })),
      keyOf(tinyTraining({ tiedEmbeddings: true })),
      keyOf(tinyTraining({}, adamW({ beta1: 0.8 }))),
      keyOf(tinyTraining({}, adamW({ clipNorm: null }))),
      keyOf(tinyTraining({}, ADAFACTOR)),
      keyOf(tinyTraining(), { threads: 2 }),
      keyOf(tinyTraining(), { threads: 1, precision: 'f16' }),
      keyOf(tinyTraining(), { threads: 1 }, 'function'),
    ];
    expect(keys.map((key) => keys.indexOf(key))).toEqual(keys.map((_, i) => i));
  });
});
