/** Real runs, small enough to train in a blink: a made-up text, a model of one layer, a run directory of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareCorpus, type PreparedCorpus } from '../../src/data/corpus.js';
import type { HostArray } from '../../src/engine/tensors.js';
import { loadCheckpoint } from '../../src/store/checkpoint.js';
import { readMetrics } from '../../src/store/metricsLog.js';
import type { MetricRow, RunRecord, RunSetup } from '../../src/store/record.js';
import {
  checkpointPath,
  createRunDirectory,
  metricsPath,
  runRecordPath,
} from '../../src/store/runDirectory.js';
import { describeModel, runKey, trunkKey } from '../../src/train/describe.js';
import { trainRun, type TrainOptions } from '../../src/train/run.js';
import { uniformNumbers } from '../engine/harness.js';

export const SETUP: RunSetup = {
  model: {
    preset: 'primer-ez',
    positions: 'relative',
    vocabSize: 257,
    contextLength: 8,
    dModel: 8,
    nLayers: 1,
    nHeads: 2,
    dHead: 4,
    dFf: 16,
    tiedEmbeddings: false,
    init: 'small',
  },
  optimizer: {
    kind: 'adamw',
    learningRate: 1e-2,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    clipNorm: 1,
  },
  schedule: { kind: 'cosine', warmupFraction: 0.1, finalFraction: 0.1 },
  steps: 20,
  batchSize: 4,
  seed: 1,
  corpus: 'made-up.txt',
  evalTokens: 80,
  precision: 'f32',
};

const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-train-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A few thousand words over a small vocabulary, in paragraphs. */
export async function madeUpCorpus(folder: string): Promise<PreparedCorpus> {
  const next = uniformNumbers(12);
  const words = ['ash', 'birch', 'cedar', 'elm', 'fir', 'holly', 'larch', 'oak', 'pine', 'yew'];
  const paragraph = (): string =>
    Array.from({ length: 20 }, () => words[Math.floor(next() * next() * words.length)]!).join(' ');
  writeFileSync(join(folder, 'made-up.txt'), Array.from({ length: 120 }, paragraph).join('\n\n'));
  return prepareCorpus({
    corpus: 'made-up.txt',
    baseDir: folder,
    cacheDir: join(folder, 'cache'),
    vocabSize: 257,
  });
}

/** A planned run in a new results folder. */
export function plan(
  corpus: PreparedCorpus,
  change: Partial<RunSetup> = {},
): { record: RunRecord; directory: string } {
  const setup: RunSetup = { ...SETUP, ...change };
  const cost = describeModel(setup.model, setup.batchSize);
  const streams = { train: corpus.train.sha256, val: corpus.val.sha256, test: corpus.test.sha256 };
  const tokensPerStep = setup.batchSize * setup.model.contextLength;
  const key = runKey(setup, cost, streams);
  const record: RunRecord = {
    format: 1,
    ...key,
    sweep: 'tiny',
    arch: setup.model.preset,
    setup,
    paramsTotal: cost.paramsTotal,
    paramsNonEmbedding: cost.paramsNonEmbedding,
    paramsActive: cost.paramsActive,
    paramsByGroup: cost.paramsByGroup,
    flopsPerStep: cost.flopsPerStep,
    flopsMatmulPerStep: cost.flopsMatmulPerStep,
    flopsByKind: cost.flopsByKind,
    tokensPerStep,
    tokens: setup.steps * tokensPerStep,
    epochs: 1,
    flops: setup.steps * cost.flopsPerStep,
    flopsMatmul: setup.steps * cost.flopsMatmulPerStep,
    budgetFlops: setup.steps * cost.flopsPerStep,
    trunk: trunkKey(setup, key),
    status: 'planned',
    cause: null,
    stepsDone: 0,
    final: null,
    execution: null,
  };
  return { record, directory: createRunDirectory(temporaryFolder(), record) };
}

export type Conditions = Partial<Omit<TrainOptions, 'record' | 'directory' | 'corpus'>>;

/** Trains a planned run, from where it stands, with a checkpoint after every call unless told otherwise. */
export const train = (
  { record, directory }: { readonly record: RunRecord; readonly directory: string },
  corpus: PreparedCorpus,
  conditions: Conditions = {},
): Promise<RunRecord> =>
  trainRun({
    record,
    directory,
    corpus,
    threads: 1,
    stepsPerCall: 4,
    shouldStop: () => false,
    onProgress: () => undefined,
    checkpointSeconds: 0,
    ...conditions,
  });

/** Stops after so many calls, as Ctrl-C would. */
export function stopAfter(calls: number): () => boolean {
  let done = 0;
  return () => ++done >= calls;
}

/** What must not depend on how a run was cut up: all rows but their seconds, the result, the parameters' bits. */
export interface Trace {
  readonly rows: readonly unknown[];
  readonly final: RunRecord['final'];
  readonly parameters: Readonly<Record<string, string>>;
}

const hex = (values: HostArray): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

export function rowsOf(directory: string): MetricRow[] {
  const { rows, torn } = readMetrics(directory);
  if (torn !== null) throw new Error(`metrics.jsonl ends torn: ${torn.reason}`);
  return [...rows];
}

export function traceOf(directory: string, record: RunRecord): Trace {
  const { checkpoint } = loadCheckpoint(checkpointPath(directory));
  return {
    rows: rowsOf(directory).map((row) => (row.kind === 'train' ? { ...row, wallSeconds: 0 } : row)),
    final: record.final,
    parameters: Object.fromEntries(
      Object.entries(checkpoint?.tensors ?? {}).map(([name, { data }]) => [name, hex(data)]),
    ),
  };
}

/** The files of a run as they stand now, to be put back later: what a kill at this moment leaves. */
export function snapshot(directory: string): {
  readonly restore: (...files: ('run' | 'checkpoint' | 'metrics')[]) => void;
} {
  const checkpoint = checkpointPath(directory);
  const paths = {
    run: [runRecordPath(directory)],
    checkpoint: [checkpoint, `${checkpoint}.previous`],
    metrics: [metricsPath(directory)],
  };
  const read = (path: string): [string, Buffer][] => {
    try {
      return [[path, readFileSync(path)]];
    } catch {
      return [];
    }
  };
  const contents = new Map(Object.values(paths).flat().flatMap(read));
  return {
    restore(...files) {
      for (const path of files.flatMap((file) => paths[file])) {
        const content = contents.get(path);
        if (content !== undefined) writeFileSync(path, content);
      }
    },
  };
}
