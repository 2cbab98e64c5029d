/** The plan of a sweep: its runs, what of them is done, and how long the rest will take on this machine. */
import { dirname, resolve } from 'node:path';
import { epochs } from '../data/batches.js';
import { type PreparedCorpus, prepareCorpus, type PrepareProgress } from '../data/corpus.js';
import { CorpusError, CorpusMissing } from '../data/errors.js';
import { evaluationWindowCount } from '../data/evaluation.js';
import type { SplitName } from '../data/sources.js';
import { requirePrecision } from '../engine/engineError.js';
import type { EngineName } from '../engine/engineNames.js';
import { loadVariants } from '../models/loadVariant.js';
import { architectureNames, defaultDff, defaultPositions, objectiveOf } from '../models/registry.js';
import { UsageError } from '../store/errors.js';
import { hasEnded } from '../store/record.js';
import { endedRecord } from '../store/runDirectory.js';
import { describeModel, runKey, trunkKey } from '../train/describe.js';
import type { ArchitectureCatalogue } from './architecture.js';
import { withChosenSizes } from './autoSizes.js';
import { makespan } from './estimate.js';
import { expandSweep, type PlannedRun } from './expand.js';
import { type WorkerSetting, workerSetting } from './machine.js';
import { readSpeedBook, secondsLeft, type SpeedBook, type TimeBasis, timeBasisOf } from './speedBook.js';
import { keptSpread } from './spreadRecord.js';
import { findSweepFile, type LoadedSweep, readSweepFile, variantFilesOf } from './sweepFile.js';
import { surveyRun, type SurveyedRun } from './survey.js';
import { inOrder, startStep, type Trunks, trunksOf } from './trunks.js';

/** The architectures of the registry. */
export const CATALOGUE: ArchitectureCatalogue = {
  architectureNames,
  defaultPositions,
  objectiveOf,
  defaultDff,
};

