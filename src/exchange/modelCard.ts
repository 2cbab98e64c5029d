/** The model card of an export: what the model is, what it was trained on and how, how good it is, how to load it. */
import { z } from 'zod';
import { SEPARATOR_ID } from '../data/bpe.js';
import { SEPARATOR_TEXT } from '../data/tokenizer.js';
import { objectiveOf } from '../models/registry.js';
import type { RunRecord } from '../store/record.js';
import { packageVersion } from '../store/version.js';
import { LOGITS, SOURCE, TOKENS } from '../train/portableForward.js';
import type { ModelFileCheck } from './checkModelFile.js';

/** Stands in every card, so that an export replaces the card of an earlier one and no other file. */
export const CARD_MARK = '<!-- isoloss model card -->';

export interface ModelCardFacts {
  readonly record: RunRecord;
  readonly step: number;
  readonly encoder: { readonly sourceLength: number; readonly targetLength: number } | null;
  /** `resolved.corpus` of sweep.json, as it was read. */
  readonly corpus: unknown;
  readonly onnx: string | null;
  readonly batchSize: number | null;
  readonly safetensors: string | null;
  readonly tokenizer: string | null;
  /** Names of the model's and the tokenizer's files. */
  readonly files: readonly string[];
  readonly check: ModelFileCheck | null;
}

/** What the card says of the corpus, where its sweep's record has it. */
const corpusSchema = z.object({
  name: z.string(),
  licence: z.string().nullable(),
  contentSha256: z.string(),
  documents: z.number(),
  utf8Bytes: z.number(),
});

const count = (value: number): string => value.toLocaleString('en-US');
const inline = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The card as Markdown, with the metadata that model hubs read. */
export function modelCard(facts: ModelCardFacts): string {
  const { record, step, files } = facts;
  const { setup } = record;
  const unfinished =
    record.status === 'done'
      ? ''
      : `**This run is ${record.status}: these are its parameters after step ${count(step)} of ${count(setup.steps)}.**\n`;
  return [
    `---\nlibrary_name: onnx\ntags:\n  - isoloss\n  - language-model\n---`,
    CARD_MARK,
    `# ${record.arch}, run ${record.runKey}`,
    `A language model of ${count(record.paramsTotal)} parameters, trained by isoloss ${record.execution?.isolossVersion ?? packageVersion()} in the sweep ${inline(record.sweep)}. It is one run of a study of training compute, not a model made to be used.\n${unfinished}`,
    `Files: ${files.map(inline).join(', ')}.`,
    `## Architecture\n\n${architecture(facts)}`,
    `## Data\n\n${data(facts)}`,
    `## Training\n\n${training(facts)}`,
    `## Losses\n\n${losses(record)}`,
    `## Loading it\n\n${loading(facts)}`,
  ]
    .map((part) => part.trimEnd())
    .join('\n\n')
    .concat('\n');
}

function architecture({ record, encoder }: ModelCardFacts): string {
  const { model } = record.setup;
  const rows: [string, string][] = [
    ['architecture', model.preset],
    ['positions', model.positions],
    [encoder === null ? 'layers' : 'layers of encoder and of decoder', count(model.nLayers)],
    ['width (dModel)', count(model.dModel)],
    ['heads x width of a head', `${model.nHeads} x ${model.dHead}`],
    ['feed-forward width (dFf)', count(model.dFf)],
    ['vocabulary', count(model.vocabSize)],
    ['context', `${count(model.contextLength)} tokens`],
    ['embeddings', model.tiedEmbeddings ? 'tied' : 'untied'],
    ['parameters', count(record.paramsTotal)],
    ['without embeddings', count(record.paramsNonEmbedding)],
    ['used for each token', count(record.paramsActive)],
    ...Object.entries(record.paramsByGroup).map(([group, n]): [string, string] => [
      `parameters: ${group}`,
      count(n),
    ]),
  ];
  return table(['', ''], rows);
}

function data({ record, corpus }: ModelCardFacts): string {
  const known = corpusSchema.safeParse(corpus);
  const { setup, tokens, epochs } = record;
  const about = known.success
    ? `${known.data.name}: ${count(known.data.documents)} documents, ${count(known.data.utf8Bytes)} bytes of text${known.data.licence === null ? '' : `, licence: ${known.data.licence}`}; SHA-256 of the text ${inline(known.data.contentSha256)}.`
    : `Corpus ${inline(setup.corpus)}.`;
  return `${about} Trained on ${count(tokens)} tokens, ${Number(epochs.toPrecision(3))} epochs of the training split. The tokenizer, a byte-level BPE, was trained on that split too.`;
}

function training({ record }: ModelCardFacts): string {
  const { setup, execution } = record;
  const { kind, ...settings } = setup.optimizer;
  const { kind: schedule, ...shape } = setup.schedule;
  const listed = (values: object): string =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ');
  const objective =
    objectiveOf(setup.model.preset) === 'spanCorruption'
      ? 'the spans dropped from a text (span corruption)'
      : 'the next token of a text';
  const rows: [string, string][] = [
    ['predicts', objective],
    ['optimizer', `${kind}: ${listed(settings)}`],
    ['schedule', `${schedule}: ${listed(shape)}`],
    ['steps', `${count(setup.steps)} of ${count(record.tokensPerStep)} tokens`],
    [
      'training FLOPs',
      `${record.flops.toExponential(3)}, ${record.flopsMatmul.toExponential(3)} in matrix products`,
    ],
    ['seed', String(setup.seed)],
    ['precision', setup.precision],
  ];
  if (execution !== null) {
    rows.push([
      'engine',
      `${execution.engine} ${execution.engineVersion}, ${execution.threads} ${execution.threads === 1 ? 'thread' : 'threads'}`,
    ]);
    rows.push(['seconds of training', execution.trainSeconds.toFixed(1)]);
  }
  return table(['', ''], rows);
}

