/** How long runs will take: from runs of this machine that have ended, and a rough curve before there are any. */
import { median } from '../fit/statistics.js';
import type { ModelSetup, RunRecord } from '../store/record.js';
import type { WorkerSetting } from './machine.js';

/** Seconds a step took for one shape on this machine. */
export interface SpeedObservation {
  readonly shape: string;
  /** Preset and positions. */
  readonly architecture: string;
  readonly flopsPerStep: number;
  readonly secondsPerStep: number;
}

/** Two runs of equal shape cost the same a step. */
export function shapeOf(model: ModelSetup, batchSize: number): string {
  return JSON.stringify([
    model.preset,
    model.positions,
    model.vocabSize,
    model.contextLength,
    model.dModel,
    model.nLayers,
    model.nHeads,
    model.dHead,
    model.dFf,
    model.tiedEmbeddings,
    batchSize,
  ]);
}

/** What models of one speed at equal FLOPs have in common. */
export const architectureOf = ({ preset, positions }: ModelSetup): string => `${preset}@${positions}`;

/** What an ended run says of the speed of its shape; null where it says nothing (too short, another machine or engine). */
export function observe(
  record: RunRecord,
  cpuModel: string,
  { threads, engine }: Pick<WorkerSetting, 'threads' | 'engine'>,
): SpeedObservation | null {
  const { execution, stepsDone } = record;
  if (execution?.cpuModel !== cpuModel || execution.threads !== threads) return null;
  if (execution.engine !== engine) return null;
  if (stepsDone === 0 || execution.trainSeconds <= 0) return null;
  return {
    shape: shapeOf(record.setup.model, record.setup.batchSize),
    architecture: architectureOf(record.setup.model),
    flopsPerStep: record.flopsPerStep,
    secondsPerStep: execution.trainSeconds / stepsDone,
  };
}

/**
 * FLOP/s of one thread before anything was measured: it rises with the work of a step, since a step has costs that do
 * not depend on its size. The constants are a middling CPU's; the first ended runs replace them.
 */
function guessedRate(flopsPerStep: number): number {
  return 6e10 * (flopsPerStep / (flopsPerStep + 3e8));
}

/** Seconds a step before anything was measured. */
export function guessedSecondsPerStep(flopsPerStep: number, threads: number): number {
  return flopsPerStep / (guessedRate(flopsPerStep) * threads);
}

/** A FLOP rate and the FLOPs a step at which models have it. */
interface RatePoint {
  readonly flopsPerStep: number;
  readonly rate: number;
}

/** Shapes within this factor in FLOPs of the nearest one are seen with it: no single run, or busy hour, decides. */
const ALIKE = 1.1;

/**
 * Seconds a step: the median of the same shape if there is one, otherwise at the FLOP rate between (in log scale)
 * those of the shapes with the next fewer and the next more FLOPs a step, of the same architecture if it has any.
 */
export function secondsPerStep(
  all: readonly SpeedObservation[],
  { shape, architecture, flopsPerStep }: Omit<SpeedObservation, 'secondsPerStep'>,
  threads: number,
): number {
  const same = all.filter((observation) => observation.shape === shape);
  const own = all.filter((observation) => observation.architecture === architecture);
  const observations = own.length > 0 ? own : all;
  if (same.length > 0) return median(same.map((observation) => observation.secondsPerStep));
  const below = nearest(
    observations.filter((observation) => observation.flopsPerStep <= flopsPerStep),
    flopsPerStep,
  );
  const above = nearest(
    observations.filter((observation) => observation.flopsPerStep >= flopsPerStep),
    flopsPerStep,
  );
  if (below === null && above === null) return guessedSecondsPerStep(flopsPerStep, threads);
  if (below === null || above === null) return flopsPerStep / (below ?? above)!.rate;
  const span = Math.log(above.flopsPerStep / below.flopsPerStep);
  const share = span === 0 ? 0.5 : Math.log(flopsPerStep / below.flopsPerStep) / span;
  return flopsPerStep / (below.rate ** (1 - share) * above.rate ** share);
}

/** The median rate of the shapes next to the FLOPs a step; null where there are none. */
function nearest(observations: readonly SpeedObservation[], flopsPerStep: number): RatePoint | null {
  const distance = (observation: SpeedObservation): number =>
    Math.abs(Math.log(observation.flopsPerStep / flopsPerStep));
  const least = Math.min(...observations.map(distance));
  const alike = observations.filter((observation) => distance(observation) <= least + Math.log(ALIKE));
  if (alike.length === 0) return null;
  return {
    flopsPerStep: median(alike.map((observation) => observation.flopsPerStep)),
    rate: median(alike.map((observation) => observation.flopsPerStep / observation.secondsPerStep)),
  };
}

/**
 * Seconds until the last of the runs has ended, begun in the given order by workers that each take the next one.
 *
 * @param seconds of each run
 */
export function makespan(seconds: readonly number[], workers: number): number {
  const freeAt = new Array<number>(workers).fill(0);
  for (const duration of seconds) {
    const first = freeAt.indexOf(Math.min(...freeAt));
    freeAt[first] = freeAt[first]! + duration;
  }
  return Math.max(...freeAt);
}
