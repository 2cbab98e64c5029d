/** Entry of the process that lets a trained model write: its parameters, its corpus's tokenizer, its forward pass. */
import { prepareCorpus } from '../../data/corpus.js';
import { ortEngine } from '../../engine/ort.js';
import { randomStream } from '../../fit/random.js';
import { UsageError } from '../../store/errors.js';
import { readRunRecord } from '../../store/runDirectory.js';
import { generate } from '../../train/generate.js';
import { loadTrainedModel } from '../../train/trainedModel.js';
import type { SampleReply, SampleRequest } from './messages.js';
import { loadVariantOf } from './runVariant.js';

const SAMPLES = 3;

async function write({ directory, sweeps, prompt, temperature, seed }: SampleRequest): Promise<SampleReply> {
  const record = readRunRecord(directory);
  if (record?.status !== 'done') throw new UsageError('Only a run that is done writes text.');
  const { model: choice, corpus: corpusId } = record.setup;
  await loadVariantOf(record, sweeps);
  const { model, params } = loadTrainedModel(directory, record);
  if (model.encoder !== undefined) throw new UsageError('A model with an encoder writes no free text.');
  const corpus = await prepareCorpus({ corpus: corpusId, vocabSize: choice.vocabSize });
  const streams = record.keyParts['streams'] as { readonly train?: string } | undefined;
  if (streams?.train !== corpus.train.sha256) {
    throw new UsageError(
      `The text of corpus ${corpusId} is not the one that the run was trained on, so its tokens mean something else.`,
    );
  }
  const { tokenizer } = corpus;
  // The separator stands before every document, so a text begins after one.
  const given = [...tokenizer.encode(prompt)].slice(-Math.floor(choice.contextLength / 2));
  const stream = randomStream(seed, 0);
  const texts = await generate(ortEngine, {
    model,
    vocabSize: choice.vocabSize,
    contextLength: choice.contextLength,
    params,
    prompt: [tokenizer.separatorId, ...given],
    samples: SAMPLES,
    temperature,
    random: () => stream.uniform(),
    endId: tokenizer.separatorId,
    threads: 1,
  });
  return { kind: 'texts', prompt: tokenizer.decode(given), texts: texts.map((ids) => tokenizer.decode(ids)) };
}

process.once('message', (request) => {
  void write(request as SampleRequest)
    .catch((error: unknown): SampleReply => {
      return { kind: 'wrong', message: error instanceof Error ? error.message : String(error) };
    })
    .then((reply) => process.send?.(reply, () => process.disconnect()));
});