function losses({ final, setup }: RunRecord): string {
  if (final === null) return 'Not evaluated: the run has not come to its end.';
  const shown = (value: number | null, digits: number): string =>
    value === null ? 'not finite' : value.toFixed(digits);
  const rows = (['val', 'test'] as const).map((split) => {
    const { lossNats, bitsPerByte, tokens } = final[split];
    return [split, shown(lossNats, 4), shown(bitsPerByte, 4), count(tokens)];
  });
  return `${table(['split', 'nats per token', 'bits per byte', 'tokens'], rows)}\n\nAt the last step (${count(setup.steps)}), on windows of ${count(setup.model.contextLength)} tokens.`;
}

function loading(facts: ModelCardFacts): string {
  const { onnx, safetensors, check, record } = facts;
  const parts: string[] = [];
  if (onnx !== null) {
    parts.push(interfaceText(facts, onnx), '```python\n' + python(facts, onnx) + '```');
    if (check !== null) {
      parts.push(
        `Checked when it was written: at ${check.batchSizes.length === 1 ? 'batch' : 'batches of'} ${check.batchSizes.join(', ')} the logits are those of isoloss's own evaluation, to ${check.largestError.toExponential(1)} of the largest one.`,
      );
    }
  }
  if (safetensors !== null) {
    parts.push(
      `${inline(safetensors)} holds the ${count(record.paramsTotal)} parameters by name in float32, matrices as [in, out] (embedding and output as [vocabulary, dModel]); the optimizer's state is not in it.`,
    );
  }
  return parts.join('\n\n');
}

function interfaceText({ record, encoder, batchSize }: ModelCardFacts, onnx: string): string {
  const { contextLength, vocabSize } = record.setup.model;
  const batch = batchSize === null ? 'batch' : String(batchSize);
  if (encoder === null) {
    return `${inline(onnx)} takes ${inline(TOKENS)} [${batch}, ${contextLength}] of int64 and gives ${inline(LOGITS)} [${batch}, ${contextLength}, ${vocabSize}] of float32: those at position t are of the token at t + 1. The length is fixed. A shorter text is filled up at its end with any token, which changes nothing before it. Texts begin with the separator ${inline(SEPARATOR_TEXT)}, token ${SEPARATOR_ID}.`;
  }
  const { sourceLength, targetLength } = encoder;
  return `${inline(onnx)} takes ${inline(SOURCE)} [${batch}, ${sourceLength}] (what the encoder reads: the text with sentinels for its dropped spans, then the separator) and ${inline(TOKENS)} [${batch}, ${targetLength}] (what the decoder has written so far, beginning with the separator), both of int64, and gives ${inline(LOGITS)} of float32 for ${inline(TOKENS)}. The sentinels are the ids from ${vocabSize} on, which the tokenizer does not know.`;
}

function python({ record, encoder, tokenizer, batchSize }: ModelCardFacts, onnx: string): string {
  const { contextLength, vocabSize } = record.setup.model;
  const head = [
    'import numpy as np',
    'import onnxruntime as ort',
    ...(tokenizer === null ? [] : ['from tokenizers import Tokenizer']),
    '',
    `session = ort.InferenceSession(${JSON.stringify(onnx)})`,
    ...(tokenizer === null ? [] : [`tokenizer = Tokenizer.from_file(${JSON.stringify(tokenizer)})`]),
    '',
  ];
  const rows = batchSize ?? 1;
  if (encoder !== null) {
    const { sourceLength, targetLength } = encoder;
    return `${[
      ...head,
      `source = np.zeros((${rows}, ${sourceLength}), np.int64)  # text, sentinels from ${vocabSize} on, separator`,
      `tokens = np.zeros((${rows}, ${targetLength}), np.int64)`,
      `(logits,) = session.run(["${LOGITS}"], {"${SOURCE}": source, "${TOKENS}": tokens})`,
      'print(logits.shape)',
    ].join('\n')}\n`;
  }
  const text =
    tokenizer === null
      ? [`ids = [${SEPARATOR_ID}]  # and more of the tokenizer that the run was trained with`]
      : [
          `separator = tokenizer.token_to_id(${JSON.stringify(SEPARATOR_TEXT)})`,
          'ids = [separator] + tokenizer.encode("The people of the United").ids',
        ];
  return `${[
    ...head,
    ...text,
    `while len(ids) < ${Math.min(contextLength, 32)}:`,
    `    tokens = np.zeros((${rows}, ${contextLength}), np.int64)`,
    '    tokens[0, : len(ids)] = ids',
    `    (logits,) = session.run(["${LOGITS}"], {"${TOKENS}": tokens})`,
    '    ids.append(int(logits[0, len(ids) - 1].argmax()))',
    tokenizer === null ? 'print(ids)' : 'print(tokenizer.decode(ids))',
  ].join('\n')}\n`;
}
