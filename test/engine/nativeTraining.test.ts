/** Training steps of native:cpu: every architecture against ONNX Runtime, the main ones against eager tfjs, threads and calls. */
import { describe, expect, it } from 'vitest';
import type { Engine, Executable, StepProgram } from '../../src/engine/executable.js';
import { ortEngine } from '../../src/engine/ort.js';
import type { HostArray, HostTensors } from '../../src/engine/tensors.js';
import { architectureNames, defaultDff, defaultPositions, leastLayers } from '../../src/models/registry.js';
import type { ModelSetup, OptimizerSetup } from '../../src/store/record.js';
import { engineOrNull } from './engines.js';
import { eager, expectClose, type Tolerance } from './harness.js';
import { joined, joinedSpecs, partOf } from './prefixed.js';
import { ADAFACTOR, ADAMW, TINY_MODEL, trainingStep, type TinyTraining } from './tinyTraining.js';

const native = await engineOrNull('native:cpu');

interface Training {
  readonly model: ModelSetup;
  readonly optimizer: OptimizerSetup;
  readonly batchSize: number;
}

const trainingOf = (preset: string, change: Partial<ModelSetup> = {}): Training => ({
  model: {
    ...TINY_MODEL,
    preset,
    positions: defaultPositions(preset),
    vocabSize: 24,
    contextLength: 12,
    dModel: 16,
    nLayers: leastLayers(preset),
    dHead: 8,
    dFf: defaultDff(preset, change.dModel ?? 16),
    ...change,
  },
  optimizer: ADAMW,
  batchSize: 2,
});

const stepOf = ({ model, optimizer, batchSize }: Training): TinyTraining =>
  trainingStep(model, optimizer, batchSize, 3);

interface Outcome {
  readonly state: HostTensors;
  readonly metrics: Readonly<Record<string, number[]>>;
}

interface CompiledStep {
  /** Losses, norms of gradients and the last state of consecutive calls of so many steps each, from the beginning. */
  readonly outcome: (calls: readonly number[]) => Promise<Outcome>;
  readonly dispose: () => Promise<void>;
}

async function compiledStep(
  { program, state, inputs }: TinyTraining,
  threads: number,
  engine: Engine = native!,
): Promise<CompiledStep> {
  const executable = await engine.compileStep(program, { threads });
  return {
    async outcome(calls) {
      executable.setState(state);
      const metrics: Record<string, number[]> = {};
      let step = 1;
      for (const count of calls) {
        const results = await executable.run(count, inputs(step, count));
        for (const [name, values] of Object.entries(results))
          metrics[name] = [...(metrics[name] ?? []), ...values];
        step += count;
      }
      return { state: await executable.getState(), metrics };
    },
    dispose: () => executable.dispose(),
  };
}

async function outcome(
  engine: Engine,
  training: Training,
  calls: readonly number[],
  threads = 1,
): Promise<Outcome> {
  const compiled = await compiledStep(stepOf(training), threads, engine);
  const result = await compiled.outcome(calls);
  await compiled.dispose();
  return result;
}

function expectSameMetrics(actual: Outcome, expected: Outcome, what: string, tolerance: Tolerance): void {
  expect(Object.keys(actual.metrics)).toEqual(Object.keys(expected.metrics));
  for (const [name, values] of Object.entries(expected.metrics))
    expectClose(actual.metrics[name]!, values, `${what}, ${name}`, tolerance);
}

/** One library for so many architectures: much of what a compiler does it does once a file. */
const ARCHITECTURES_TOGETHER = 8;

/** Several steps as one. */
const stepsTogether = (programs: readonly StepProgram[]): StepProgram => ({
  state: joinedSpecs(programs.map(({ state }) => state)),
  perStep: joinedSpecs(programs.map(({ perStep }) => perStep)),
  metrics: programs.flatMap(({ metrics }, i) => metrics.map((name) => `${i}:${name}`)),
  step(state, perStep) {
    const results = programs.map(({ step }, i) => step(partOf(state, i), partOf(perStep, i)));
    return {
      state: joined(results.map((result) => result.state)),
      metrics: joined(results.map((result) => result.metrics)),
    };
  },
});

const joinedStep = (steps: readonly TinyTraining[]): TinyTraining => ({
  program: stepsTogether(steps.map(({ program }) => program)),
  state: joined(steps.map(({ state }) => state)),
  inputs: (firstStep, stepCount) => joined(steps.map(({ inputs }) => inputs(firstStep, stepCount))),
});

const architectureGroups = new Map<number, Promise<Readonly<Record<string, Float32Array>>>>();

/** Metrics of three steps of the architecture at a place in the list. */
async function nativeMetrics(index: number): Promise<Outcome['metrics']> {
  const group = Math.floor(index / ARCHITECTURES_TOGETHER);
  const compute = async (): Promise<Readonly<Record<string, Float32Array>>> => {
    const names = architectureNames().slice(
      group * ARCHITECTURES_TOGETHER,
      (group + 1) * ARCHITECTURES_TOGETHER,
    );
    const { program, state, inputs } = joinedStep(names.map((name) => stepOf(trainingOf(name))));
    const executable = await native!.compileStep(program, { threads: 1 });
    executable.setState(state);
    const metrics = await executable.run(3, inputs(1, 3));
    await executable.dispose();
    return metrics;
  };
  const metrics = architectureGroups.get(group) ?? compute();
  architectureGroups.set(group, metrics);
  return Object.fromEntries(
    Object.entries(partOf(await metrics, index % ARCHITECTURES_TOGETHER)).map(([name, values]) => [
      name,
      Array.from(values),
    ]),
  );
}

