/** One run from start to end in its run directory: train, log every call, checkpoint, evaluate, record. */
import { hostname } from 'node:os';
import type { PreparedCorpus } from '../data/corpus.js';
import { cpuModel } from '../engine/cpu.js';
import type { Engine, ModelCache } from '../engine/executable.js';
import { ortEngine } from '../engine/ort.js';
import { sizeOf, type HostTensors } from '../engine/tensors.js';
import { MetricsLog } from '../store/metricsLog.js';
import type { EvalRow, RunRecord, TrainRow } from '../store/record.js';
import { readRunRecord, writeRunRecord } from '../store/runDirectory.js';
import { ORPHANED } from '../store/workedOn.js';
import { packageVersion } from '../store/version.js';
import { watchDivergence } from './divergence.js';
import { compileEvaluation, type EvalSplit } from './evaluate.js';
import { objectiveFor, type TokenBatch } from './objective.js';
import { tokenSpecs } from './programs.js';
import { paramKey } from './stateNames.js';
import {
  checkpointRun,
  requireSameRow,
  startingPoint,
  type Execution,
  type StartingPoint,
} from './resume.js';
import { branchStep, scheduleFactor } from './schedules.js';
import { compileTraining, stackStepInputs, type StepRunner } from './stepRunner.js';
import { findBranch, saveTrunk } from './trunk.js';

export interface RunProgress {
  readonly stepsDone: number;
  readonly steps: number;
  readonly lossNats: number;
  /** Over the last call, evaluation and checkpoints excluded. */
  readonly tokensPerSecond: number;
}

export interface TrainOptions {
  /** The run as it was planned; results are filled in here. */
  readonly record: RunRecord;
  readonly directory: string;
  readonly corpus: PreparedCorpus;
  readonly threads: number;
  readonly stepsPerCall: number;
  /** Asked after every call; true ends the run as `interrupted`, with a checkpoint. */
  readonly shouldStop: () => boolean;
  /**
   * Asked after a call and after an evaluation, before anything of it is written. It throws where the directory is no longer
   * this process's: a long call sends no sign of life, so another may have taken the run over.
   */
  readonly requireHeld?: () => void;
  readonly onProgress: (progress: RunProgress) => void;
  /** Told of what does not stop the run but should be known, such as a damaged checkpoint. */
  readonly onNotice?: (message: string) => void;
  readonly engine?: Engine;
  /** Where compiled models are kept; see `EngineOptions`. */
  readonly cache?: ModelCache | undefined;
  /** Seconds of training between checkpoints; where not given 10, or 20 times as long as writing one took. */
  readonly checkpointSeconds?: number;
  /** Directories of shorter runs of the same trunk, whose first steps need not be trained again. */
  readonly trunkDirectories?: readonly string[];
}

type Ending =
  { readonly status: 'done' } | { readonly status: 'interrupted' | 'diverged'; readonly cause: string };

/** Seconds of training between checkpoints, and over the seconds of writing one, where nothing else was asked for. */
const CHECKPOINT_SECONDS = 10;
const TRAINING_PER_CHECKPOINT = 20;

/** Interruptions that run.json keeps. */
const MOST_INTERRUPTIONS = 20;

function presentExecution(engine: Engine, options: TrainOptions, previous: Execution | null): Execution {
  return {
    engine: engine.info.name,
    engineVersion: engine.info.version,
    device: engine.info.device,
    cpuModel: cpuModel(),
    threads: options.threads,
    stepsPerCall: options.stepsPerCall,
    nodeVersion: process.version,
    isolossVersion: packageVersion(),
    host: hostname(),
    startedAt: previous?.startedAt ?? new Date().toISOString(),
    finishedAt: null,
    trainSeconds: 0,
    resumes: previous?.resumes ?? 0,
  };
}

/**
 * Why earlier attempts came to no end, the one that left the record as it is now included.
 *
 * @param step the last one that it finished
 */
function interruptionsOf(before: RunRecord | null, step: number): Pick<Execution, 'interruptions'> {
  if (before?.execution == null) return {};
  const cause = before.cause ?? (before.status === 'running' ? ORPHANED : null);
  const last = cause === null ? [] : [{ step, cause }];
  const all = [...(before.execution.interruptions ?? []), ...last].slice(-MOST_INTERRUPTIONS);
  return all.length === 0 ? {} : { interruptions: all };
}

/**
 * Trains one run, going on from its checkpoint if it has one. The caller holds the run's lock.
 * @returns the record as it now stands in run.json: done, diverged or interrupted
 * @throws Error where training itself fails; what was logged stays
 */
