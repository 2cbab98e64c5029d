/** What sweep.json holds beside the runs: the text that was trained on and the tuning that the rates come from. */
import { z } from 'zod';
import { grouped } from '../fit/grouped.js';
import { bestLearningRate } from '../fit/learningRate.js';
import { hasEnded } from '../store/record.js';
import type { Study } from '../store/study.js';
import { counted } from './format.js';

const splitSchema = z.object({ documents: z.number(), tokens: z.number(), bytesPerToken: z.number() });

const corpusSchema = z.object({
  name: z.string(),
  licence: z.string().nullable(),
  origin: z.string(),
  contentSha256: z.string(),
  vocabSize: z.number(),
  splitUnit: z.enum(['document', 'block', 'given']),
  documents: z.number(),
  utf8Bytes: z.number(),
  splits: z.object({ train: splitSchema, val: splitSchema, test: splitSchema }),
  /** Entropy of the test split's token frequencies: what a model without context reaches at best. */
  testUnigramEntropyNats: z.number(),
});

/** The text that was trained on. */
export type CorpusInfo = z.infer<typeof corpusSchema>;

const tuningSchema = z.object({
  /** The tuning sweeps; of a size tuned at several budgets, a run took the rate of the one nearest to its own. */
  sweeps: z.array(z.string()).min(1),
  rates: z.array(
    z.object({
      arch: z.string(),
      shape: z.object({ dModel: z.number(), nLayers: z.number() }),
      budgetFlops: z.number(),
      learningRate: z.number(),
      edge: z.enum(['low', 'high']).nullable(),
      flags: z.array(z.string()),
      trials: z.array(
        z.object({ learningRate: z.number(), seed: z.number(), lossNats: z.number().nullable() }),
      ),
    }),
  ),
});

const transferSchema = z.array(
  z.object({
    arch: z.string(),
    budgetFlops: z.number(),
    dModel: z.number(),
    nLayers: z.number(),
    seed: z.number(),
    tunedLearningRate: z.number(),
    tunedValLossNats: z.number().nullable(),
    learningRate: z.number(),
    valLossNats: z.number().nullable(),
  }),
);

/** A run at a multiple of the tuned rate, beside the one at the rate itself. */
export type TransferTrial = z.infer<typeof transferSchema>[number];

/** The learning-rate tuning of a sweep. */
export type TuningInfo = z.infer<typeof tuningSchema>;
export type TuningRate = TuningInfo['rates'][number];

export interface ResolvedInfo {
  /** Null where sweep.json does not tell. */
  readonly corpus: CorpusInfo | null;
  /** Null where the rates were not tuned. */
  readonly tuning: TuningInfo | null;
  /** Half and twice the tuned rates at the largest budget; empty where that was not tried. */
  readonly transferCheck: readonly TransferTrial[];
  /** What to know that the sweep itself noticed, and what could not be read, in a sentence each. */
  readonly notices: readonly string[];
}

/** Reads the parts of sweep.json that a report shows. */
export function resolvedInfo(study: Study): ResolvedInfo {
  const { resolved } = study.sweep;
  const notices: string[] = z.array(z.string()).catch([]).parse(resolved['notices']);
  const read = <T>(name: string, schema: z.ZodType<T>): T | null => {
    const value = resolved[name];
    if (value === undefined || value === null) return null;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    notices.push(
      `The entry ${name} of sweep.json could not be read, so it is not shown: ${z.prettifyError(parsed.error)}`,
    );
    return null;
  };
  const corpus = read('corpus', corpusSchema);
  const tuning = read('tuning', tuningSchema) ?? ownTuning(study);
  const transferCheck = read('transferCheck', transferSchema) ?? [];
  return { corpus, tuning, transferCheck, notices };
}

/** True for a sweep that tries several learning rates at a cell: it tunes, and is not fitted. */
export function isTuningSweep(study: Study): boolean {
  return rateGroups(study).some(
    (group) => new Set(group.map((run) => run.setup.optimizer.learningRate)).size > 1,
  );
}

/** The ended runs of each architecture and shape. */
function rateGroups(study: Study): Study['runs'][number][][] {
  const ended = study.runs.filter(hasEnded).map((run): [string, Study['runs'][number]] => {
    const { dModel, nLayers, dFf } = run.setup.model;
    return [JSON.stringify([run.arch, dModel, nLayers, dFf, run.budgetFlops]), run];
  });
  return [...grouped(ended).values()];
}

/** The tuned curves of a sweep that tunes itself, from its own runs. */
function ownTuning(study: Study): TuningInfo | null {
  if (!isTuningSweep(study)) return null;
  const rates = rateGroups(study).flatMap((group): TuningRate[] => {
    const { arch, setup, budgetFlops } = group[0]!;
    const { dModel, nLayers } = setup.model;
    const trials = group
      .map((run) => ({
        learningRate: run.setup.optimizer.learningRate,
        seed: run.setup.seed,
        lossNats: run.status === 'done' ? (run.final?.val.lossNats ?? null) : null,
      }))
      .sort((a, b) => a.learningRate - b.learningRate || a.seed - b.seed);
    if (trials.every((trial) => trial.lossNats === null)) return [];
    const { learningRate, edge, flags } = bestLearningRate(trials);
    return [{ arch, shape: { dModel, nLayers }, budgetFlops, learningRate, edge, flags: [...flags], trials }];
  });
  return rates.length === 0 ? null : { sweeps: [study.sweep.name], rates };
}

/** `document`s, or `block`s where the text was cut into those. */
export function documentsText(corpus: CorpusInfo): string {
  return counted(corpus.documents, corpus.splitUnit === 'block' ? 'block' : 'document');
}
