/** `isoloss export model`: a trained run as files that other programs read: ONNX, safetensors, tokenizer, model card. */
import { lstatSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { defaultCacheDir, findCached } from '../data/cache.js';
import { prepareCorpus } from '../data/corpus.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { formatTokenizer } from '../data/tokenizerJson.js';
import { ortEngine } from '../engine/ort.js';
import { loadVariant } from '../models/loadVariant.js';
import { UsageError } from '../store/errors.js';
import { writeFileAtomic } from '../store/files.js';
import type { RunRecord } from '../store/record.js';
import { findRun, readSweepRecord } from '../store/runDirectory.js';
import { allRunKeys, resolveRunKey } from '../store/runKeys.js';
import { describeModel } from '../train/describe.js';
import { loadTrainedModel, type TrainedModel } from '../train/trainedModel.js';
import { checkModelFile, type ModelFileCheck } from './checkModelFile.js';
import { CARD_MARK, modelCard } from './modelCard.js';
import { writeOnnx, writeSafetensors } from './modelFiles.js';
import { publishTogether, type PublishedFile } from './publishTogether.js';

export interface ExportModelOptions {
  readonly resultsDir: string;
  /** A run key, or the beginning of one. */
  readonly run: string;
  /** File for ONNX. */
  readonly onnx?: string | undefined;
  /** File for safetensors. */
  readonly safetensors?: string | undefined;
  /** Sequences of a batch of the ONNX file; any number where undefined. */
  readonly batchSize?: number | undefined;
  /** Weights in a file beside the ONNX file, whatever their size. */
  readonly externalData: boolean;
  readonly tokenizer: boolean;
  /** Replace model files that are there already. */
  readonly force: boolean;
  /** File of the run's variant. */
  readonly variant?: string | undefined;
}

export interface ExportedModel {
  readonly runKey: string;
  readonly arch: string;
  readonly files: readonly PublishedFile[];
  /** Of the ONNX file; null where none was asked for. */
  readonly check: ModelFileCheck | null;
  /** What should be known, a sentence each. */
  readonly notices: readonly string[];
}

/** Batch sizes that a file for any of them is checked at. */
const CHECKED_BATCHES = [1, 3, 8];

/**
 * Exports a run. The files are made and checked in a folder aside; only then are they moved into place.
 *
 * @throws UsageError where there is no such run, it has no checkpoint, or a file is in the way; nothing is written then
 */
export async function exportModel(options: ExportModelOptions): Promise<ExportedModel> {
  const { resultsDir } = options;
  const folder = folderOf(options);
  if (options.variant !== undefined) await loadVariant(options.variant);
  const hint = '`isoloss runs` lists the runs there are.';
  const runKey = resolveRunKey(options.run, allRunKeys(resultsDir), resultsDir, hint);
  const known = findRun(resultsDir, runKey);
  if (known === null) throw new UsageError(`The record of run ${runKey} in ${resultsDir} can't be read.`);
  const { record, found } = known;
  const trained = loadTrainedModel(found.directory, record);
  requireSameGraph(record);
  const tokenizer = options.tokenizer ? await tokenizerOf(record) : null;
  const notices =
    record.status === 'done'
      ? []
      : [
          `The run is ${record.status}: these are its parameters after step ${trained.step} of ${record.setup.steps}.`,
        ];
  const { files, result: check } = await publishTogether(folder, (aside) =>
    makeFiles(aside, folder, options, record, trained, tokenizer, notices),
  );
  return { runKey, arch: record.arch, files, check, notices };
}

async function makeFiles(
  aside: string,
  folder: string,
  options: ExportModelOptions,
  record: RunRecord,
  trained: TrainedModel,
  tokenizer: Tokenizer | null,
  notices: string[],
): Promise<{ readonly names: readonly string[]; readonly result: ModelFileCheck | null }> {
  const { onnx, safetensors, batchSize } = options;
  const names: string[] = [];
  let check: ModelFileCheck | null = null;
  if (onnx !== undefined) {
    const path = join(aside, basename(onnx));
    names.push(...writeOnnx(path, record, trained, { ...options, batchSize: batchSize ?? null }));
    check = await checkModelFile(path, ortEngine, trained.model, trained.params, {
      contextLength: record.setup.model.contextLength,
      vocabSize: record.setup.model.vocabSize,
      batchSizes: batchSize === undefined ? CHECKED_BATCHES : [batchSize],
    });
  }
  if (safetensors !== undefined) {
    writeSafetensors(join(aside, basename(safetensors)), record, trained);
    names.push(basename(safetensors));
  }
  const model = basename((onnx ?? safetensors)!);
  const companion = (name: string, text: string, isOurs: (there: string) => boolean): string => {
    const path = join(folder, name);
    const isForeign = (there: string): boolean =>
      isTaken(there) && !(isFile(there) && isOurs(readFileSync(there, 'utf8')));
    const own = isForeign(path);
    const chosen = own ? `${basename(model, extname(model))}.${name}` : name;
    if (own && !options.force && isForeign(join(folder, chosen)))
      throw new UsageError(
        `Neither ${name} nor ${chosen} can be written to ${folder}: both are there and not an export's. Move one away, replace the second with --force, or name files in another folder.`,
      );
    if (own) notices.push(`${path} is not an export's and stays; ours is ${chosen}.`);
    writeFileAtomic(join(aside, chosen), text);
    names.push(chosen);
    return chosen;
  };
  const tokenizerText = tokenizer === null ? null : formatTokenizer(tokenizer);
  const tokenizerName =
    tokenizerText === null
      ? null
      : companion('tokenizer.json', tokenizerText, (there) => there === tokenizerText);
  const card = modelCard({
    record,
    step: trained.step,
    encoder: trained.model.encoder ?? null,
    corpus: corpusOf(options.resultsDir, record.sweep, notices),
    onnx: onnx === undefined ? null : basename(onnx),
    batchSize: batchSize ?? null,
    safetensors: safetensors === undefined ? null : basename(safetensors),
    tokenizer: tokenizerName,
    files: [...names],
    check,
  });
  companion('README.md', card, (there) => there.includes(CARD_MARK));
  return { names, result: check };
}

/** What the sweep's record says of its corpus, which the card can do without. */
function corpusOf(resultsDir: string, sweep: string, notices: string[]): unknown {
  try {
    return readSweepRecord(resultsDir, sweep)?.resolved['corpus'];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    notices.push(`The card says little of the corpus: ${error.message}`);
    return undefined;
  }
}

/** Files that an export writes beside the model. */
const COMPANIONS = ['readme.md', 'tokenizer.json'];

/** The folder of the model files. @throws UsageError where none is asked for, or they can't be written there */
function folderOf({ onnx, safetensors, batchSize, externalData, force }: ExportModelOptions): string {
  const targets = [onnx, safetensors].filter((path) => path !== undefined);
  const [first, second] = targets;
  if (first === undefined) {
    throw new UsageError(
      'Nothing to write: name a file with --onnx model.onnx or --safetensors model.safetensors.',
    );
  }
  if (onnx === undefined && (batchSize !== undefined || externalData))
    throw new UsageError('--batch and --external-data are about the ONNX file: name it with --onnx.');
  if (second !== undefined && resolve(dirname(first)) !== resolve(dirname(second)))
    throw new UsageError(
      'The files of an export lie in one folder: give --onnx and --safetensors the same one.',
    );
  if (second !== undefined && resolve(first) === resolve(second))
    throw new UsageError('--onnx and --safetensors name the same file.');
  if (onnx !== undefined && second !== undefined && resolve(`${onnx}.data`) === resolve(second))
    throw new UsageError(`${second} is where weights beside the ONNX file go: name another file.`);
  const companion = targets.find((path) => COMPANIONS.includes(basename(path).toLowerCase()));
  if (companion !== undefined)
    throw new UsageError(`${companion} is the name of a file that goes beside the model: name another one.`);
  const directory = targets.find((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (directory !== undefined)
    throw new UsageError(
      `${directory} is a folder: name a file in it, such as ${join(directory, 'model.onnx')}.`,
    );
  const inTheWay = [...targets, ...(onnx === undefined ? [] : [`${onnx}.data`])].find(isTaken);
  if (inTheWay !== undefined && !force)
    throw new UsageError(`${inTheWay} exists already: name another file, or replace it with --force.`);
  return dirname(resolve(first));
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Whether there is something of this name, be it a link that leads nowhere. */
const isTaken = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** @throws UsageError where the architecture's code has changed since, so that the parameters mean something else */
function requireSameGraph({ runKey, arch, setup, keyParts }: RunRecord): void {
  if (describeModel(setup.model, setup.batchSize).trainGraphSha256 === keyParts['trainGraph']) return;
  throw new UsageError(
    `${arch} is not the architecture that run ${runKey} was trained with: its code has changed since. ` +
      'Export with the version of isoloss (or of the variant’s file) that trained it.',
  );
}

/** The tokenizer of the tokens that a run was trained on, from the cache or prepared anew. */
async function tokenizerOf({ setup, keyParts }: RunRecord): Promise<Tokenizer> {
  const streams = keyParts['streams'] as { readonly train?: string } | undefined;
  const cached = findCached(defaultCacheDir(), streams?.train ?? '');
  if (cached !== undefined) return cached.tokenizer;
  const without = 'Without a tokenizer it can be exported with --no-tokenizer.';
  const corpus = await prepareCorpus({ corpus: setup.corpus, vocabSize: setup.model.vocabSize }).catch(
    (error: unknown) => {
      throw new UsageError(
        `The tokenizer can't be made: ${error instanceof Error ? error.message : String(error)} ${without}`,
      );
    },
  );
  if (corpus.train.sha256 !== streams?.train) {
    throw new UsageError(
      `The text of corpus ${setup.corpus} is not the one that the run was trained on, so its tokens mean something else. ` +
        without,
    );
  }
  return corpus.tokenizer;
}
