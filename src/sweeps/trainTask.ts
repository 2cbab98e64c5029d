/** The real trainer as worker processes use it, in a pool on this machine or in a job of a cluster. */
import { prepareCorpus, type PreparedCorpus } from '../data/corpus.js';
import type { Engine } from '../engine/executable.js';
import { openEngine } from '../engine/engines.js';
import { loadVariants } from '../models/loadVariant.js';
import { defaultModelCache } from '../store/modelCache.js';
import { findRun } from '../store/runDirectory.js';
import { describeModel } from '../train/describe.js';
import { trainRun } from '../train/run.js';
import type { CorpusRequest, RunTask } from './executor.js';
import { EnvironmentError, type Trainer } from './workerLoop.js';

const corpora = new Map<string, Promise<PreparedCorpus>>();

/** The corpus of a run, loaded once a process. */
async function corpusOf(request: CorpusRequest): Promise<PreparedCorpus> {
  const key = JSON.stringify(request);
  const loading =
    corpora.get(key) ??
    prepareCorpus({ corpus: request.corpus, vocabSize: request.vocabSize, baseDir: request.baseDir });
  corpora.set(key, loading);
  const corpus = await loading.catch((error: unknown) => {
    throw new EnvironmentError(error instanceof Error ? error.message : String(error), { cause: error });
  });
  if (corpus.train.sha256 !== request.trainSha256) {
    throw new EnvironmentError(
      `The text of corpus ${request.corpus} has changed since the sweep was started; start it again.`,
    );
  }
  return corpus;
}

/** A variant's file that was edited since the plan was made must not be trained under the old graph's key. */
async function loadSameVariants({ variantFiles, record }: RunTask): Promise<void> {
  if (variantFiles.length === 0) return;
  await loadVariants(variantFiles);
  const { model, batchSize } = record.setup;
  if (describeModel(model, batchSize).trainGraphSha256 !== record.keyParts['trainGraph']) {
    throw new EnvironmentError(
      `${model.preset} has changed since the sweep was started (${variantFiles.join(', ')}); start it again.`,
    );
  }
}

/** The task's engine; one that can't be used here can't be by any run. */
async function engineOf({ engine, threads }: RunTask): Promise<Engine> {
  return openEngine(engine, { threads }).catch((error: unknown) => {
    throw new EnvironmentError(error instanceof Error ? error.message : String(error), { cause: error });
  });
}

/** Trains one run of a sweep. */
export const trainTask: Trainer = async ({
  task,
  record,
  directory,
  shouldStop,
  requireHeld,
  onProgress,
  onNotice,
}) => {
  await loadSameVariants(task);
  return trainRun({
    record,
    directory,
    corpus: await corpusOf(task.corpus),
    engine: await engineOf(task),
    threads: task.threads,
    stepsPerCall: task.stepsPerCall,
    cache: defaultModelCache(),
    ...(task.checkpointSeconds === undefined ? {} : { checkpointSeconds: task.checkpointSeconds }),
    trunkDirectories: task.trunkRuns.flatMap(
      (runKey) => findRun(task.resultsDir, runKey)?.found.directory ?? [],
    ),
    shouldStop,
    requireHeld,
    onProgress,
    onNotice,
  });
};
