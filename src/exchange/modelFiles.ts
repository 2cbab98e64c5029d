/** The parameters of a trained run as an ONNX file or a safetensors file. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FixedBatchError } from '../engine/onnx/dynamicBatch.js';
import {
  encodeModelFile,
  MAX_EMBEDDED_BYTES,
  weightBytes,
  type Placement,
  type Weights,
} from '../engine/onnx/modelFile.js';
import { UsageError } from '../store/errors.js';
import { canonicalJson, writeFully } from '../store/files.js';
import type { RunRecord } from '../store/record.js';
import { bytesOf, encodeHeader } from '../store/safetensors.js';
import { packageVersion } from '../store/version.js';
import { portableGraph } from '../train/portableForward.js';
import { paramKey } from '../train/stateNames.js';
import type { TrainedModel } from '../train/trainedModel.js';

/** What programs can read of a model's origin: in the ONNX file's metadata and the safetensors file's header. */
const facts = (record: RunRecord, { step }: TrainedModel): Record<string, string> => ({
  runKey: record.runKey,
  architecture: record.arch,
  step: String(step),
  model: canonicalJson(record.setup.model),
  isolossVersion: packageVersion(),
});

/**
 * Writes the forward pass: tokens [batch, length] of int64 in, logits [batch, length, vocabulary] out.
 *
 * @param batchSize null for any
 * @param externalData puts the weights into a file beside it, which is done anyway where they are too large for one
 * @returns the names of the files written, the weights' first
 * @throws UsageError where the architecture has no graph for any batch size
 */
export function writeOnnx(
  path: string,
  record: RunRecord,
  trained: TrainedModel,
  { batchSize, externalData }: { readonly batchSize: number | null; readonly externalData: boolean },
): string[] {
  const { model, params } = trained;
  const weights: Weights = new Map(
    model.params.map(({ name, shape }) => [paramKey(name), { shape, data: params[paramKey(name)]! }]),
  );
  const { graph, dimensions } = graphOf(record, trained, batchSize);
  const external = externalData || weightBytes(weights) > MAX_EMBEDDED_BYTES;
  const dataName = external ? `${basename(path)}.data` : null;
  const file = {
    graph,
    weights,
    dimensions,
    description: `${record.arch}, run ${record.runKey}: next-token logits`,
    version: packageVersion(),
    metadata: facts(record, trained),
  };
  const { bytes, placements } = encodeModelFile(file, dataName);
  if (dataName !== null) writePlaced(join(dirname(path), dataName), placements);
  writeSynced(path, [bytes]);
  return [...(dataName === null ? [] : [dataName]), basename(path)];
}

function graphOf(record: RunRecord, { model }: TrainedModel, batchSize: number | null) {
  try {
    return portableGraph(model, record.setup.model.contextLength, batchSize);
  } catch (error) {
    if (!(error instanceof FixedBatchError)) throw error;
    throw new UsageError(
      `${record.arch} can't be exported for any batch size: ${error.message}. Fix one with --batch N.`,
    );
  }
}

/** Writes the parameters under their own names, without the optimizer's state. */
export function writeSafetensors(path: string, record: RunRecord, trained: TrainedModel): void {
  const { model, params } = trained;
  const tensors = Object.fromEntries(
    model.params.map(({ name, shape }) => [name, { shape, data: params[paramKey(name)]! }]),
  );
  const header = encodeHeader(tensors, { format: 'isoloss', ...facts(record, trained) });
  writeSynced(path, [header, ...Object.values(tensors).map(({ data }) => bytesOf(data))]);
}

function writeSynced(path: string, chunks: Iterable<Uint8Array>): void {
  const fd = openSync(path, 'wx');
  try {
    for (const chunk of chunks) writeFully(fd, chunk);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writePlaced(path: string, placements: readonly Placement[]): void {
  const pieces = function* (): Iterable<Uint8Array> {
    let end = 0;
    for (const { data, offset } of placements) {
      yield new Uint8Array(offset - end);
      yield bytesOf(data);
      end = offset + data.byteLength;
    }
  };
  writeSynced(path, pieces());
}
