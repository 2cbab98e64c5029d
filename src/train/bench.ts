/** Training speed of an architecture at a size: tokens/s, achieved GFLOP/s and the share of the machine's raw matrix rate. */
import { Bench } from 'tinybench';
import type { EngineName, Precision } from '../engine/engineNames.js';
import type { ModelCache } from '../engine/executable.js';
import { openEngine } from '../engine/engines.js';
import { providerOf } from '../engine/ortSession.js';
import { measureRawRate, rawRateProbe } from '../engine/rawRate.js';
import { defaultDff, defaultPositions } from '../models/registry.js';
import type { ModelSetup } from '../store/record.js';
import { describeModel } from './describe.js';
import { SMALL_SCALE_ADAMW } from './optimizers.js';
import { compileTraining, madeUpTokens, stackStepInputs } from './stepRunner.js';

export interface BenchCase {
  readonly preset: string;
  readonly positions?: ModelSetup['positions'] | undefined;
  readonly dModel: number;
  readonly nLayers: number;
  readonly batchSize: number;
  readonly contextLength: number;
  readonly vocabSize: number;
}

export interface BenchOptions {
  readonly engine: EngineName;
  readonly precision: Precision;
  readonly threads: number;
  readonly stepsPerCall: number;
  /** Where compiled models are kept; none where not given. */
  readonly cache?: ModelCache | undefined;
  /** Milliseconds of measuring for each of the rounds. */
  readonly roundMs: number;
  /** The best of so many rounds counts: load from elsewhere only slows a round down. */
  readonly rounds: number;
}

export interface BenchResult extends BenchCase {
  readonly positions: ModelSetup['positions'];
  readonly engine: EngineName;
  readonly engineVersion: string;
  readonly device: string;
  readonly precision: Precision;
  readonly threads: number;
  readonly tokensPerSecond: number;
  /** By FLOP rule 1. */
  readonly gflopsPerSecond: number;
  /**
   * f32 matrix rate through ONNX Runtime on the engine's device with as many threads, measured in the same process around the
   * rounds; the CPU's for the engines of TensorFlow.js.
   */
  readonly rawGflopsPerSecond: number;
  readonly rawShare: number;
  /** Tracing, encoding, loading, initial values. */
  readonly compileSeconds: number;
  /** Whether what was loaded had been compiled and kept before. */
  readonly fromCache: boolean;
  /** Tokens/s of each round, best first. */
  readonly roundTokensPerSecond: readonly number[];
}

const N_HEADS = 4;

export const modelOf = ({
  preset,
  positions,
  dModel,
  nLayers,
  contextLength,
  vocabSize,
}: BenchCase): ModelSetup => ({
  preset,
  positions: positions ?? defaultPositions(preset),
  vocabSize,
  contextLength,
  dModel,
  nLayers,
  nHeads: N_HEADS,
  dHead: dModel / N_HEADS,
  dFf: defaultDff(preset, dModel),
  tiedEmbeddings: false,
  init: 'small',
});

/** A cache that remembers whether it had what it was asked for. */
function watched(cache: ModelCache | undefined): { cache: ModelCache | undefined; wasFound: () => boolean } {
  let found = false;
  if (cache === undefined) return { cache, wasFound: () => false };
  const load = (key: string): Uint8Array | null => {
    const bytes = cache.load(key);
    found = bytes !== null;
    return bytes;
  };
  return { cache: { ...cache, load }, wasFound: () => found };
}

/** Measures one case on an engine. Tokens are made up: speed does not depend on them. */
export async function benchTraining(benchCase: BenchCase, options: BenchOptions): Promise<BenchResult> {
  const model = modelOf(benchCase);
  const cost = describeModel(model, benchCase.batchSize);
  const { threads, stepsPerCall, rounds, precision } = options;
  const engine = await openEngine(options.engine, { threads });
  const compileStart = performance.now();
  const setup = { model, optimizer: SMALL_SCALE_ADAMW, batchSize: benchCase.batchSize, seed: 0 };
  const { cache, wasFound } = watched(options.cache);
  const runner = await compileTraining(engine, setup, { threads, precision, cache });
  const { executable } = runner;
  const compileSeconds = (performance.now() - compileStart) / 1000;
  const tokensPerStep = benchCase.batchSize * benchCase.contextLength;
  const inputs = {
    ...madeUpTokens(runner.model, benchCase, stepsPerCall, benchCase.vocabSize),
    ...stackStepInputs(runner, 1, stepsPerCall, () => SMALL_SCALE_ADAMW.learningRate),
  };
  await executable.run(stepsPerCall, inputs);
  const probe = await rawRateProbe(threads, providerOf(options.engine));
  const rates: number[] = [];
  let raw = 0;
  for (let round = 0; round < rounds; round++) {
    raw = Math.max(raw, await measureRawRate(probe, 5));
    const bench = new Bench({ time: options.roundMs, warmup: false, iterations: 3 });
    bench.add('call', async () => {
      await executable.run(stepsPerCall, inputs);
    });
    await bench.run();
    const result = bench.tasks[0]!.result;
    if (!('latency' in result))
      throw new Error(`the bench of ${benchCase.preset} did not finish: ${result.state}`);
    rates.push((tokensPerStep * stepsPerCall * 1000) / result.latency.p50);
  }
  raw = Math.max(raw, await measureRawRate(probe, 5));
  await probe.dispose();
  await executable.dispose();
  const tokensPerSecond = Math.max(...rates);
  const gflopsPerSecond = (tokensPerSecond * cost.flopsPerStep) / tokensPerStep / 1e9;
  return {
    ...benchCase,
    positions: model.positions,
    engine: engine.info.name,
    engineVersion: engine.info.version,
    device: engine.info.device,
    precision,
    threads,
    tokensPerSecond,
    gflopsPerSecond,
    rawGflopsPerSecond: raw,
    rawShare: gflopsPerSecond / raw,
    compileSeconds,
    fromCache: wasFound(),
    roundTokensPerSecond: rates.toSorted((a, b) => b - a),
  };
}