export async function trainRun(options: TrainOptions): Promise<RunRecord> {
  const { record, directory } = options;
  const engine = options.engine ?? ortEngine;
  const before = readRunRecord(directory);
  const previous = before?.execution ?? null;
  const runner = await compileTraining(engine, record.setup, {
    threads: options.threads,
    precision: record.setup.precision,
    cache: options.cache,
  });
  const log = new MetricsLog(directory);
  try {
    let execution = presentExecution(engine, options, previous);
    const own = startingPoint(directory, record, previous, execution, runner, log);
    if (own.notice !== null) options.onNotice?.(own.notice);
    const { start, branch } = own.resumed
      ? { start: own, branch: previous?.branch }
      : onTrunk(options, execution, runner, log, own);
    execution = {
      ...execution,
      resumes: start.resumed ? execution.resumes + 1 : 0,
      startedAt: start.resumed ? execution.startedAt : new Date().toISOString(),
      ...(branch === undefined ? {} : { branch }),
      ...interruptionsOf(before, own.lastStep),
    };
    const running: RunRecord = {
      ...record,
      status: 'running',
      cause: null,
      stepsDone: start.step,
      final: null,
      execution,
    };
    writeRunRecord(directory, running);
    const trained = await trainSteps(options, runner, log, start);
    const { stepsDone, trainSeconds } = trained;
    const { ending, final } =
      trained.ending.status === 'done'
        ? await evaluateFinal(options, engine, runner, log, start)
        : { ending: trained.ending, final: null };
    const finished: RunRecord = {
      ...running,
      status: ending.status,
      cause: ending.status === 'done' ? null : ending.cause,
      stepsDone,
      final,
      execution: {
        ...execution,
        trainSeconds,
        finishedAt: ending.status === 'interrupted' ? null : new Date().toISOString(),
      },
    };
    writeRunRecord(directory, finished);
    return finished;
  } finally {
    log.close();
    await runner.executable.dispose();
  }
}

/** Moves a run that would begin at step 0 to where it leaves the trunk that a shorter one has trained, if there is one. */
function onTrunk(
  { record, trunkDirectories }: TrainOptions,
  present: Execution,
  runner: StepRunner,
  log: MetricsLog,
  start: StartingPoint,
): { start: StartingPoint; branch: Execution['branch'] } {
  const found = findBranch(trunkDirectories ?? [], record, present, runner);
  if (found === null) return { start, branch: undefined };
  const { runKey, step, rows, state } = found;
  for (const row of rows) requireSameRow(start.repeated.get(row.step), row);
  runner.executable.setState(state);
  log.append(rows);
  return { start: { ...start, step, rows }, branch: { runKey, step } };
}

