/** The files of a run directory, as zod schemas: run.json and the rows of metrics.jsonl. The directory is the truth. */
import { z } from 'zod';
import { PRECISIONS } from '../engine/engineNames.js';

export const runStatusSchema = z.enum(['planned', 'running', 'interrupted', 'done', 'diverged', 'failed']);

/** A row of metrics.jsonl for one training step. `lossNats` and `gradNorm` are null where they were not finite. */
export const trainRowSchema = z.object({
  kind: z.literal('train'),
  step: z.number().int().positive(),
  tokens: z.number().int(),
  flops: z.number(),
  lossNats: z.number().nullable(),
  lr: z.number(),
  gradNorm: z.number().nullable(),
  wallSeconds: z.number(),
});

/** A row of metrics.jsonl for one evaluation of a held-out split. */
export const evalRowSchema = z.object({
  kind: z.literal('eval'),
  split: z.enum(['val', 'test']),
  metric: z.string().default('loss'),
  step: z.number().int().nonnegative(),
  tokens: z.number().int(),
  lossNats: z.number().nullable(),
  bitsPerByte: z.number().nullable(),
  /** Summed nats and predicted tokens by document, for errors by document. */
  byDocument: z
    .array(z.object({ document: z.number().int(), nats: z.number(), tokens: z.number().int() }))
    .optional(),
});

export const metricRowSchema = z.discriminatedUnion('kind', [trainRowSchema, evalRowSchema]);

export const modelSetupSchema = z.object({
  /** Name in the registry, such as `primer-ez`. */
  preset: z.string(),
  positions: z.enum(['absolute', 'relative', 'rotary']),
  vocabSize: z.number().int().positive(),
  contextLength: z.number().int().positive(),
  dModel: z.number().int().positive(),
  nLayers: z.number().int().positive(),
  nHeads: z.number().int().positive(),
  dHead: z.number().int().positive(),
  dFf: z.number().int().positive(),
  tiedEmbeddings: z.boolean(),
  init: z.enum(['small', 't5']),
});

export const optimizerSetupSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('adamw'),
    learningRate: z.number().positive(),
    beta1: z.number().min(0).lt(1),
    beta2: z.number().min(0).lt(1),
    epsilon: z.number().positive(),
    weightDecay: z.number().nonnegative(),
    clipNorm: z.number().positive().nullable(),
  }),
  z.object({
    kind: z.literal('adafactor'),
    learningRate: z.number().positive(),
    weightDecay: z.number().nonnegative(),
    clipNorm: z.number().positive().nullable(),
  }),
]);

const warmupFraction = z.number().min(0).max(1).describe('Share of the steps over which the rate rises.');
const finalFraction = z.number().min(0).max(1).describe('Rate of the last step over the peak.');

export const scheduleSetupSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('cosine').describe('Warm-up, then half a cosine.'),
    warmupFraction,
    finalFraction,
  }),
  z.object({
    kind: z.literal('rsqrt').describe('Warm-up, then the reciprocal square root of the step.'),
    warmupSteps: z.number().int().positive().describe('Steps over which the rate rises.'),
  }),
  z.object({
    kind: z.literal('wsd').describe('Warm-up, stable, linear decay: budgets of one size share a trunk.'),
    /** In steps, not a share of them, so that runs of different lengths are one until the shorter one cools down. */
    warmupSteps: z.number().int().nonnegative().describe('Steps over which the rate rises.'),
    decayFraction: z
      .number()
      .min(0)
      .max(1)
      .describe('Share of the steps, the last ones, over which it falls.'),
    finalFraction,
  }),
  z.object({ kind: z.literal('constant').describe('Warm-up, then one rate.'), warmupFraction }),
]);

/** Everything that decides the numbers of a run, apart from the token streams and the graphs that follow from it. */
export const runSetupSchema = z.object({
  model: modelSetupSchema,
  optimizer: optimizerSetupSchema,
  schedule: scheduleSetupSchema,
  steps: z.number().int().positive(),
  batchSize: z.number().int().positive(),
  seed: z.number().int().nonnegative(),
  /** Id of a prepared corpus (`src/data`), the vocabulary size being the model's. */
  corpus: z.string(),
  /** Predicted tokens per held-out split; whole windows, so the number evaluated may be up to one window less. */
  evalTokens: z.number().int().positive(),
  /** Of the matrix products of a training step; state and evaluation are f32. */
  precision: z.enum(PRECISIONS),
});

const finalLossSchema = z.object({
  lossNats: z.number().nullable(),
  bitsPerByte: z.number().nullable(),
  tokens: z.number().int(),
});

