/** Exported models: any ONNX Runtime gives the logits of eager TensorFlow.js on them, and nothing is left half written. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTokenizer } from '../../src/data/tokenizerJson.js';
import { eagerEngine } from '../../src/engine/eager.js';
import { exportModel, type ExportModelOptions } from '../../src/exchange/exportModel.js';
import { checkModelFile } from '../../src/exchange/checkModelFile.js';
import { writeOnnx } from '../../src/exchange/modelFiles.js';
import { buildModel } from '../../src/models/buildModel.js';
import { defaultDff } from '../../src/models/registry.js';
import { loadCheckpoint } from '../../src/store/checkpoint.js';
import type { RunRecord } from '../../src/store/record.js';
import { checkpointPath, updateRunRecord } from '../../src/store/runDirectory.js';
import { forwardProgram } from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { telltaleParams } from '../models/tinyModels.js';
import {
  madeUpCorpus,
  plan,
  removeTemporaryFolders,
  SETUP,
  temporaryFolder,
  train,
} from '../train/tinyRun.js';

const corpusFolder = temporaryFolder();
const corpus = await madeUpCorpus(corpusFolder);
const { vocabSize, contextLength } = SETUP.model;
let trained: { readonly record: RunRecord; readonly directory: string };
const cacheBefore = process.env['ISOLOSS_CACHE'];

beforeAll(async () => {
  process.env['ISOLOSS_CACHE'] = join(corpusFolder, 'cache');
  const { record, directory } = plan(corpus);
  trained = { record: await train({ record, directory }, corpus), directory };
}, 120_000);
afterAll(() => {
  if (cacheBefore === undefined) delete process.env['ISOLOSS_CACHE'];
  else process.env['ISOLOSS_CACHE'] = cacheBefore;
  removeTemporaryFolders();
});

const exporting = (change: Partial<ExportModelOptions>) =>
  exportModel({
    resultsDir: dirname(dirname(trained.directory)),
    run: trained.record.runKey.slice(0, 6),
    externalData: false,
    tokenizer: true,
    force: false,
    ...change,
  });

/** Rows of tokens. */
const sequences = (batchSize: number): number[][] =>
  Array.from({ length: batchSize }, (_, b) =>
    Array.from({ length: contextLength }, (_, t) => (b * 31 + t * 7 + 3) % vocabSize),
  );

/** Logits [batch, time, vocabulary] by eager TensorFlow.js from the run's checkpoint. */
async function eagerLogits(rows: readonly (readonly number[])[]): Promise<number[]> {
  const model = buildModel(SETUP.model);
  const { checkpoint } = loadCheckpoint(checkpointPath(trained.directory));
  const batchSize = rows.length;
  const forward = await eagerEngine.compileFunction(forwardProgram(model, { batchSize, contextLength }), {
    threads: 1,
  });
  const params = Object.fromEntries(
    model.params.map(({ name }) => [paramKey(name), checkpoint!.tensors[paramKey(name)]!.data]),
  );
  const inputs = Int32Array.from(rows[0]!.flatMap((_, t) => rows.map((row) => row[t]!)));
  const { logits } = await forward.run({ ...params, inputs });
  return rows.flatMap((row, b) =>
    row.flatMap((_, t) =>
      Array.from(logits!.subarray((t * batchSize + b) * vocabSize, (t * batchSize + b + 1) * vocabSize)),
    ),
  );
}

async function fileLogits(path: string, rows: readonly (readonly number[])[]): Promise<Tensor> {
  const session = await InferenceSession.create(path);
  const tokens = BigInt64Array.from(rows.flat(), BigInt);
  const { logits } = await session.run({ tokens: new Tensor('int64', tokens, [rows.length, contextLength]) });
  await session.release();
  return logits!;
}

async function expectSameLogits(path: string, batchSize: number): Promise<void> {
  const rows = sequences(batchSize);
  const [found, expected] = [await fileLogits(path, rows), await eagerLogits(rows)];
  expect(found.dims).toEqual([batchSize, contextLength, vocabSize]);
  const largest = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((value, i) => Math.abs(value - Number(found.data[i]))));
  expect(error / largest).toBeLessThan(1e-5);
}

