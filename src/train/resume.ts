/** Where a run starts: at its checkpoint if that is good and was made the same way, otherwise at step 0. */
import { rmSync } from 'node:fs';
import { sizeOf } from '../engine/tensors.js';
import {
  loadCheckpoint,
  removeCheckpoints,
  saveCheckpoint,
  type Checkpoint,
  type StoredTensor,
} from '../store/checkpoint.js';
import type { MetricsLog } from '../store/metricsLog.js';
import type { EvalRow, MetricRow, RunRecord, TrainRow } from '../store/record.js';
import { checkpointPath, trunkPath } from '../store/runDirectory.js';
import type { StepRunner } from './stepRunner.js';

export type Execution = NonNullable<RunRecord['execution']>;

/** What must be equal for the same bits: a run cut off under other conditions starts again. */
export const sameConditions = (a: Execution, b: Execution): boolean =>
  a.engine === b.engine &&
  a.engineVersion === b.engineVersion &&
  (a.device ?? a.cpuModel) === (b.device ?? b.cpuModel) &&
  a.isolossVersion === b.isolossVersion &&
  a.cpuModel === b.cpuModel &&
  a.threads === b.threads;

export interface StartingPoint {
  readonly step: number;
  /** Training rows up to the step. */
  readonly rows: readonly TrainRow[];
  /** Evaluations at that step, where the run was cut off after them: they are not logged twice. */
  readonly evaluations: readonly EvalRow[];
  /** Rows of steps that will be repeated, by step: the repetition must give the same. */
  readonly repeated: ReadonlyMap<number, TrainRow>;
  /** The last step whose row was on disk, be it after `step`. */
  readonly lastStep: number;
  readonly resumed: boolean;
  /** Why a checkpoint was passed over, for people; null where none was. */
  readonly notice: string | null;
}

const trainRows = (rows: readonly MetricRow[]): TrainRow[] => rows.filter((row) => row.kind === 'train');

/** Puts the state of the last good checkpoint in place and cuts the metrics to its step. */
export function startingPoint(
  directory: string,
  record: RunRecord,
  previous: Execution | null,
  present: Execution,
  runner: StepRunner,
  log: MetricsLog,
): StartingPoint {
  const path = checkpointPath(directory);
  const { checkpoint, reason } = loadCheckpoint(path);
  const usable =
    checkpoint !== null &&
    previous !== null &&
    sameConditions(previous, present) &&
    checkpoint.metadata['runKey'] === record.runKey &&
    runner.state.every(({ name, shape }) => checkpoint.tensors[name]?.data.length === sizeOf(shape));
  if (!usable) {
    removeCheckpoints(path);
    // Made under the conditions of before: a longer run would take it for the state after the rows that are made now.
    rmSync(trunkPath(directory), { force: true });
    const { cut } = log.truncateTo(0);
    // Rows of another engine or thread count need not repeat; those of the same conditions must.
    const mustRepeat = previous !== null && sameConditions(previous, present) ? trainRows(cut) : [];
    return {
      step: 0,
      rows: [],
      evaluations: [],
      repeated: new Map(mustRepeat.map((row) => [row.step, row])),
      lastStep: cut.at(-1)?.step ?? 0,
      resumed: false,
      notice: reason ?? notUsable(checkpoint, previous, present),
    };
  }
  runner.executable.setState(
    Object.fromEntries(runner.state.map(({ name }) => [name, checkpoint.tensors[name]!.data])),
  );
  const { kept, cut } = log.truncateTo(checkpoint.step);
  return {
    step: checkpoint.step,
    rows: trainRows(kept),
    evaluations: kept.filter((row) => row.kind === 'eval'),
    repeated: new Map(trainRows(cut).map((row) => [row.step, row])),
    lastStep: cut.at(-1)?.step ?? checkpoint.step,
    resumed: true,
    notice: reason,
  };
}

/** Why a good checkpoint was not gone on from. */
function notUsable(
  checkpoint: Checkpoint | null,
  previous: Execution | null,
  present: Execution,
): string | null {
  if (checkpoint === null) return null;
  if (previous === null || sameConditions(previous, present)) {
    return 'The checkpoint belongs to another run, so this one starts again.';
  }
  const conditions = ({
    isolossVersion,
    engine,
    engineVersion,
    device,
    cpuModel,
    threads,
  }: Execution): string =>
    `isoloss ${isolossVersion}, ${engine} ${engineVersion}, ${device ?? cpuModel}, ${threads} threads`;
  return (
    `The checkpoint was made under other conditions (${conditions(previous)}) than now (${conditions(present)}), ` +
    'which would not give the same bits, so the run starts again.'
  );
}

/** Writes the state after `step` steps. */
export async function checkpointRun(
  directory: string,
  runKey: string,
  runner: StepRunner,
  step: number,
): Promise<void> {
  // The data position is the step: step s reads the sequences from s * batchSize on.
  const tensors = await stateTensors(runner);
  saveCheckpoint(checkpointPath(directory), { step, tensors, metadata: { runKey } });
}

/** Parameters and optimizer state as checkpoints hold them. */
export async function stateTensors(runner: StepRunner): Promise<Record<string, StoredTensor>> {
  const state = await runner.executable.getState();
  return Object.fromEntries(
    runner.state.map(({ name, shape }) => [name, { shape: [...shape], data: state[name]! }]),
  );
}

/** @throws Error if a repeated step differs from what was recorded before the run was cut off */
export function requireSameRow(before: TrainRow | undefined, now: TrainRow): void {
  if (before === undefined) return;
  if (before.lossNats === now.lossNats && before.gradNorm === now.gradNorm && before.lr === now.lr) return;
  throw new Error(
    `step ${now.step} gave a loss of ${now.lossNats ?? 'NaN'} where ${before.lossNats ?? 'NaN'} was recorded before the run was cut off: ` +
      'the machine does not repeat its results, or the files were changed. Remove the run directory to train this run again',
  );
}