const MAIN: readonly (readonly [string, Partial<ModelSetup>, OptimizerSetup])[] = [
  ['transformer', {}, ADAMW],
  ['primer', { tiedEmbeddings: true, init: 't5' }, ADAFACTOR],
  ['t5++', {}, ADAMW],
  ['llama', {}, ADAMW],
];

const ODD: Partial<ModelSetup> = { dModel: 24, nHeads: 3, contextLength: 37, vocabSize: 101, dFf: 44 };
const odd = (preset: string): Training => ({ ...trainingOf(preset, ODD), batchSize: 3 });

describe.skipIf(native === null)('training steps of native:cpu', () => {
  it.each(architectureNames().map((preset, i) => [preset, i] as const))(
    'of %s agree with ONNX Runtime',
    async (preset, index) => {
      const expected = await outcome(ortEngine, trainingOf(preset), [3]);
      const metrics = await nativeMetrics(index);
      expectSameMetrics({ ...expected, metrics }, expected, preset, { relative: 1e-5, absolute: 0 });
    },
  );

  it.each(MAIN)('of %s %j agree with eager tfjs for 20 steps', async (preset, change, optimizer) => {
    const training = { ...trainingOf(preset, { nLayers: 2, ...change }), optimizer };
    const expected = await outcome(eager, training, [20]);
    const actual = await outcome(native!, training, [20]);
    expectSameMetrics(actual, expected, preset, { relative: 1e-5, absolute: 0 });
  });

  it.each([1, 2, 3])(
    'have the same bits however they are divided into calls, and each time, by %i threads',
    async (threads) => {
      const presets = ['transformer', 'primer', 't5++'];
      const compiled = await compiledStep(joinedStep(presets.map((preset) => stepOf(odd(preset)))), threads);
      const whole = await compiled.outcome([6]);
      expect(whole.metrics['0:loss']).toHaveLength(6);
      for (const calls of [[6], [1, 1, 1, 1, 1, 1], [3, 2, 1], [0, 5, 1]]) {
        const other = await compiled.outcome(calls);
        expect(other.metrics).toEqual(whole.metrics);
        expect(other.state).toEqual(whole.state);
      }
      await compiled.dispose();
      for (const [i, preset] of presets.entries()) {
        const expected = await outcome(ortEngine, odd(preset), [6]);
        const actual = { ...expected, metrics: partOf(whole.metrics, i) };
        expectSameMetrics(actual, expected, preset, { relative: 1e-5, absolute: 0 });
      }
    },
  );

  it('leave the state as it was where a call fails', async () => {
    const training = trainingOf('transformer');
    const { state, program, inputs } = stepOf(training);
    const executable = await native!.compileStep(program, { threads: 2 });
    executable.setState(state);
    expect(await executable.getState()).toEqual(state);
    await executable.run(2, inputs(1, 2));
    const before = await executable.getState();
    const good = inputs(3, 2);
    const short = { ...good, targets: good['targets']!.slice(1) };
    await expect(executable.run(2, short)).rejects.toThrow(/input "targets" has 47 values instead of 48/);
    await expect(executable.run(3, good)).rejects.toThrow(/instead of/);
    const without = Object.fromEntries(Object.entries(good).filter(([name]) => name !== 'inputs'));
    await expect(executable.run(2, without)).rejects.toThrow(/input "inputs" has no values/);
    expect(() => {
      executable.setState({ ...state, [program.state.at(-1)!.name]: new Float32Array(1) });
    }).toThrow(/has 1 values/);
    expect(await executable.getState()).toEqual(before);
    const after = await executable.run(2, good);
    const copy = await executable.getState();
    expect(copy).not.toEqual(before);

    executable.setState(before);
    expect(await executable.run(2, good)).toEqual(after);
    expect(await executable.getState()).toEqual(copy);

    await executable.dispose();
    await expect(executable.run(2, good)).rejects.toThrow(/closed/);
    await expect(executable.getState()).rejects.toThrow(/closed/);
  });

  it('have a loss of NaN, and no other consequence, where a token is none or a parameter is NaN', async () => {
    const { state, program, inputs } = stepOf(trainingOf('transformer'));
    const executable = await native!.compileStep(program, { threads: 2 });
    const [loss] = await fresh(executable, state, inputs(1, 1));
    expect(loss).toBeGreaterThan(0);
    for (const token of [24, 99, 2 ** 31 - 1, -25, -(2 ** 31)]) {
      const good = inputs(1, 1);
      const outside = (values: HostArray): Int32Array => Int32Array.from(values).fill(token, 5, 6);
      expect(
        await fresh(executable, state, { ...good, inputs: outside(good['inputs']!) }),
        `input ${token}`,
      ).toEqual([NaN]);
    }
    const poisoned = { ...state, 'param/output': state['param/output']!.slice().fill(NaN, 0, 1) };
    expect(await fresh(executable, poisoned, inputs(1, 1))).toEqual([NaN]);
    expect(await fresh(executable, state, inputs(1, 1))).toEqual([loss]);
    await executable.dispose();
  });
});

/** The loss of one step from a state. */
async function fresh(executable: Executable, state: HostTensors, inputs: HostTensors): Promise<number[]> {
  executable.setState(state);
  return Array.from((await executable.run(1, inputs))['loss']!);
}