describe('isoloss export model', () => {
  it('gives the logits of eager TensorFlow.js at any batch size', async () => {
    const folder = temporaryFolder();
    const onnx = join(folder, 'new', 'model.onnx');
    const { files, check, notices } = await exporting({ onnx });
    expect(notices).toEqual([]);
    expect(check!.batchSizes).toEqual([1, 3, 8]);
    expect(files.map(({ path }) => path)).toEqual(
      ['model.onnx', 'tokenizer.json', 'README.md'].map((name) => join(folder, 'new', name)),
    );
    expect(readdirSync(join(folder, 'new')).sort()).toEqual(['README.md', 'model.onnx', 'tokenizer.json']);
    for (const batchSize of [1, 3, 8]) await expectSameLogits(onnx, batchSize);
    const tokenizer = parseTokenizer(readFileSync(join(folder, 'new', 'tokenizer.json'), 'utf8'), 'it');
    expect([...tokenizer.encode('oak and ash')]).toEqual([...corpus.tokenizer.encode('oak and ash')]);
  });

  it('fixes the batch, and puts weights beside the file, where asked', async () => {
    const folder = temporaryFolder();
    const onnx = join(folder, 'model.onnx');
    await exporting({ onnx, batchSize: 2, externalData: true });
    const weights = statSync(`${onnx}.data`).size;
    expect(weights).toBeGreaterThanOrEqual(4 * trained.record.paramsTotal);
    expect(statSync(onnx).size).toBeLessThan(weights);
    await expectSameLogits(onnx, 2);
    await expect(fileLogits(onnx, sequences(3))).rejects.toThrow(/dimension/i);
  });

  it('writes the parameters as safetensors, named as in the model', async () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    await exporting({ safetensors: path });
    const file = readFileSync(path);
    const end = 8 + Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.subarray(8, end).toString()) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const { checkpoint } = loadCheckpoint(checkpointPath(trained.directory));
    const { params } = buildModel(SETUP.model);
    expect(Object.keys(header).sort()).toEqual(['__metadata__', ...params.map(({ name }) => name)].sort());
    for (const { name, shape } of params) {
      const { dtype, shape: stored, data_offsets } = header[name]!;
      expect([dtype, stored]).toEqual(['F32', [...shape]]);
      const bytes = file.subarray(end + data_offsets[0], end + data_offsets[1]);
      const { data } = checkpoint!.tensors[paramKey(name)]!;
      expect(bytes.equals(Buffer.from(data.buffer, data.byteOffset, data.byteLength))).toBe(true);
    }
  });

  it('has a card with the parameters, the losses and how to load the file', async () => {
    const folder = temporaryFolder();
    await exporting({ onnx: join(folder, 'm.onnx') });
    const card = readFileSync(join(folder, 'README.md'), 'utf8');
    for (const text of [
      trained.record.paramsTotal.toLocaleString('en-US'),
      trained.record.final!.test.lossNats!.toFixed(4),
      'ort.InferenceSession("m.onnx")',
      'Tokenizer.from_file("tokenizer.json")',
    ])
      expect(card).toContain(text);
  });

  it("leaves others' files alone, and its own where --force is not given", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'README.md'), 'mine\n');
    const onnx = join(folder, 'model.onnx');
    const { notices } = await exporting({ onnx });
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('mine\n');
    expect(existsSync(join(folder, 'model.README.md'))).toBe(true);
    expect(notices).toHaveLength(1);
    await expect(exporting({ onnx })).rejects.toThrow(/--force/);
    writeFileSync(join(folder, 'other.README.md'), 'mine too\n');
    await expect(exporting({ safetensors: join(folder, 'other.safetensors') })).rejects.toThrow(
      /Neither README\.md nor other\.README\.md/,
    );
    expect(readFileSync(join(folder, 'other.README.md'), 'utf8')).toBe('mine too\n');
    rmSync(join(folder, 'other.README.md'));
    await exporting({ onnx, force: true });
    expect(readdirSync(folder).sort()).toEqual([
      'README.md',
      'model.README.md',
      'model.onnx',
      'tokenizer.json',
    ]);
  });

  it('says less of the corpus where sweep.json is damaged', async () => {
    const record = join(dirname(trained.directory), 'sweep.json');
    const before = existsSync(record) ? readFileSync(record) : null;
    writeFileSync(record, '{');
    try {
      const { notices } = await exporting({ safetensors: join(temporaryFolder(), 'model.safetensors') });
      expect(notices).toEqual([
        expect.stringMatching(/says little of the corpus: .*sweep\.json.*is not JSON/),
      ]);
    } finally {
      if (before === null) rmSync(record);
      else writeFileSync(record, before);
    }
  });

  it('refuses what it can’t export, and writes nothing', async () => {
    const folder = temporaryFolder();
    const onnx = join(folder, 'model.onnx');
    await expect(exporting({ onnx, run: 'ffff' })).rejects.toThrow(/no run ffff/);
    await expect(exporting({})).rejects.toThrow(/--onnx/);
    await expect(exporting({ safetensors: onnx, batchSize: 3 })).rejects.toThrow(/--batch/);
    const other = plan(corpus, { seed: 5 });
    const resultsDir = dirname(dirname(other.directory));
    const run = other.record.runKey;
    await expect(exporting({ onnx, resultsDir, run })).rejects.toThrow(
      /planned\) has no checkpoint .* isoloss run tiny/,
    );
    await train(other, corpus);
    updateRunRecord(other.directory, { keyParts: { ...other.record.keyParts, trainGraph: 'another' } });
    await expect(exporting({ onnx, resultsDir, run })).rejects.toThrow(/has changed since/);
    updateRunRecord(other.directory, { keyParts: { ...other.record.keyParts, streams: { train: 'gone' } } });
    await expect(exporting({ onnx, resultsDir, run })).rejects.toThrow(/--no-tokenizer/);
    rmSync(checkpointPath(other.directory));
    rmSync(`${checkpointPath(other.directory)}.previous`, { force: true });
    await expect(exporting({ onnx, resultsDir, run })).rejects.toThrow(
      /done\) has no checkpoint .*`isoloss gc`/,
    );
    expect(readdirSync(folder)).toEqual([]);
    for (const name of ['README.md', 'tokenizer.json'])
      await expect(exporting({ safetensors: join(folder, name) })).rejects.toThrow(/goes beside the model/);
    const placed = { onnx, safetensors: `${onnx}.data`, externalData: true };
    await expect(exporting(placed)).rejects.toThrow(/weights beside the ONNX file/);
    expect(readdirSync(folder)).toEqual([]);
    mkdirSync(onnx);
    writeFileSync(join(onnx, 'in-the-way'), '');
    await expect(exporting({ onnx, force: true })).rejects.toThrow(/model\.onnx is a folder/);
    expect(readdirSync(folder)).toEqual(['model.onnx']);
  });
});

