/** The sweep file as a zod schema: the one definition behind its checks, its types and the editors' JSON Schema. */
import { z } from 'zod';
import { DEFAULT_ENGINE, ENGINE_NAMES, PRECISIONS } from '../engine/engineNames.js';
import { scheduleSetupSchema } from '../store/record.js';
import { LEAST_LEARNING_RATE, LIMITS } from './limits.js';
import { slurmSchema } from './slurmSettings.js';
import { type ArchitectureCatalogue, architectureSpellings, POSITIONS } from './architecture.js';

const wholePositive = z.number().int().positive();
const upTo = (most: number) => wholePositive.max(most);
const rate = z.number().min(LEAST_LEARNING_RATE).max(LIMITS.learningRate);
const sizeName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
const seedList = z.array(z.number().int().nonnegative()).min(1);
/** A name that can be a folder's or a file's. */
const sweepName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

const sizeSchema = z
  .strictObject({
    dModel: upTo(LIMITS.dModel).describe('Width of the residual stream.'),
    nLayers: upTo(LIMITS.nLayers).describe('Decoder layers.'),
    nHeads: upTo(LIMITS.nHeads).describe('Attention heads.'),
    dHead: upTo(LIMITS.dModel).optional().describe('Width of a head; dModel / nHeads where not given.'),
    dFf: upTo(LIMITS.dFf)
      .optional()
      .describe(
        'Width of the feed-forward layer, taken as it is by every architecture, gated ones too. Where not given: 4 x dModel, and 2/3 of that (rounded to a multiple of 4) where the layer is gated.',
      ),
    ffMultiple: wholePositive
      .optional()
      .describe(
        'Instead of dFf: width of the feed-forward layer over dModel, 4 where not given; a gated layer gets 2/3 of it.',
      ),
  })
  .refine(({ dFf, ffMultiple }) => dFf === undefined || ffMultiple === undefined, {
    message: 'give dFf or ffMultiple, not both',
    path: ['ffMultiple'],
  })
  .describe('A model size.');

const weightDecay = z
  .number()
  .nonnegative()
  .describe('Times the rate, off the matrices: not off embeddings, norms, biases or convolution kernels.');

const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('adamw').describe('AdamW (Loshchilov and Hutter 2019).'),
    beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment.'),
    beta2: z.number().min(0).lt(1).default(0.95).describe('Decay of the second moment.'),
    epsilon: z.number().positive().default(1e-8).describe('Added to the root of the second moment.'),
    weightDecay: weightDecay.default(0.1),
    clipNorm: z
      .number()
      .positive()
      .nullable()
      .default(1)
      .describe('Largest global gradient norm; null for no clipping.'),
  }),
  z.strictObject({
    kind: z
      .literal('adafactor')
      .describe('Adafactor (Shazeer and Stern 2018) as Mesh TensorFlow has it, without momentum.'),
    weightDecay: weightDecay.default(0),
    clipNorm: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe('Largest global gradient norm; null for no clipping.'),
  }),
]);

/** The schedules of a run, with keys outside the schema refused. */
const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject(scheduleSetupSchema.options[0].shape),
  z.strictObject(scheduleSetupSchema.options[1].shape),
  z.strictObject(scheduleSetupSchema.options[2].shape),
  z.strictObject(scheduleSetupSchema.options[3].shape),
]);

/** Settings that a tuning sweep may differ in from the sweep that uses its rates, if that sweep says so. */
export const PROTOCOL_KEYS = [
  'corpus',
  'vocabSize',
  'contextLength',
  'batchSize',
  'optimizer',
  'schedule',
  'tiedEmbeddings',
  'init',
] as const;

const gridOfRates = {
  grid: z.array(rate).min(3).describe('Rates in rising order, each twice the one before.'),
  extend: z
    .number()
    .int()
    .nonnegative()
    .default(4)
    .describe(
      'Most rates added at each end of the grid, for every architecture of a size, while the best rate of one of them lies there.',
    ),
};

/** How tuned rates are carried over. */
const transferOfRates = {
  transfer: z
    .enum(['none', 'inverse-width'])
    .default('none')
    .describe(
      'Rates of sizes that were not tuned: none, or the rate that was tuned nearest in width and budget together, times the ratio of the widths.',
    ),
  check: z
    .boolean()
    .default(false)
    .describe(
      "Afterwards try half and twice the rate on each architecture's best size at its largest budget; the report says whether the rates hold there.",
    ),
};