async function trainSteps(
  options: TrainOptions,
  runner: StepRunner,
  log: MetricsLog,
  start: StartingPoint,
): Promise<{ ending: Ending; stepsDone: number; trainSeconds: number }> {
  const { record, directory, corpus, stepsPerCall } = options;
  const { steps, batchSize, schedule, optimizer } = record.setup;
  const { contextLength } = record.setup.model;
  const fill = objectiveFor(record.setup.model, corpus).training(record.setup);
  const lengths = tokenSpecs(runner.model, { batchSize, contextLength }).map(
    ({ name, shape }): [string, number] => [name, sizeOf(shape)],
  );
  const learningRateAt = (step: number): number =>
    optimizer.learningRate * scheduleFactor(schedule, step, steps);
  const watch = watchDivergence();
  for (const row of start.rows) watch.observe(row.step, row.lossNats ?? NaN);
  const tokensPerStep = batchSize * contextLength;
  let step = start.step;
  let trainSeconds = start.rows.at(-1)?.wallSeconds ?? 0;
  let checkpointedAt = trainSeconds;
  let pause = options.checkpointSeconds ?? CHECKPOINT_SECONDS;
  const leavesTrunkAt = branchStep(schedule, steps) ?? 0;
  while (step < steps) {
    const callEnd = step < leavesTrunkAt ? leavesTrunkAt : steps;
    const stepCount = Math.min(stepsPerCall, callEnd - step);
    const inputs = {
      ...tokensOfCall(lengths, fill, step, stepCount),
      ...stackStepInputs(runner, step + 1, stepCount, learningRateAt),
    };
    const began = performance.now();
    const metrics = await runner.executable.run(stepCount, inputs);
    const callSeconds = (performance.now() - began) / 1000;
    const rows: TrainRow[] = [];
    let cause: string | null = null;
    for (let i = 0; i < stepCount && cause === null; i++) {
      const number = step + i + 1;
      const lossNats = metrics['loss']![i]!;
      const row: TrainRow = {
        kind: 'train',
        step: number,
        tokens: number * tokensPerStep,
        flops: number * record.flopsPerStep,
        lossNats: finiteOrNull(lossNats),
        lr: learningRateAt(number),
        gradNorm: finiteOrNull(metrics['gradNorm']![i]!),
        wallSeconds: trainSeconds + (callSeconds * (i + 1)) / stepCount,
      };
      requireSameRow(start.repeated.get(number), row);
      rows.push(row);
      cause = watch.observe(number, lossNats);
    }
    options.requireHeld?.();
    log.append(rows);
    step += rows.length;
    trainSeconds += callSeconds;
    if (cause !== null) return { ending: { status: 'diverged', cause }, stepsDone: step, trainSeconds };
    options.onProgress({
      stepsDone: step,
      steps,
      lossNats: metrics['loss']!.at(-1)!,
      tokensPerSecond: (stepCount * tokensPerStep) / callSeconds,
    });
    if (step === leavesTrunkAt) await saveTrunk(directory, record, runner, step);
    const stopping = options.shouldStop() && step < steps;
    if (stopping || step === steps || trainSeconds - checkpointedAt >= pause) {
      const began = performance.now();
      await checkpointRun(directory, record.runKey, runner, step);
      checkpointedAt = trainSeconds;
      const seconds = (performance.now() - began) / 1000;
      pause = options.checkpointSeconds ?? Math.max(pause, seconds * TRAINING_PER_CHECKPOINT);
    }
    if (stopping) {
      return {
        ending: { status: 'interrupted', cause: 'stopped by request' },
        stepsDone: step,
        trainSeconds,
      };
    }
  }
  return { ending: { status: 'done' }, stepsDone: step, trainSeconds };
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The token tensors of consecutive steps, stacked. @param lengths of each, for one step */
function tokensOfCall(
  lengths: readonly (readonly [string, number])[],
  fill: (batch: TokenBatch, step: number) => void,
  step: number,
  stepCount: number,
): TokenBatch {
  const stacked = Object.fromEntries(
    lengths.map(([name, length]) => [name, new Int32Array(stepCount * length)]),
  );
  for (let i = 0; i < stepCount; i++) {
    const part = ([name, length]: readonly [string, number]): [string, Int32Array] => [
      name,
      stacked[name]!.subarray(i * length, (i + 1) * length),
    ];
    fill(Object.fromEntries(lengths.map(part)), step + i);
  }
  return stacked;
}

/**
 * Both held-out splits at the last step, in f32: `val` chooses, `test` is reported. A run whose last update broke it, which
 * no loss of a step shows, has diverged like any other.
 */
async function evaluateFinal(
  { record, corpus, threads, cache, requireHeld }: TrainOptions,
  engine: Engine,
  runner: StepRunner,
  log: MetricsLog,
  start: StartingPoint,
): Promise<{ ending: Ending; final: RunRecord['final'] }> {
  const { setup } = record;
  const state = await runner.executable.getState();
  const params: HostTensors = Object.fromEntries(
    runner.model.params.map(({ name }) => [paramKey(name), state[paramKey(name)]!]),
  );
  const evaluator = await compileEvaluation(engine, runner.model, corpus, setup, { threads, cache });
  try {
    const rows: EvalRow[] = [];
    const causes: string[] = [];
    const one = async (split: EvalSplit) => {
      const { lossNats, bitsPerByte, tokens, byDocument } = await evaluator.evaluate(params, split);
      const losses = { lossNats: finiteOrNull(lossNats), bitsPerByte: finiteOrNull(bitsPerByte), tokens };
      const isFinite = losses.lossNats !== null;
      if (!isFinite) causes.push(`the ${split} loss was ${lossNats} after the last step`);
      const logged = start.evaluations.some((row) => row.split === split && row.step === setup.steps);
      if (!logged) {
        const row: EvalRow = { kind: 'eval', split, metric: 'loss', step: setup.steps, ...losses };
        // JSON has no NaN: with it in a document's sum, no row of the file could be read from there on.
        rows.push(isFinite ? { ...row, byDocument } : row);
      }
      return losses;
    };
    const final = { val: await one('val'), test: await one('test') };
    requireHeld?.();
    log.append(rows);
    const [cause] = causes;
    return cause === undefined
      ? { ending: { status: 'done' }, final }
      : { ending: { status: 'diverged', cause }, final: null };
  } finally {
    await evaluator.dispose();
  }
}
