/** How fast this machine is, learned from the runs that have ended on it. */
import { cpuModel } from '../engine/cpu.js';
import { hasEnded, type RunRecord, type RunSetup } from '../store/record.js';
import { listRuns, listSweepFolders, readableRecord } from '../store/runDirectory.js';
import { architectureOf, observe, secondsPerStep, shapeOf, type SpeedObservation } from './estimate.js';
import type { PlannedRun } from './expand.js';
import type { WorkerSetting } from './machine.js';

/** Before any run has ended on this machine. */
const DEFAULT_OVERHEAD_SECONDS = 1;

/** Records looked at to learn how fast this machine is. */
const RECORDS_FOR_SPEED = 300;

/** What is known of this machine's speed. */
export interface SpeedBook {
  /** Grows as runs end. */
  readonly observations: SpeedObservation[];
  /** How many of them are of runs that have ended, when the book was opened. */
  readonly endedRuns: number;
  /** Seconds of a run outside of training and evaluation: loading, compiling, writing. */
  readonly overheadSeconds: number;
  readonly setting: Pick<WorkerSetting, 'threads' | 'engine'>;
}

/** Runs that have ended on this machine, a quick measurement of it, or nothing but a guess. */
export type TimeBasis = 'ended runs' | 'quick measurement' | 'guess';

export function timeBasisOf({ endedRuns, observations }: SpeedBook): TimeBasis {
  if (endedRuns > 0) return 'ended runs';
  return observations.length > 0 ? 'quick measurement' : 'guess';
}

/** What predictions by the book rest on. */
export function machineBasis(book: SpeedBook): string {
  const basis = timeBasisOf(book);
  switch (basis) {
    case 'ended runs':
      return `from ${book.endedRuns} runs that have ended on this machine`;
    case 'quick measurement':
      return `from a quick measurement of ${book.observations.length} models on this machine`;
    case 'guess':
      return 'a guess, nothing was measured on this machine yet';
    default:
      return basis satisfies never;
  }
}

/** Learns this machine's speed from ended runs, those of the sweep first. */
export function readSpeedBook(
  resultsDir: string,
  sweepName: string,
  setting: SpeedBook['setting'],
): SpeedBook {
  const folders = listSweepFolders(resultsDir).sort(
    (a, b) => Number(b === sweepName) - Number(a === sweepName),
  );
  const records = folders
    .flatMap((folder) => listRuns(resultsDir, folder))
    .slice(0, RECORDS_FOR_SPEED)
    .flatMap(({ directory }) => readableRecord(directory) ?? [])
    .filter(hasEnded);
  const cpu = cpuModel();
  const observations = records.flatMap((record) => observe(record, cpu, setting) ?? []);
  const overheads = records.flatMap((record) => overheadOf(record)).sort((a, b) => a - b);
  return {
    observations,
    endedRuns: observations.length,
    overheadSeconds: overheads[overheads.length >> 1] ?? DEFAULT_OVERHEAD_SECONDS,
    setting,
  };
}

/** The book with what was measured of architectures that no ended run tells of. */
export function withCalibration(
  book: SpeedBook,
  measured: { readonly observations: readonly SpeedObservation[]; readonly overheadSeconds: number },
): SpeedBook {
  const known = new Set(book.observations.map(({ architecture }) => architecture));
  const added = measured.observations.filter(({ architecture }) => !known.has(architecture));
  return {
    ...book,
    observations: [...book.observations, ...added],
    overheadSeconds: book.endedRuns > 0 ? book.overheadSeconds : measured.overheadSeconds,
  };
}

/**
 * What the evaluation of both held-out splits costs, in training steps: a forward pass is a third of a step's work.
 */
function evaluationSteps(setup: RunSetup): number {
  return (2 * setup.evalTokens) / (3 * setup.batchSize * setup.model.contextLength);
}

function overheadOf({ execution, setup, stepsDone, status }: RunRecord): number[] {
  if (execution?.finishedAt == null || execution.resumes > 0 || execution.branch !== undefined) return [];
  if (status !== 'done') return [];
  const wall = (Date.parse(execution.finishedAt) - Date.parse(execution.startedAt)) / 1000;
  const evaluation = (evaluationSteps(setup) * execution.trainSeconds) / stepsDone;
  return [Math.max(0, wall - execution.trainSeconds - evaluation)];
}

/** Takes a run into account that has just ended. */
export function learn(speed: SpeedBook, record: RunRecord): void {
  const observation = observe(record, cpuModel(), speed.setting);
  if (observation !== null) speed.observations.push(observation);
}

/** Seconds that the rest of a run will take from a step on. */
export function secondsLeft(speed: SpeedBook, run: PlannedRun, stepsDone: number): number {
  const { model, batchSize } = run.setup;
  const wanted = {
    shape: shapeOf(model, batchSize),
    architecture: architectureOf(model),
    flopsPerStep: run.cost.flopsPerStep,
  };
  const perStep = secondsPerStep(speed.observations, wanted, speed.setting.threads);
  return (run.setup.steps - stepsDone + evaluationSteps(run.setup)) * perStep + speed.overheadSeconds;
}
