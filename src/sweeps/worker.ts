/** Entry of a worker process: trains the runs it is sent with the real trainer. Started by `executors/local.ts`. */
import { prepareCorpus, type PreparedCorpus } from '../data/corpus.js';
import { loadVariants } from '../models/loadVariant.js';
import { trainRun } from '../train/run.js';
import type { CorpusRequest } from './executor.js';
import { connectWorker, EnvironmentError, type Trainer } from './workerLoop.js';

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

const train: Trainer = async ({ task, record, directory, shouldStop, onProgress }) => {
  await loadVariants(task.variantFiles);
  return trainRun({
    record,
    directory,
    corpus: await corpusOf(task.corpus),
    threads: task.threads,
    stepsPerCall: task.stepsPerCall,
    shouldStop,
    onProgress,
    onNotice: (message) => {
      process.emitWarning(`${task.label}: ${message}`);
    },
  });
};

connectWorker(train);