describe('the forward pass of other architectures', () => {
  it.each([
    ['transformer++', 'absolute'],
    ['primer', 'relative'],
    ['llama', 'rotary'],
    ['evolved-transformer', 'absolute'],
    ['synthesizer-dense', 'relative'],
    ['t5-primer-ez-encdec', 'relative'],
  ] as const)('%s with %s positions', async (preset, positions) => {
    const setup = { ...SETUP.model, preset, positions, dFf: defaultDff(preset, 8), nLayers: 2 };
    const model = buildModel(setup);
    const params = Object.fromEntries(
      Object.entries(telltaleParams(model)).map(([name, values]) => [paramKey(name), values]),
    );
    const path = join(temporaryFolder(), 'model.onnx');
    const record = { ...trained.record, setup: { ...trained.record.setup, model: setup } };
    writeOnnx(path, record, { model, params, step: 1 }, { batchSize: null, externalData: false });
    const sizes = { contextLength, vocabSize, batchSizes: [1, 3, 8] };
    const { largestError } = await checkModelFile(path, eagerEngine, model, params, sizes);
    expect(largestError).toBeLessThan(1e-5);
    const wrong = { ...params, [paramKey('embedding')]: params[paramKey('embedding')]!.map((x) => -x) };
    await expect(checkModelFile(path, eagerEngine, model, wrong, sizes)).rejects.toThrow(/logits/);
  });

  it('says that experts have a room that follows the batch', () => {
    const preset = 'switch-transformer';
    const setup = { ...SETUP.model, preset, nLayers: 4 };
    const model = buildModel(setup);
    const params = Object.fromEntries(
      Object.entries(telltaleParams(model)).map(([name, values]) => [paramKey(name), values]),
    );
    const record = { ...trained.record, setup: { ...trained.record.setup, model: setup } };
    const path = join(temporaryFolder(), 'model.onnx');
    expect(() =>
      writeOnnx(path, record, { model, params, step: 1 }, { batchSize: null, externalData: false }),
    ).toThrow(/--batch N/);
  });
});
