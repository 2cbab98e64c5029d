/** Records of runs, sweeps and timings that the store's tests share. */
import type { RunRecord, SweepRecord, Timings, TrainRow } from '../../src/store/record.js';

/** A run key that is valid and easy to read in a failing test. */
export function key(number: number): string {
  return number.toString(16).padStart(16, '0');
}

export interface RunOptions {
  runKey?: string;
  sweep?: string;
  arch?: string;
  positions?: 'absolute' | 'relative' | 'rotary';
  dModel?: number;
  seed?: number;
  steps?: number;
  learningRate?: number;
  budgetFlops?: number;
  status?: RunRecord['status'];
  valLossNats?: number;
  testLossNats?: number;
}

/** A run of 1,000 tokens a step and 1e6 x dModel FLOPs a step, finished unless told otherwise. */
export function makeRun(options: RunOptions = {}): RunRecord {
  const { sweep = 'quick', arch = 'transformer', positions = 'absolute', dModel = 32, seed = 0 } = options;
  const {
    steps = 300,
    learningRate = 0.01,
    status = 'done',
    valLossNats = 4.1,
    testLossNats = 4.2,
  } = options;
  const runKey = options.runKey ?? key(1);
  const flopsPerStep = 1e6 * dModel;
  const isDone = status === 'done';
  return {
    format: 1,
    runKey,
    sweep,
    arch,
    setup: {
      model: {
        preset: arch,
        positions,
        vocabSize: 1024,
        contextLength: 128,
        dModel,
        nLayers: 2,
        nHeads: 4,
        dHead: dModel / 4,
        dFf: 4 * dModel,
        tiedEmbeddings: true,
        init: 'small',
      },
      optimizer: {
        kind: 'adamw',
        learningRate,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        weightDecay: 0.1,
        clipNorm: 1,
      },
      schedule: { kind: 'cosine', warmupFraction: 0.05, finalFraction: 0.1 },
      steps,
      batchSize: 8,
      seed,
      corpus: 'sotu',
      evalTokens: 32768,
      precision: 'f32',
    },
    keyParts: { flopRule: 1, numerics: 1 },
    paramsTotal: 1024 * dModel + 24 * dModel * dModel,
    paramsNonEmbedding: 24 * dModel * dModel,
    paramsActive: 1024 * dModel + 24 * dModel * dModel,
    paramsByGroup: { embedding: 1024 * dModel, blocks: 24 * dModel * dModel },
    flopsPerStep,
    flopsMatmulPerStep: 0.8 * flopsPerStep,
    flopsByKind: { matmul: 0.8 * flopsPerStep, elementwise: 0.2 * flopsPerStep },
    tokensPerStep: 1000,
    tokens: 1000 * steps,
    epochs: 0.25,
    flops: flopsPerStep * steps,
    flopsMatmul: 0.8 * flopsPerStep * steps,
    budgetFlops: options.budgetFlops ?? 1e10,
    trunk: runKey,
    status,
    cause: status === 'failed' ? 'The worker ran out of memory.' : null,
    stepsDone: isDone ? steps : Math.floor(steps / 2),
    final: isDone
      ? {
          val: { lossNats: valLossNats, bitsPerByte: valLossNats / 2, tokens: 32640 },
          test: { lossNats: testLossNats, bitsPerByte: testLossNats / 2, tokens: 32512 },
        }
      : null,
    execution: {
      engine: 'ort',
      engineVersion: '1.30.0',
      cpuModel: 'A CPU',
      threads: 1,
      stepsPerCall: 8,
      nodeVersion: 'v20.0.0',
      isolossVersion: '0.1.0',
      host: 'a-host',
      startedAt: '2025-01-01T00:00:00.000Z',
      finishedAt: isDone ? '2025-01-01T00:01:00.000Z' : null,
      trainSeconds: 60,
      resumes: 0,
    },
  };
}

/** A sweep that lists the runs, under their own labels and budgets unless told otherwise. */
export function makeSweep(
  name: string,
  runs: readonly RunRecord[],
  changes: { arch?: string; budgetFlops?: number } = {},
): SweepRecord {
  return {
    format: 1,
    name,
    title: `The ${name} study`,
    description: null,
    source: `name: ${name}\n`,
    sourceSha256: '0'.repeat(64),
    resolved: { name, corpus: 'sotu' },
    baselines: ['transformer'],
    runs: runs.map((run) => ({
      runKey: run.runKey,
      arch: changes.arch ?? run.arch,
      positions: run.setup.model.positions,
      budgetFlops: changes.budgetFlops ?? run.budgetFlops,
      dModel: run.setup.model.dModel,
      nLayers: run.setup.model.nLayers,
      seed: run.setup.seed,
    })),
  };
}

/** Timings of d 32 and d 48 of the plain architecture. */
export function makeTimings(): Timings {
  const shape = { arch: 'transformer', nLayers: 2, batchSize: 8, contextLength: 128, vocabSize: 1024 };
  return {
    format: 1,
    hardware: 'A CPU, 2 cores, 2 workers of 1 thread, ort 1.30.0, f32',
    measuredAt: '2025-01-01T01:00:00.000Z',
    probeGflops: [350, 352.5, 351],
    timings: [
      { ...shape, dModel: 32, dFf: 128, secondsPerStep: 0.01, madSeconds: 0.0005, rounds: 5 },
      { ...shape, dModel: 48, dFf: 192, secondsPerStep: 0.02, madSeconds: 0.0005, rounds: 5 },
    ],
  };
}

/** The training row of a step of `makeRun`'s runs, with a loss that falls. */
export function trainRow(step: number, dModel = 32): TrainRow {
  return {
    kind: 'train',
    step,
    tokens: 1000 * step,
    flops: 1e6 * dModel * step,
    lossNats: 4 + 3 / step,
    lr: 0.01,
    gradNorm: 0.5,
    wallSeconds: step / 100,
  };
}
