/** A timing process: compiles the models of a sweep once and times single calls of them when asked. */
import { rawRateProbe, measureRawRate, type RawRateProbe } from '../engine/rawRate.js';
import { openEngine } from '../engine/engines.js';
import type { EngineOptions, Engine } from '../engine/executable.js';
import { providerOf } from '../engine/ortSession.js';
import { loadVariants } from '../models/loadVariant.js';
import { defaultModelCache } from '../store/modelCache.js';
import { compileTraining, madeUpTokens, stackStepInputs, type StepRunner } from '../train/stepRunner.js';
import type { FromTimer, TimedModel, ToTimer } from './timing.js';

/** Calls of one measurement; the fastest counts, since load from elsewhere only slows a call down. */
const CALLS = 2;
const PROBE_CALLS = 4;

interface Compiled {
  readonly runner: StepRunner;
  readonly inputs: Record<string, Int32Array | Float32Array>;
}

let compiled: Compiled[] = [];
let probe: RawRateProbe | null = null;
let stepsPerCall = 1;

async function compile(timed: TimedModel, engine: Engine, options: EngineOptions): Promise<Compiled> {
  const runner = await compileTraining(engine, { ...timed, seed: 0 }, options);
  const { contextLength, vocabSize } = timed.model;
  const batch = { batchSize: timed.batchSize, contextLength };
  const tokens = madeUpTokens(runner.model, batch, stepsPerCall, vocabSize);
  const scalars = stackStepInputs(runner, 1, stepsPerCall, () => timed.optimizer.learningRate);
  const inputs = { ...tokens, ...scalars };
  await runner.executable.run(stepsPerCall, inputs);
  return { runner, inputs };
}

async function handle(request: ToTimer): Promise<FromTimer> {
  switch (request.kind) {
    case 'compile': {
      ({ stepsPerCall } = request);
      const { threads, precision } = request;
      const engine = await openEngine(request.engine, { threads });
      await loadVariants(request.variantFiles);
      const cache = defaultModelCache();
      compiled = [];
      for (const timed of request.models)
        compiled.push(await compile(timed, engine, { threads, precision, cache }));
      probe ??= await rawRateProbe(threads, providerOf(request.engine));
      return { kind: 'compiled' };
    }
    case 'probe':
      if (probe === null) throw new Error('asked for the raw rate before compiling');
      return { kind: 'value', value: await measureRawRate(probe, PROBE_CALLS) };
    case 'time': {
      const { runner, inputs } = compiled[request.index]!;
      let best = Infinity;
      for (let i = 0; i < CALLS; i++) {
        const start = performance.now();
        await runner.executable.run(stepsPerCall, inputs);
        best = Math.min(best, performance.now() - start);
      }
      return { kind: 'value', value: best / 1000 / stepsPerCall };
    }
    default:
      return request satisfies never;
  }
}

process.on('message', (request: ToTimer) => {
  handle(request)
    .catch((error: unknown): FromTimer => ({
      kind: 'error',
      message: error instanceof Error ? error.message : String(error),
    }))
    .then(
      (answer) => process.send?.(answer),
      () => process.exit(1),
    );
});
process.on('disconnect', () => process.exit(0));
