/**
 * Sharing a trunk: runs that differ in their length alone are one run until the shorter one cools down, so a longer
 * one takes over those steps, and the state after them, instead of training them again. The bits are the same.
 */
import { sizeOf, type HostArray } from '../engine/tensors.js';
import { loadCheckpoint, saveCheckpoint } from '../store/checkpoint.js';
import { UsageError } from '../store/errors.js';
import { readMetrics } from '../store/metricsLog.js';
import type { RunRecord, TrainRow } from '../store/record.js';
import { readRunRecord, trunkPath } from '../store/runDirectory.js';
import { sameConditions, stateTensors, type Execution } from './resume.js';
import { branchStep } from './schedules.js';
import type { StepRunner } from './stepRunner.js';

/** The steps of a shorter run that a longer one begins with. */
export interface Branch {
  readonly runKey: string;
  readonly step: number;
  readonly rows: readonly TrainRow[];
  readonly state: Readonly<Record<string, HostArray>>;
}

/**
 * The longest part that one of the given runs has in common with this one and that can be taken over: its state is
 * there and good, its rows are complete, and it was trained under the same conditions.
 *
 * @param directories of runs of the same trunk, in any order; one that is missing or can't be read is passed over
 */
export function findBranch(
  directories: readonly string[],
  record: RunRecord,
  present: Execution,
  runner: StepRunner,
): Branch | null {
  const until = branchStep(record.setup.schedule, record.setup.steps);
  if (until === null) return null;
  const branches = directories
    .flatMap((directory) => readBranch(directory, record, present, runner) ?? [])
    .filter(({ step }) => step <= until)
    .sort((a, b) => b.step - a.step);
  return branches[0] ?? null;
}

function readBranch(
  directory: string,
  record: RunRecord,
  present: Execution,
  runner: StepRunner,
): Branch | null {
  try {
    const source = readRunRecord(directory);
    if (source?.execution == null || source.trunk !== record.trunk) return null;
    if (!sameConditions(source.execution, present)) return null;
    const { checkpoint } = loadCheckpoint(trunkPath(directory));
    if (checkpoint?.metadata['trunk'] !== record.trunk) return null;
    const { step, tensors } = checkpoint;
    if (!runner.state.every(({ name, shape }) => tensors[name]?.data.length === sizeOf(shape))) return null;
    const rows = readMetrics(directory).rows.filter(
      (row): row is TrainRow => row.kind === 'train' && row.step <= step,
    );
    if (rows.length !== step) return null;
    const state = Object.fromEntries(runner.state.map(({ name }) => [name, tensors[name]!.data]));
    return { runKey: source.runKey, step, rows, state };
  } catch (error) {
    // A broken record or metrics file is told of by whoever needs that run; this one can do without it.
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/** Writes the state where this run leaves its trunk, for longer ones. */
export async function saveTrunk(
  directory: string,
  record: RunRecord,
  runner: StepRunner,
  step: number,
): Promise<void> {
  const metadata = { runKey: record.runKey, trunk: record.trunk };
  saveCheckpoint(trunkPath(directory), { step, tensors: await stateTensors(runner), metadata });
}
