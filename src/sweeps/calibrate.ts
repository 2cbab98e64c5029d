/** A quick measurement of this machine before a sweep of which it has trained nothing yet: enough to predict its time by. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defaultCacheDir } from '../data/cache.js';
import { writeJsonAtomic } from '../store/files.js';
import { architectureOf, guessedSecondsPerStep, shapeOf, type SpeedObservation } from './estimate.js';
import type { PlannedRun } from './expand.js';
import { runsToDo, type SweepPreview } from './plan.js';
import { withCalibration } from './speedBook.js';
import { askAll, hardwareString, startTimers } from './timing.js';

/** A sweep shorter than this by the guess is not worth measuring for. */
const WORTH_SECONDS = 60;

/** Models measured at most: each is compiled by each worker, in about a second. */
const MAX_MODELS = 12;

/** Models of which a single call would take longer than this are left to those below them. */
const MAX_CALL_SECONDS = 5;

const ROUNDS = 3;

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
  const isQuick = ({ cost }: PlannedRun): boolean =>
    guessedSecondsPerStep(cost.flopsPerStep, setting.threads) * loaded.sweep.stepsPerCall < MAX_CALL_SECONDS;
  return [...byArchitecture]
    .filter(([architecture]) => !known.has(architecture))
    .sort(([, a], [, b]) => flopsOf(b) - flopsOf(a))
    .flatMap(([, runs]) => {
      const rising = [...runs].sort((a, b) => a.cost.flopsPerStep - b.cost.flopsPerStep);
      const [smallest, largest] = [rising[0]!, rising.filter(isQuick).at(-1) ?? rising[0]!];
      return largest.cost.flopsPerStep === smallest.cost.flopsPerStep ? [smallest] : [smallest, largest];
    })
    .slice(0, MAX_MODELS);
}

/** Times models as a sweep trains them: by as many processes at once as it has workers. */
async function measure(
  runs: readonly PlannedRun[],
  { setting, variantFiles, loaded }: SweepPreview,
): Promise<Calibration> {
  const { threads, engine } = setting;
  const timers = startTimers(setting);
  try {
    const models = runs.map(({ architecture, setup }) => ({
      arch: architecture.label,
      model: setup.model,
      optimizer: setup.optimizer,
      batchSize: setup.batchSize,
    }));
    const { stepsPerCall, precision } = loaded.sweep;
    const how = { variantFiles, engine, precision, threads, stepsPerCall };
    await askAll(timers, { kind: 'compile', models: [], ...how });
    const started = performance.now();
    await askAll(timers, { kind: 'compile', models, ...how });
    const compileSeconds = (performance.now() - started) / 1000 / models.length;
    // In turns, so that a burst of other work does not fall on one model alone.
    const rounds: number[][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const means: number[] = [];
      for (const index of runs.keys()) {
        const seconds = await askAll(timers, { kind: 'time', index });
        means.push(seconds.reduce((sum, value) => sum + value, 0) / seconds.length);
      }
      rounds.push(means);
    }
    const observations = runs.map(({ setup, cost }, index): SpeedObservation => ({
      shape: shapeOf(setup.model, setup.batchSize),
      architecture: architectureOf(setup.model),
      flopsPerStep: cost.flopsPerStep,
      secondsPerStep: rounds.map((means) => means[index]!).sort((a, b) => a - b)[ROUNDS >> 1]!,
    }));
    return { observations, overheadSeconds: COMPILATIONS * compileSeconds };
  } finally {
    for (const timer of timers) timer.kill();
  }
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
