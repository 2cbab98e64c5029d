/** `isoloss time`: measures what a sweep's models cost in seconds on this machine and keeps it in timings.json. */
import { readTimings, writeTimings } from '../store/runDirectory.js';
import type { Timings } from '../store/record.js';
import type { SweepPlan } from './plan.js';
import { distinctModels, hardwareString, timeModels, type TimedModel } from './timing.js';

/** The models of a plan, each once. */
const modelsOf = ({ runs }: SweepPlan): TimedModel[] =>
  distinctModels(
    runs.map(({ architecture, setup }) => ({
      arch: architecture.label,
      model: setup.model,
      optimizer: setup.optimizer,
      batchSize: setup.batchSize,
    })),
  );

/** Timings of this sweep on this hardware that cover all of its models, or null. */
export async function existingTimings(plan: SweepPlan): Promise<Timings | null> {
  const timings = readTimings(plan.resultsDir, plan.loaded.sweep.name);
  const { precision } = plan.loaded.sweep;
  if (timings?.hardware !== (await hardwareString(plan.setting, precision))) return null;
  const covers = ({ arch, model, batchSize }: TimedModel): boolean =>
    timings.timings.some(
      (timing) =>
        timing.arch === arch &&
        timing.dModel === model.dModel &&
        timing.nLayers === model.nLayers &&
        timing.dFf === model.dFf &&
        timing.batchSize === batchSize &&
        timing.contextLength === model.contextLength &&
        timing.vocabSize === model.vocabSize,
    );
  return modelsOf(plan).every(covers) ? timings : null;
}

/** Times a sweep's models and writes timings.json. */
export async function timeSweep(
  plan: SweepPlan,
  onRound: (kept: number, wanted: number) => void,
): Promise<Timings> {
  const { stepsPerCall, precision, name } = plan.loaded.sweep;
  const timings = await timeModels(modelsOf(plan), {
    ...plan.setting,
    precision,
    variantFiles: plan.variantFiles,
    stepsPerCall,
    onRound,
  });
  writeTimings(plan.resultsDir, name, timings);
  return timings;
}
