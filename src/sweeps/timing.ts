/**
 * Seconds a step of every (architecture, size) of a sweep, as docs/numbers.md asks: at the sweep's own setting of workers and
 * threads, round-robin, at least 5 rounds with a raw-rate probe in each, medians and MADs.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cpuModel } from '../engine/cpu.js';
import { boundTo } from '../engine/cudaDevices.js';
import type { EngineName, Precision } from '../engine/engineNames.js';
import { openEngine } from '../engine/engines.js';
import { median } from '../fit/statistics.js';
import type { ModelSetup, OptimizerSetup, Timing, Timings } from '../store/record.js';
import { canonicalJson } from '../store/files.js';
import type { WorkerSetting } from './machine.js';

/** What is timed: one training step of a model. */
export interface TimedModel {
  readonly arch: string;
  readonly model: ModelSetup;
  readonly optimizer: OptimizerSetup;
  readonly batchSize: number;
}

/** From the runner to a timing process. */
export type ToTimer =
  | {
      readonly kind: 'compile';
      readonly models: readonly TimedModel[];
      /** Absolute paths of the variants among them. */
      readonly variantFiles: readonly string[];
      readonly engine: EngineName;
      readonly precision: Precision;
      readonly threads: number;
      readonly stepsPerCall: number;
    }
  | { readonly kind: 'probe' }
  | { readonly kind: 'time'; readonly index: number };

/** Its answers: compiled, the raw rate in GFLOP/s, or seconds a step. */
export type FromTimer =
  | { readonly kind: 'compiled' }
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'error'; readonly message: string };

const ROUNDS = 5;
/** A round whose probe is further than this from the median probe was disturbed, and is made again. */
const PROBE_TOLERANCE = 0.15;
/** Rounds after which a machine counts as too busy to be timed. */
const MAX_ROUNDS = 20;

export interface TimingOptions extends WorkerSetting {
  readonly precision: Precision;
  readonly variantFiles: readonly string[];
  readonly stepsPerCall: number;
  readonly onRound: (kept: number, wanted: number) => void;
}

/** Names what was timed on what; seconds are compared only where these strings are equal. */
export async function hardwareString(
  { workers, threads, engine }: WorkerSetting,
  precision: Precision,
): Promise<string> {
  const { name, version, device } = (await openEngine(engine, { threads })).info;
  const cores = `${availableParallelism()} cores`;
  const gpu = device === cpuModel() ? '' : `${device}, `;
  return `${gpu}${cpuModel()}, ${cores}, ${workers} workers x ${threads} threads, ${name} ${version}, ${precision}`;
}

/** Distinct models of a list, in its order. */
export function distinctModels(models: readonly TimedModel[]): TimedModel[] {
  // The rate of learning has no influence on time, and differs between runs of one model.
  const key = ({ arch, model, batchSize }: TimedModel): string => canonicalJson({ arch, model, batchSize });
  return [...new Map(models.map((timed) => [key(timed), timed])).values()];
}

/**
 * Times models on as many processes at once as the sweep has workers, all of them on the same model at a time.
 * @throws Error where a timing process fails, or the machine stays too busy for rounds that agree
 */
export async function timeModels(models: readonly TimedModel[], options: TimingOptions): Promise<Timings> {
  const timers = startTimers(options);
  try {
    const { engine, precision, threads, stepsPerCall, variantFiles } = options;
    await askAll(timers, {
      kind: 'compile',
      models,
      variantFiles,
      engine,
      precision,
      threads,
      stepsPerCall,
    });
    const rounds = await keptRounds(timers, models.length, options.onRound);
    return {
      format: 1,
      hardware: await hardwareString(options, precision),
      measuredAt: new Date().toISOString(),
      probeGflops: rounds.map(({ probe }) => probe),
      timings: models.map((timed, i) =>
        summarise(
          timed,
          rounds.map(({ seconds }) => seconds[i]!),
        ),
      ),
    };
  } finally {
    for (const timer of timers) timer.kill();
  }
}

interface Round {
  readonly probe: number;
  /** Seconds a step by model, mean over the processes. */
  readonly seconds: readonly number[];
}

async function keptRounds(
  timers: readonly ChildProcess[],
  count: number,
  onRound: TimingOptions['onRound'],
): Promise<Round[]> {
  const all: Round[] = [];
  for (;;) {
    const middle = median(all.map(({ probe }) => probe));
    const kept = all.filter(({ probe }) => Math.abs(probe / middle - 1) <= PROBE_TOLERANCE);
    if (kept.length >= ROUNDS) return kept;
    if (all.length >= MAX_ROUNDS) {
      throw new Error(
        `the machine is too busy to time: of ${all.length} rounds only ${kept.length} have a raw rate within ` +
          `${PROBE_TOLERANCE * 100}% of the median of ${middle.toFixed(0)} GFLOP/s. Stop other work and run \`isoloss time\` again`,
      );
    }
    onRound(kept.length, ROUNDS);
    const probe = sum(await askAll(timers, { kind: 'probe' }));
    const seconds: number[] = [];
    for (let index = 0; index < count; index++) {
      seconds.push(sum(await askAll(timers, { kind: 'time', index })) / timers.length);
    }
    all.push({ probe, seconds });
  }
}

function summarise({ arch, model, batchSize }: TimedModel, seconds: readonly number[]): Timing {
  const secondsPerStep = median(seconds);
  return {
    arch,
    dModel: model.dModel,
    nLayers: model.nLayers,
    dFf: model.dFf,
    batchSize,
    contextLength: model.contextLength,
    vocabSize: model.vocabSize,
    secondsPerStep,
    madSeconds: median(seconds.map((value) => Math.abs(value - secondsPerStep))),
    rounds: seconds.length,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Timing processes, to be killed when done with. */
export function startTimers({
  workers,
  devices,
}: Pick<WorkerSetting, 'workers' | 'devices'>): ChildProcess[] {
  return Array.from({ length: workers }, (_, i) => startTimer(devices[i % devices.length]));
}

function startTimer(device: string | undefined): ChildProcess {
  // Beside this file, compiled or not; a loader given to this process is given to the child as well.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fork(fileURLToPath(new URL(`./timingWorker.${extension}`, import.meta.url)), {
    stdio: 'inherit',
    ...(device === undefined ? {} : { env: { ...process.env, ...boundTo(device) } }),
  });
}

/** Sends the same request to all and waits for all answers. */
export async function askAll(timers: readonly ChildProcess[], request: ToTimer): Promise<number[]> {
  return Promise.all(timers.map((timer) => ask(timer, request)));
}

async function ask(timer: ChildProcess, request: ToTimer): Promise<number> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null): void => {
      reject(new Error(`a timing process ended (${signal ?? `exit code ${code ?? 'unknown'}`})`));
    };
    timer.once('exit', ended);
    timer.once('message', (answer: FromTimer) => {
      timer.off('exit', ended);
      if (answer.kind === 'error') reject(new Error(answer.message));
      else resolve(answer.kind === 'value' ? answer.value : 0);
    });
    timer.send(request);
  });
}
