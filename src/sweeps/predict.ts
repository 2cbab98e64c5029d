/** What each run of a plan will take: seconds and memory, on this machine or on a named device. */
import { hasEnded } from '../store/record.js';
import { fittingBatch, runMemory, type RunMemory } from '../train/memory.js';
import {
  ASSUMED_OVERHEAD_SECONDS,
  type Device,
  deviceBasis,
  DEVICES,
  deviceSecondsPerStep,
} from './devices.js';
import { makespan } from './estimate.js';
import { bytesText } from './format.js';
import { machineMemory, type WorkerSetting } from './machine.js';
import { runsToDo, type SweepPreview } from './plan.js';
import { machineBasis, secondsLeft } from './speedBook.js';

export interface RunPrediction {
  readonly runKey: string;
  /** Of the whole run from its first step. */
  readonly seconds: number;
  /** Of what is left of it. */
  readonly secondsToDo: number;
  readonly memory: RunMemory;
  readonly fits: boolean;
}

export interface PlanPrediction {
  /** Null for this machine. */
  readonly device: Device | null;
  /** In the order of the plan's runs. */
  readonly runs: readonly RunPrediction[];
  /** Of what is to do, with as many runs at a time as the plan has workers; on a device, one after the other. */
  readonly secondsToDo: number;
  readonly workers: number;
  readonly memoryBytes: number;
  /** Most bytes that the workers take together: the largest runs at the same time. */
  readonly memoryAtOnceBytes: number;
  /** How the figures were come by, a sentence each. */
  readonly basis: readonly string[];
  /** What would not fit, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Predicts time and memory of every run. Traces each model once more, fused and with its optimizer: about a second a
 * model, so only plans do it.
 */
export function predictPlan(
  plan: SweepPreview,
  device: Device | null,
  machineBytes: number = machineMemory(),
): PlanPrediction {
  const here = memoryHere(plan.setting, machineBytes);
  const memoryBytes = device?.memoryBytes ?? here.bytes;
  const workers = device === null ? plan.setting.workers : 1;
  const threads = device === null ? plan.setting.threads : 1;
  const runs = plan.runs.map((run, i): RunPrediction => {
    const memory = runMemory({ ...run.setup, threads });
    const { record } = plan.surveyed[i]!;
    const secondsFrom = (step: number): number =>
      device === null
        ? secondsLeft(plan.speed, run, step)
        : (run.setup.steps - step) * deviceSecondsPerStep(device, run.cost.flopsPerStep, memory.operations) +
          ASSUMED_OVERHEAD_SECONDS;
    return {
      runKey: run.runKey,
      seconds: secondsFrom(0),
      secondsToDo: record !== null && hasEnded(record) ? 0 : secondsFrom(plan.startSteps.get(run.runKey)!),
      memory,
      fits: memory.totalBytes <= memoryBytes,
    };
  });
  const toDo = runs.filter(({ secondsToDo }) => secondsToDo > 0);
  const largest = toDo.map(({ memory }) => memory.totalBytes).sort((a, b) => b - a);
  const memoryAtOnceBytes = largest
    .slice(0, device === null ? here.sharers : 1)
    .reduce((sum, bytes) => sum + bytes, 0);
  const secondsToDo = makespan(
    toDo.map((run) => run.secondsToDo).sort((a, b) => b - a),
    workers,
  );
  return {
    device,
    runs,
    secondsToDo,
    workers,
    memoryBytes,
    memoryAtOnceBytes,
    basis: [timeBasis(plan, device), MEMORY_BASIS],
    problems: fitProblems(plan, runs, { memoryBytes, memoryAtOnceBytes, workers, device }),
  };
}

/** Bytes that the largest models of what is to do take at the same time: as many as there are workers to share the memory. */
export function memoryOfLargest(plan: SweepPreview): { readonly bytes: number; readonly ofBytes: number } {
  const here = memoryHere(plan.setting, machineMemory());
  const largest = runsToDo(plan)
    .map(({ run }) => run)
    .sort((a, b) => b.cost.flopsPerStep - a.cost.flopsPerStep)
    .slice(0, here.sharers);
  const { threads } = plan.setting;
  const bytes = largest.reduce((sum, { setup }) => sum + runMemory({ ...setup, threads }).totalBytes, 0);
  return { bytes, ofBytes: here.bytes };
}

/** The memory that workers take of, a GPU's where they are bound to GPUs, and how many of them share it. */
function memoryHere(
  { workers, devices, deviceBytes }: WorkerSetting,
  machineBytes: number,
): { readonly bytes: number; readonly sharers: number } {
  return deviceBytes === null
    ? { bytes: machineBytes, sharers: workers }
    : { bytes: deviceBytes, sharers: Math.ceil(workers / devices.length) };
}

const MEMORY_BASIS =
  "memory: the peak of the graph's liveness, copies of parameters and optimizer state, and the engine's overhead as fitted on a CPU: an estimate";

const timeBasis = (plan: SweepPreview, device: Device | null): string =>
  `time: ${device === null ? machineBasis(plan.speed) : deviceBasis(device)}`;

function fitProblems(
  plan: SweepPreview,
  runs: readonly RunPrediction[],
  {
    memoryBytes,
    memoryAtOnceBytes,
    workers,
    device,
  }: Pick<PlanPrediction, 'memoryBytes' | 'memoryAtOnceBytes' | 'workers' | 'device'>,
): string[] {
  const here = plan.setting.deviceBytes === null ? 'this machine' : "this machine's smallest GPU";
  const where = device?.label ?? here;
  const tooLarge = new Map(
    runs.flatMap(({ fits, memory: { totalBytes } }, i) => {
      const { architecture, sizeName, setup } = plan.runs[i]!;
      return fits ? [] : [[`${architecture.label} ${sizeName}`, { totalBytes, setup }] as const];
    }),
  );
  if (tooLarge.size > 0) {
    return [...tooLarge].map(
      ([name, { totalBytes, setup }]) =>
        `${name} needs about ${bytesText(totalBytes)}, and ${where} has ${bytesText(memoryBytes)}` +
        remedyText(totalBytes, fittingBatch(setup, memoryBytes), plan.loaded.sweep.contextLength),
    );
  }
  if (memoryAtOnceBytes <= memoryBytes) return [];
  return [
    `${workers} of the largest runs at the same time need about ${bytesText(memoryAtOnceBytes)}, and ${where} has ` +
      `${bytesText(memoryBytes)}: take fewer workers (--workers)`,
  ];
}

/** What would make a run fit: fewer sequences a step, or one of the known devices. */
function remedyText(totalBytes: number, batchSize: number | null, contextLength: number): string {
  const device = DEVICES.find(({ memoryBytes }) => memoryBytes >= totalBytes);
  const ways = [
    ...(batchSize === null
      ? []
      : [`with batchSize ${batchSize} (${batchSize * contextLength} tokens a step)`]),
    ...(device === undefined ? [] : [`on one ${device.label}`]),
  ];
  return ways.length === 0 ? '' : `; it would fit ${ways.join(', or ')}`;
}
