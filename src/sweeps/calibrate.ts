/** A quick measurement of this machine before a sweep of which it has trained nothing yet: enough to predict its time by. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defaultCacheDir } from '../data/cache.js';
import { writeJsonAtomic } from '../store/files.js';
import { architectureOf, shapeOf, type SpeedObservation } from './estimate.js';
import type { PlannedRun } from './expand.js';
import { runsToDo, type SweepPreview } from './plan.js';
import { isQuick, quickTimes } from './quickTiming.js';
import { withCalibration } from './speedBook.js';
import { hardwareString } from './timing.js';

/** A sweep shorter than this by the guess is not worth measuring for. */
const WORTH_SECONDS = 60;

/** Models measured at most: each is compiled by each worker, in about a second. */
const MAX_MODELS = 12;

const observationSchema = z.object({
  shape: z.string(),
  architecture: z.string(),
  flopsPerStep: z.number().positive(),
  secondsPerStep: z.number().positive(),
});
const calibrationSchema = z.object({
  observations: z.array(observationSchema),
  /** Seconds of a run outside of its steps. */
  overheadSeconds: z.number().nonnegative(),
});
const fileSchema = z.record(z.string(), calibrationSchema);
export type Calibration = z.infer<typeof calibrationSchema>;

/**
 * The plan with the speed of this machine measured, where nothing was known of it for some architecture that is to be
 * trained. What was measured is kept in the cache folder, by hardware, workers and threads, and used again.
 *
 * @param onMeasure told before it takes some seconds
 */
export async function calibrated<Plan extends SweepPreview>(
  plan: Plan,
  onMeasure: (models: number) => void,
): Promise<Plan> {
  const hardware = await hardwareString(plan.setting, plan.loaded.sweep.precision);
  const kept = readCalibrations()[hardware];
  const known = kept === undefined ? plan : { ...plan, speed: withCalibration(plan.speed, kept) };
  const toDo = runsToDo(known);
  const guess = toDo.reduce((sum, { seconds }) => sum + seconds, 0) / plan.setting.workers;
  if (guess < WORTH_SECONDS) return known;
  const models = toMeasure(
    toDo.map(({ run }) => run),
    known.speed.observations,
    plan,
  );
  if (models.length === 0) return known;
  onMeasure(models.length);
  const measured = await measure(models, plan);
  const calibration: Calibration = {
    observations: [...(kept?.observations ?? []), ...measured.observations],
    overheadSeconds: measured.overheadSeconds,
  };
  keepCalibration(hardware, calibration);
  return { ...plan, speed: withCalibration(plan.speed, calibration) };
}

/** The smallest and the largest model of each architecture that nothing is known of, most compute first. */
function toMeasure(
  toDo: readonly PlannedRun[],
  observations: readonly SpeedObservation[],
  { loaded, setting }: SweepPreview,
): PlannedRun[] {
  const known = new Set(observations.map(({ architecture }) => architecture));
  const byArchitecture = new Map<string, PlannedRun[]>();
  for (const run of toDo) {
    const architecture = architectureOf(run.setup.model);
    byArchitecture.set(architecture, [...(byArchitecture.get(architecture) ?? []), run]);
  }
  const flopsOf = (runs: readonly PlannedRun[]): number => runs.reduce((sum, { flops }) => sum + flops, 0);
  const { stepsPerCall } = loaded.sweep;
  return [...byArchitecture]
    .filter(([architecture]) => !known.has(architecture))
    .sort(([, a], [, b]) => flopsOf(b) - flopsOf(a))
    .flatMap(([, runs]) => {
      const rising = [...runs].sort((a, b) => a.cost.flopsPerStep - b.cost.flopsPerStep);
      const [smallest, largest] = [
        rising[0]!,
        rising.filter((run) => isQuick(run, stepsPerCall, setting.threads)).at(-1) ?? rising[0]!,
      ];
      return largest.cost.flopsPerStep === smallest.cost.flopsPerStep ? [smallest] : [smallest, largest];
    })
    .slice(0, MAX_MODELS);
}

/** Times models as the sweep trains them. */
async function measure(runs: readonly PlannedRun[], plan: SweepPreview): Promise<Calibration> {
  const { secondsPerStep, compileSeconds } = await quickTimes(runs, plan, plan.setting);
  const observations = runs.map(({ setup, cost }, index): SpeedObservation => ({
    shape: shapeOf(setup.model, setup.batchSize),
    architecture: architectureOf(setup.model),
    flopsPerStep: cost.flopsPerStep,
    secondsPerStep: secondsPerStep[index]!,
  }));
  return { observations, overheadSeconds: COMPILATIONS * compileSeconds };
}

/** A run compiles its training graph and its evaluation graph, and describes and writes what it does. */
const COMPILATIONS = 1.5;

const calibrationFile = (): string => join(defaultCacheDir(), 'speeds.json');

function readCalibrations(): Readonly<Record<string, Calibration>> {
  const path = calibrationFile();
  if (!existsSync(path)) return {};
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // It only saves seconds: what can't be read is measured again.
    return {};
  }
}

function keepCalibration(hardware: string, calibration: Calibration): void {
  try {
    writeJsonAtomic(calibrationFile(), { ...readCalibrations(), [hardware]: calibration });
  } catch {
    // Where the cache can't be written, the next plan measures again.
  }
}
