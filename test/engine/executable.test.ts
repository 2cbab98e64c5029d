/** Compiled steps: how steps are divided into calls changes no bit, and a call that fails changes nothing. */
import { describe, expect, it } from 'vitest';
import type { Engine, Executable } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import type { HostArray, HostTensors } from '../../src/engine/tensors.js';
import { eager, expectClose } from './harness.js';
import { ADAFACTOR, tinyTraining, type TinyTraining } from './tinyTraining.js';

const bitsOf = (values: HostArray): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
const bits = (tensors: HostTensors): Record<string, string> =>
  Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, bitsOf(values)]));

interface Outcome {
  readonly state: HostTensors;
  readonly metrics: Record<string, number[]>;
}

interface Options {
  readonly threads?: number;
  readonly optimise?: boolean;
}

async function compiled(
  engine: Engine,
  training: TinyTraining,
  { threads = 1, optimise = true }: Options = {},
): Promise<Executable> {
  const executable = await engine.compileStep(training.program, { threads, optimise });
  executable.setState(training.state);
  return executable;
}

/** Makes consecutive calls of the given lengths. */
async function outcome(
  engine: Engine,
  training: TinyTraining,
  calls: readonly number[],
  options: Options = {},
): Promise<Outcome> {
  const executable = await compiled(engine, training, options);
  const metrics: Record<string, number[]> = { loss: [], gradNorm: [] };
  let step = 1;
  for (const count of calls) {
    const results = await executable.run(count, training.inputs(step, count));
    for (const [name, values] of Object.entries(results)) metrics[name]!.push(...values);
    step += count;
  }
  const state = await executable.getState();
  await executable.dispose();
  return { state, metrics };
}

const ones = Array.from({ length: 16 }, () => 1);

describe('steps a call', () => {
  it.each([
    ['transformer, AdamW', tinyTraining(), {}],
    ['transformer, AdamW, naive graph', tinyTraining(), { optimise: false }],
    ['transformer, AdamW, a batch divided among two threads', tinyTraining(), { threads: 2 }],
    [
      'primer, Adafactor',
      tinyTraining({ preset: 'primer', tiedEmbeddings: true, init: 't5' }, ADAFACTOR),
      {},
    ],
  ] as const)('%s: 1, 8 and others give the same bits over 16 steps', async (_, training, options) => {
    const oneByOne = await outcome(ortEngine, training, ones, options);
    expect(oneByOne.metrics['loss']).toHaveLength(16);
    expect(bits(oneByOne.state)).not.toEqual(bits(training.state));
    for (const calls of [[8, 8], [16], [3, 3, 3, 3, 3, 1]]) {
      const other = await outcome(ortEngine, training, calls, options);
      expect(other.metrics).toEqual(oneByOne.metrics);
      expect(bits(other.state)).toEqual(bits(oneByOne.state));
    }
  });

  it('does not matter to eager tfjs either, which comes to the same numbers', async () => {
    const training = tinyTraining();
    const byEight = await outcome(eager, training, [4]);
    const oneByOne = await outcome(eager, training, [1, 1, 1, 1]);
    expect(bits(byEight.state)).toEqual(bits(oneByOne.state));
    const traced = await outcome(ortEngine, training, [4]);
    expectClose(traced.metrics['loss']!, byEight.metrics['loss']!, 'loss');
  });
});

const ENGINES = [
  ['ONNX Runtime', ortEngine, 1],
  ['ONNX Runtime, two threads', ortEngine, 2],
  ['eager tfjs', eager, 1],
] as const;

describe.each(ENGINES)('a call that fails (%s)', (_, engine, threads) => {
  const training = tinyTraining();
  const good = training.inputs(3, 4);
  const withoutTokens = Object.fromEntries(Object.entries(good).filter(([name]) => name !== 'inputs'));
  const faults: Readonly<Record<string, [HostTensors, RegExp]>> = {
    'inputs too short': [
      { ...good, targets: good['targets']!.slice(0, -1) },
      /input "targets" has 47 values instead of 48/,
    ],
    'inputs for one step more': [training.inputs(3, 5), /has (60|5) values instead of (48|4)/],
    'an input missing': [withoutTokens, /input "inputs" has no values instead of 48/],
    // In the middle of a call: the first steps of it are made and must be undone.
    'a token outside of the vocabulary': [
      { ...good, inputs: Int32Array.from(good['inputs']!).fill(99, 24, 25) },
      /./,
    ],
  };

  it('leaves the state as it was, and the next call goes on from there', async () => {
    const undisturbed = await compiled(engine, training, { threads });
    const disturbed = await compiled(engine, training, { threads });
    for (const executable of [undisturbed, disturbed]) await executable.run(2, training.inputs(1, 2));
    const before = bits(await disturbed.getState());
    for (const [fault, [inputs, message]] of Object.entries(faults)) {
      await expect(disturbed.run(4, inputs), fault).rejects.toThrow(message);
      expect(bits(await disturbed.getState()), fault).toEqual(before);
    }
    expect(await disturbed.run(4, good)).toEqual(await undisturbed.run(4, good));
    expect(bits(await disturbed.getState())).toEqual(bits(await undisturbed.getState()));
    await Promise.all([undisturbed.dispose(), disturbed.dispose()]);
  });

  it('leaves the state as it was where a new state does not fit', async () => {
    const executable = await compiled(engine, training, { threads });
    const before = bits(await executable.getState());
    const last = training.program.state.at(-1)!.name;
    const sevens = training.state['param/embedding']!.slice().fill(7);
    const misfit = { ...training.state, 'param/embedding': sevens, [last]: new Float32Array(1) };
    expect(() => {
      executable.setState(misfit);
    }).toThrow(new RegExp(`"${last}" has 1 values`));
    expect(bits(await executable.getState())).toEqual(before);
    await executable.dispose();
  });
});

describe('getState', () => {
  it.each(ENGINES)('gives a copy that later steps do not touch (%s)', async (_, engine, threads) => {
    const training = tinyTraining();
    const executable = await compiled(engine, training, { threads });
    const copy = await executable.getState();
    const before = bits(copy);
    await executable.run(2, training.inputs(1, 2));
    await executable.run(2, training.inputs(3, 2));
    expect(bits(copy)).toEqual(before);
    await executable.dispose();
  });
});