const learningRateSchema = z.union([
  rate.describe('One rate for every run.'),
  z
    .strictObject({
      base: rate.describe('Rate up to the reference width.'),
      referenceWidth: z.number().positive().describe('dModel above which the rate falls as 1 / dModel.'),
    })
    .describe('base x min(1, referenceWidth / dModel).'),
  z
    .strictObject(gridOfRates)
    .describe(
      'A tuning sweep: every cell is trained at each rate, and the best ones are written to NAME.tuned.json.',
    ),
  z
    .strictObject({
      tuned: z
        .union([sweepName, z.array(sweepName).min(1)])
        .describe(
          'Name of the tuning sweep whose NAME.tuned.json gives the rate of each architecture and size; of several, the one that was tuned at the budget nearest to the run’s gives it.',
        ),
      factors: z
        .array(z.number().positive().max(LIMITS.learningRate))
        .min(1)
        .optional()
        .describe(
          'Train every cell at each of these multiples of the tuned rate, to check that it transfers.',
        ),
      acceptDifferent: z
        .array(z.enum(PROTOCOL_KEYS))
        .optional()
        .describe('Settings in which this sweep knowingly differs from the tuning sweep.'),
      ...transferOfRates,
    })
    .describe('The rates that a tuning sweep has found.'),
  z
    .strictObject({
      tune: z
        .strictObject({
          ...gridOfRates,
          flops: z.number().positive().describe('Training compute of a trial, in FLOPs.'),
          sizes: z
            .array(z.string())
            .min(1)
            .optional()
            .describe('Sizes that are tuned; where not given, all that the cells use.'),
          seeds: seedList.default([0]).describe('Seeds of every trial.'),
          evalTokens: wholePositive
            .optional()
            .describe("Held-out tokens of a trial; the sweep's where not given."),
        })
        .describe('What is tried.'),
      ...transferOfRates,
    })
    .describe(
      'Tuned first, as the sweep NAME-lr: every architecture over the same grid, budget, sizes and seeds; the best rates are kept in NAME-lr.tuned.json and then used.',
    ),
]);

const budgetSchema = z.strictObject({
  flops: z
    .number()
    .positive()
    .describe('Training compute of a run, in FLOPs; the number of steps follows from it.'),
  sizes: z
    .union([z.array(z.string()).min(1), z.literal('auto')])
    .describe(
      'Names of sizes trained at this budget; auto: for each architecture those around its predicted optimum, and more on the side where the best lies at the end.',
    ),
  seeds: seedList.default([0]).describe('Seeds of every size of this budget.'),
  repeat: z
    .strictObject({
      sizes: z.array(z.string()).min(1).describe('Sizes trained with them.'),
      seeds: seedList.describe('The further seeds.'),
    })
    .optional()
    .describe('Further seeds for some of the sizes, usually those nearest the optimum.'),
});

/**
 * Schema of a sweep file.
 *
 * @param catalogue gives the architecture names that editors offer; what is not in it is refused when a file is
 *   read, with the nearest name, so the schema itself takes any string
 */