export interface PlanOptions {
  readonly resultsDir: string;
  /** Instead of the sweep file's own settings. */
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  readonly engine?: EngineName | undefined;
  readonly onCorpusProgress?: ((progress: PrepareProgress) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A sweep as far as it can be planned without its corpus. */
export interface SweepPreview {
  readonly loaded: LoadedSweep;
  /** Null where it is not on this machine: then run keys, which name the tokens, are not known either. */
  readonly corpus: PreparedCorpus | null;
  /** Why there is no corpus, in a sentence. */
  readonly corpusMissing: string | null;
  /** Absolute paths of the sweep's variants. */
  readonly variantFiles: readonly string[];
  readonly resultsDir: string;
  readonly setting: WorkerSetting;
  readonly runs: readonly PlannedRun[];
  /** What the results hold of each run, in the same order. */
  readonly surveyed: readonly SurveyedRun[];
  readonly trunks: Trunks;
  /** The step that each run will start from, by run key. */
  readonly startSteps: ReadonlyMap<string, number>;
  readonly notices: readonly string[];
  readonly speed: SpeedBook;
}

export interface SweepPlan extends SweepPreview {
  readonly corpus: PreparedCorpus;
}

/**
 * Plans a sweep. The corpus is prepared for it, since run keys name the tokens.
 *
 * @param nameOrFile name of a sweep, or path of a sweep file
 * @throws UsageError, ModelError or CorpusError where the sweep can't be run as it stands
 */
export async function planSweep(nameOrFile: string, options: PlanOptions): Promise<SweepPlan> {
  return planLoaded(await loadSweep(nameOrFile), options);
}

/** Plans a sweep that has been read. @throws as `planSweep` */
export async function planLoaded(loaded: LoadedSweep, options: PlanOptions): Promise<SweepPlan> {
  const corpus = await corpusOf(loaded, options, true);
  return { ...planWith(loaded, options, corpus, null), corpus };
}

/**
 * Plans a sweep as far as possible where its corpus is not on this machine; downloads nothing.
 *
 * @throws as `planSweep`, but for a corpus that is missing
 */
export async function previewLoaded(loaded: LoadedSweep, options: PlanOptions): Promise<SweepPreview> {
  try {
    return planWith(loaded, options, await corpusOf(loaded, options, false), null);
  } catch (error) {
    if (!(error instanceof CorpusMissing)) throw error;
    return planWith(loaded, options, null, error.message);
  }
}

/** Finds a sweep file and reads it, with the variants that it names registered. @throws as `planSweep` */
export async function loadSweep(nameOrFile: string): Promise<LoadedSweep> {
  const path = findSweepFile(nameOrFile);
  // Before the file is checked, which knows architectures by the names that are registered.
  await loadVariants(variantFilesOf(path));
  return readSweepFile(path, CATALOGUE);
}

async function corpusOf(
  { sweep, path }: LoadedSweep,
  options: PlanOptions,
  download: boolean,
): Promise<PreparedCorpus> {
  return prepareCorpus({
    corpus: sweep.corpus,
    vocabSize: sweep.vocabSize,
    baseDir: dirname(path),
    download,
    onProgress: options.onCorpusProgress,
    onWarning: options.onWarning,
  });
}

/** @throws UsageError where a held-out split is too short: a run would find that out only after its training */
function requireHeldOut({ sweep, at }: LoadedSweep, corpus: PreparedCorpus): void {
  const { contextLength, evalTokens: maxTokens } = sweep;
  for (const split of ['val', 'test'] as const) {
    try {
      evaluationWindowCount(corpus[split].tokens.length, { contextLength, maxTokens });
    } catch (error) {
      if (!(error instanceof CorpusError)) throw error;
      throw new UsageError(`${at(['evalTokens'])}  ${split}: ${error.message}`, { cause: error });
    }
  }
}

function planWith(
  loaded: LoadedSweep,
  options: PlanOptions,
  corpus: PreparedCorpus | null,
  corpusMissing: string | null,
): SweepPreview {
  const { sweep } = loaded;
  const tokensPerStep = sweep.batchSize * sweep.contextLength;
  const hash = (split: SplitName): string => corpus?.[split].sha256 ?? 'unknown';
  const streams = { train: hash('train'), val: hash('val'), test: hash('test') };
  const expansion = expandSweep(loaded, {
    catalogue: CATALOGUE,
    describeModel,
    runKey: (setup, cost) => {
      const name = runKey(setup, cost, streams);
      return { ...name, trunk: trunkKey(setup, name) };
    },
    corpusId: corpus?.id ?? sweep.corpus,
    epochsOf: (steps) =>
      corpus === null
        ? (steps * tokensPerStep) / (sweep.corpusTokens ?? NaN)
        : epochs(steps, sweep.batchSize, sweep.contextLength, corpus.train),
  });
  const { notices } = expansion;
  if (corpus !== null) requireHeldOut(loaded, corpus);
  const runs = withChosenSizes(expansion.runs, (runKey) => endedRecord(options.resultsDir, runKey));
  const { resultsDir } = options;
  const asked = {
    workers: options.workers ?? sweep.workers,
    threads: options.threads ?? sweep.threads,
    engine: options.engine ?? sweep.engine,
  };
  const setting = workerSetting(asked, keptSpread(resultsDir, sweep.name, asked.engine));
  requirePrecision(setting.engine, sweep.precision);
  const surveyed = runs.map((run) => surveyRun(resultsDir, run.runKey));
  const trunks = trunksOf(runs);
  const byKey = new Map(surveyed.map((one) => [one.runKey, one]));
  const startSteps = new Map(runs.map((run) => [run.runKey, startStep(run, trunks, byKey)]));
  return {
    loaded,
    corpus,
    corpusMissing,
    variantFiles: sweep.variants.map((file) => resolve(dirname(loaded.path), file)),
    resultsDir,
    setting,
    runs,
    surveyed,
    trunks,
    startSteps,
    notices,
    speed: readSpeedBook(resultsDir, sweep.name, setting),
  };
}

/** The runs still to be trained, those with the most work ahead first, so that the last ones to end are short. */
export function runsToDo(plan: SweepPreview): { readonly run: PlannedRun; readonly seconds: number }[] {
  const toDo = plan.runs
    .map((run, i) => ({ run, surveyed: plan.surveyed[i]! }))
    .filter(({ surveyed }) => surveyed.record === null || !hasEnded(surveyed.record))
    .map(({ run }) => ({ run, seconds: secondsLeft(plan.speed, run, plan.startSteps.get(run.runKey)!) }));
  return inOrder(toDo);
}

/** What a plan comes to. */
export interface PlanTotals {
  readonly runs: number;
  readonly ended: number;
  readonly flops: number;
  readonly flopsToDo: number;
  /** Part of `flopsToDo` that need not be trained, since runs share trunks. */
  readonly flopsShared: number;
  readonly tokens: number;
  readonly tokensToDo: number;
  readonly secondsToDo: number;
  /** What the prediction rests on. */
  readonly basis: TimeBasis;
}

export function planTotals(plan: SweepPreview): PlanTotals {
  const toDo = runsToDo(plan);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    runs: plan.runs.length,
    ended: plan.runs.length - toDo.length,
    flops: sum(plan.runs.map((run) => run.flops)),
    flopsToDo: sum(toDo.map(({ run }) => run.flops)),
    flopsShared: sum(
      toDo
        .filter(({ run }) => plan.trunks.get(run.runKey)!.length > 0)
        .map(({ run }) => plan.startSteps.get(run.runKey)! * run.cost.flopsPerStep),
    ),
    tokens: sum(plan.runs.map((run) => run.tokens)),
    tokensToDo: sum(toDo.map(({ run }) => run.tokens)),
    secondsToDo: makespan(
      toDo.map(({ seconds }) => seconds),
      plan.setting.workers,
    ),
    basis: timeBasisOf(plan.speed),
  };
}