/** run.json. Written when the run is claimed and replaced (written aside, renamed) whenever its status changes. */
export const runRecordSchema = z.object({
  format: z.literal(1),
  runKey: z.string().regex(/^[0-9a-f]{16}$/),
  /** The sweep under whose folder the directory lies. */
  sweep: z.string(),
  /** Label shown to people, such as `primer-ez` or `primer-ez@rotary`. */
  arch: z.string(),
  setup: runSetupSchema,
  /** What the key was hashed from (graph hashes, initial values, streams, rules), so that a key can be explained. */
  keyParts: z.record(z.string(), z.unknown()),
  paramsTotal: z.number().int(),
  paramsNonEmbedding: z.number().int(),
  paramsActive: z.number().int(),
  paramsByGroup: z.record(z.string(), z.number().int()),
  flopsPerStep: z.number(),
  flopsMatmulPerStep: z.number(),
  flopsByKind: z.record(z.string(), z.number()),
  tokensPerStep: z.number().int(),
  tokens: z.number().int(),
  epochs: z.number(),
  flops: z.number(),
  flopsMatmul: z.number(),
  budgetFlops: z.number(),
  /** Runs with the same value are one run up to where the shorter one cools down; the run's own key where it shares nothing. */
  trunk: z.string(),
  status: runStatusSchema,
  /** Why the run failed, diverged or was interrupted, in a sentence. */
  cause: z.string().nullable(),
  stepsDone: z.number().int().nonnegative(),
  final: z.object({ val: finalLossSchema, test: finalLossSchema }).nullable(),
  /** Where and with what it ran; a cut-off run goes on only where these are equal. */
  execution: z
    .object({
      engine: z.string(),
      engineVersion: z.string(),
      /** What the engine computed on; not there in records from before engines had a choice, which ran on the CPU. */
      device: z.string().optional(),
      cpuModel: z.string(),
      threads: z.number().int(),
      stepsPerCall: z.number().int(),
      nodeVersion: z.string(),
      isolossVersion: z.string(),
      host: z.string(),
      startedAt: z.string(),
      finishedAt: z.string().nullable(),
      /** Seconds spent in training calls, evaluation and compilation excluded. */
      trainSeconds: z.number(),
      resumes: z.number().int(),
      /** Why earlier attempts at this run came to no end, and after which step; the last ones, where there were many. */
      interruptions: z.array(z.object({ step: z.number().int(), cause: z.string() })).optional(),
      /** The run of the same trunk whose first steps were taken over instead of being trained again. */
      branch: z.object({ runKey: z.string(), step: z.number().int().positive() }).optional(),
    })
    .nullable(),
});

/** Whether a run has its final record. A failed one has not: it is tried again when its sweep is run again. */
export function hasEnded({ status }: { readonly status: z.infer<typeof runStatusSchema> }): boolean {
  return status === 'done' || status === 'diverged';
}

export type TrainRow = z.infer<typeof trainRowSchema>;
export type EvalRow = z.infer<typeof evalRowSchema>;
export type MetricRow = z.infer<typeof metricRowSchema>;
export type ModelSetup = z.infer<typeof modelSetupSchema>;
export type OptimizerSetup = z.infer<typeof optimizerSetupSchema>;
export type ScheduleSetup = z.infer<typeof scheduleSetupSchema>;
export type RunSetup = z.infer<typeof runSetupSchema>;
export type RunRecord = z.infer<typeof runRecordSchema>;

/** One timed (architecture, size) of timings.json, written by `isoloss time`. */
export const timingSchema = z.object({
  arch: z.string(),
  dModel: z.number().int(),
  nLayers: z.number().int(),
  dFf: z.number().int(),
  batchSize: z.number().int(),
  contextLength: z.number().int(),
  vocabSize: z.number().int(),
  /** Median over the rounds, evaluation, compilation and checkpoints excluded. */
  secondsPerStep: z.number().positive(),
  /** Median absolute deviation over the rounds. */
  madSeconds: z.number().nonnegative(),
  rounds: z.number().int(),
});

/** results/<sweep>/timings.json */
export const timingsSchema = z.object({
  format: z.literal(1),
  /** CPU or GPU model, cores, workers, threads, engine, precision; no ratio across different strings. */
  hardware: z.string(),
  measuredAt: z.string(),
  /** Raw f32 matrix rate of each kept round, GFLOP/s, the probe against load from elsewhere. */
  probeGflops: z.array(z.number()),
  timings: z.array(timingSchema),
});

/** results/<sweep>/sweep.json: the resolved sweep and the keys of its runs, wherever their directories lie. */
export const sweepRecordSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  title: z.string().nullable(),
  description: z.string().nullable(),
  /** The sweep file's text as it was read, for the report's "how to reproduce". */
  source: z.string(),
  sourceSha256: z.string(),
  resolved: z.record(z.string(), z.unknown()),
  baselines: z.array(z.string()),
  runs: z.array(
    z.object({
      runKey: z.string(),
      arch: z.string(),
      positions: z.string(),
      budgetFlops: z.number(),
      dModel: z.number().int(),
      nLayers: z.number().int(),
      seed: z.number().int(),
    }),
  ),
});

export type Timing = z.infer<typeof timingSchema>;
export type Timings = z.infer<typeof timingsSchema>;
export type SweepRecord = z.infer<typeof sweepRecordSchema>;