export function sweepFileSchema(catalogue: ArchitectureCatalogue) {
  const architectureSchema = z.union([
    z.string().meta({
      description: 'A preset, alone or as PRESET@POSITIONS.',
      enum: architectureSpellings(catalogue),
    }),
    z.strictObject({
      preset: z.string().meta({ enum: [...catalogue.architectureNames()] }),
      positions: z.enum(POSITIONS).optional().describe("The preset's own where not given."),
    }),
  ]);
  return z.strictObject({
    name: sweepName.describe('Name of the sweep, the same as that of its file; results go to results/NAME.'),
    title: z.string().optional().describe('One line for the head of the report.'),
    description: z.string().optional().describe('What the sweep shows, what it costs and what to expect.'),
    corpus: z
      .string()
      .min(1)
      .describe(
        "`sotu`, a name given by `isoloss data add`, a path or glob to text files relative to this file's folder, or hf:OWNER/NAME (docs/data.md).",
      ),
    corpusTokens: z
      .number()
      .positive()
      .optional()
      .describe(
        'Training tokens of the corpus as far as they are known beforehand: what a plan counts epochs by on a machine that has not got the corpus. Nothing else rests on it.',
      ),
    vocabSize: z
      .number()
      .int()
      .min(257)
      .max(LIMITS.vocabSize)
      .describe('Tokens of the byte-level BPE tokenizer trained on the training split.'),
    contextLength: upTo(LIMITS.contextLength).describe('Tokens a sequence.'),
    batchSize: upTo(LIMITS.batchSize).describe('Sequences a step, the same for every run of the sweep.'),
    evalTokens: wholePositive
      .default(32768)
      .describe('Held-out tokens evaluated at the end of a run, for each split.'),
    variants: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "Files of architectures of your own, relative to this file's folder; the cells name them like presets.",
      ),
    baselines: z.array(z.string()).default([]).describe('Architectures over which speedups are reported.'),
    tiedEmbeddings: z.boolean().default(false).describe('Whether the output matrix is the embedding matrix.'),
    init: z
      .enum(['small', 't5'])
      .default('small')
      .describe('Initial values: `small` for AdamW at small scale, `t5` as in the T5 release.'),
    optimizer: optimizerSchema.describe('How gradients become updates.').default({
      kind: 'adamw',
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      clipNorm: 1,
    }),
    schedule: scheduleSchema
      .describe('How the rate moves over a run.')
      .default({ kind: 'cosine', warmupFraction: 0.05, finalFraction: 0.1 }),
    learningRate: learningRateSchema.describe('Peak rates: given, tuned before, or tuned first.'),
    sizes: z.record(sizeName, sizeSchema).describe('Model sizes by name.'),
    cells: z
      .array(
        z.strictObject({
          architectures: z
            .array(architectureSchema)
            .min(1)
            .describe('Presets and variants, alone (the positions being their own) or as NAME@POSITIONS.'),
          budgets: z.array(budgetSchema).min(1).describe('Budgets of all of them.'),
        }),
      )
      .min(1)
      .describe(
        'Blocks of the grid: each architecture of a block is trained at each of its budgets, sizes and seeds.',
      ),
    workers: z
      .union([z.literal('auto'), upTo(LIMITS.workers)])
      .default('auto')
      .describe(
        'Runs trained at the same time, each in a process of its own; auto: as many as the cores and the memory of the machine allow.',
      ),
    threads: z
      .union([z.literal('auto'), upTo(LIMITS.threads)])
      .default('auto')
      .describe(
        'Threads of a worker; auto: 1, or in a sweep of more than ten minutes, where workers are auto too, what gave most tokens/s when it was begun (spread.json beside its results). Results are the same bit for bit only at the same number of threads.',
      ),
    engine: z
      .enum(ENGINE_NAMES)
      .default(DEFAULT_ENGINE)
      .describe(
        'What trains the runs (docs/engines.md); --engine and ISOLOSS_ENGINE go before it. Not part of a run key: losses agree across engines to a tolerance, not bit for bit.',
      ),
    precision: z
      .enum(PRECISIONS)
      .default('f32')
      .describe(
        'Arithmetic of the matrix products of a training step; state, everything else and the evaluation are f32. Part of a run key.',
      ),
    stepsPerCall: wholePositive
      .default(8)
      .describe('Training steps a call of the engine; no effect on results.'),
    checkpointSeconds: z
      .number()
      .nonnegative()
      .optional()
      .describe(
        'Seconds of training between two checkpoints of a run; where not given 10, or 20 times as long as writing one takes. No effect on results.',
      ),
    slurm: slurmSchema
      .optional()
      .describe('How `isoloss run --executor slurm` submits its jobs; no effect on results.'),
    allowEpochs: z
      .number()
      .positive()
      .default(4)
      .describe(
        'Most passes over the training text that a run may make; more than 4 has to be asked for here.',
      ),
  });
}

/** A sweep file that has passed the schema, defaults filled in. */
export type SweepFile = z.infer<ReturnType<typeof sweepFileSchema>>;
export type SizeSpec = z.infer<typeof sizeSchema>;
export type LearningRateSpec = z.infer<typeof learningRateSchema>;
export type TuneSpec = Extract<LearningRateSpec, { tune: unknown }>['tune'];

/** The JSON Schema that editors check and complete sweep files with. */
export function sweepJsonSchema(catalogue: ArchitectureCatalogue): Record<string, unknown> {
  return { title: 'isoloss sweep', ...z.toJSONSchema(sweepFileSchema(catalogue), { io: 'input' }) };
}
