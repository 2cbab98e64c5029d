/** The plan of a sweep: its runs, what of them is done, and how long the rest will take on this machine. */
import { dirname, resolve } from 'node:path';
import { epochs } from '../data/batches.js';
import { type PreparedCorpus, prepareCorpus, type PrepareProgress } from '../data/corpus.js';
import { requirePrecision } from '../engine/engineError.js';
import type { EngineName } from '../engine/engineNames.js';
import { loadVariants } from '../models/loadVariant.js';
import { architectureNames, defaultDff, defaultPositions, objectiveOf } from '../models/registry.js';
import { findRun } from '../store/runDirectory.js';
import { describeModel, runKey, trunkKey } from '../train/describe.js';
import type { ArchitectureCatalogue } from './architecture.js';
import { withChosenSizes } from './autoSizes.js';
import { makespan } from './estimate.js';
import { expandSweep, type PlannedRun } from './expand.js';
import { type WorkerSetting, workerSetting } from './machine.js';
import { readSpeedBook, secondsLeft, type SpeedBook } from './speedBook.js';
import { findSweepFile, type LoadedSweep, readSweepFile, variantFilesOf } from './sweepFile.js';
import { surveyRun, type SurveyedRun } from './survey.js';
import { inOrder, startStep, type Trunks, trunksOf } from './trunks.js';
import { hasEnded } from './workerLoop.js';

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

export interface SweepPlan {
  readonly loaded: LoadedSweep;
  readonly corpus: PreparedCorpus;
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

/**
 * Plans a sweep. The corpus is prepared for it, since run keys name the tokens.
 *
 * @param nameOrFile name of a sweep, or path of a sweep file
 * @throws UsageError, ModelError or CorpusError where the sweep can't be run as it stands
 */
export async function planSweep(nameOrFile: string, options: PlanOptions): Promise<SweepPlan> {
  return planLoaded(await loadSweep(nameOrFile), options);
}

/** Finds a sweep file and reads it, with the variants that it names registered. @throws as `planSweep` */
export async function loadSweep(nameOrFile: string): Promise<LoadedSweep> {
  const path = findSweepFile(nameOrFile);
  // Before the file is checked, which knows architectures by the names that are registered.
  await loadVariants(variantFilesOf(path));
  return readSweepFile(path, CATALOGUE);
}

/** Plans a sweep that has been read. @throws as `planSweep` */
export async function planLoaded(loaded: LoadedSweep, options: PlanOptions): Promise<SweepPlan> {
  const { sweep } = loaded;
  const variantFiles = sweep.variants.map((file) => resolve(dirname(loaded.path), file));
  const corpus = await prepareCorpus({
    corpus: sweep.corpus,
    vocabSize: sweep.vocabSize,
    baseDir: dirname(loaded.path),
    onProgress: options.onCorpusProgress,
    onWarning: options.onWarning,
  });
  const streams = { train: corpus.train.sha256, val: corpus.val.sha256, test: corpus.test.sha256 };
  const expansion = expandSweep(loaded, {
    catalogue: CATALOGUE,
    describeModel,
    runKey: (setup, cost) => {
      const name = runKey(setup, cost, streams);
      return { ...name, trunk: trunkKey(setup, name) };
    },
    corpusId: corpus.id,
    epochsOf: (steps) => epochs(steps, sweep.batchSize, sweep.contextLength, corpus.train),
  });
  const { notices } = expansion;
  const runs = withChosenSizes(expansion.runs, (runKey) => {
    const record = findRun(options.resultsDir, runKey)?.record ?? null;
    return record !== null && hasEnded(record) ? record : null;
  });
  const setting = workerSetting({
    workers: options.workers ?? sweep.workers,
    threads: options.threads ?? sweep.threads,
    engine: options.engine ?? sweep.engine,
  });
  requirePrecision(setting.engine, sweep.precision);
  const surveyed = runs.map((run) => surveyRun(options.resultsDir, run.runKey));
  const speed = readSpeedBook(options.resultsDir, sweep.name, setting);
  const trunks = trunksOf(runs);
  const byKey = new Map(surveyed.map((one) => [one.runKey, one]));
  const startSteps = new Map(runs.map((run) => [run.runKey, startStep(run, trunks, byKey)]));
  const { resultsDir } = options;
  return {
    loaded,
    corpus,
    variantFiles,
    resultsDir,
    setting,
    runs,
    surveyed,
    trunks,
    startSteps,
    notices,
    speed,
  };
}

/** The runs still to be trained, those with the most work ahead first, so that the last ones to end are short. */
export function runsToDo(plan: SweepPlan): { readonly run: PlannedRun; readonly seconds: number }[] {
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
  /** Whether the prediction rests on runs of this machine. */
  readonly measured: boolean;
}

export function planTotals(plan: SweepPlan): PlanTotals {
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
    measured: plan.speed.observations.length > 0,
  };
}
