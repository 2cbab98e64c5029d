/** A training step to compare: its sizes, and the files from which the peers read the same initial values and tokens. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINE_NAMES, type EngineName } from '../../src/engine/engineNames.js';
import { initialValue } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { presetNamed } from '../../src/models/registry.js';
import { bytesOf, encodeHeader, type StoredTensor } from '../../src/store/safetensors.js';
import { modelOf, type BenchCase } from '../../src/train/bench.js';
import { SMALL_SCALE_ADAMW } from '../../src/train/optimizers.js';

export interface PeerCase extends BenchCase {
  readonly threads: number;
  /** What computes on isoloss's side. */
  readonly engine: EngineName;
}

/** Steps whose tokens are stored; longer measurements begin again with the first. */
export const STORED_STEPS = 16;
export const SEED = 0;

/** @throws Error with the names there are */
export function engineNamed(name: string): EngineName {
  const engine = ENGINE_NAMES.find((known) => known === name);
  if (engine === undefined) throw new Error(`unknown engine "${name}"; there are ${ENGINE_NAMES.join(', ')}`);
  return engine;
}

/** Token ids that do not repeat from step to step, [steps * contextLength * batchSize], time-major in each step. */
export function caseTokens(benchCase: PeerCase, stream: number): Int32Array {
  const { batchSize, contextLength, vocabSize } = benchCase;
  let state = 12345 + stream;
  return Int32Array.from({ length: STORED_STEPS * batchSize * contextLength }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * vocabSize);
  });
}

/** Writes case.json and initial.safetensors for the peers. */
export function writeCase(folder: string, benchCase: PeerCase): void {
  const { batchSize, contextLength, threads } = benchCase;
  const model = modelOf(benchCase);
  const { params } = buildModel(model);
  const { norm, activation, gated, feedForwardBiases, feedForwardNorm, sharedQueryKey, qkvConvolution } =
    presetNamed(benchCase.preset).options;
  const tokenShape = [STORED_STEPS, contextLength * batchSize];
  const tensors: Record<string, StoredTensor> = {
    inputs: { shape: tokenShape, data: caseTokens(benchCase, 1) },
    targets: { shape: tokenShape, data: caseTokens(benchCase, 2) },
    ...Object.fromEntries(
      params.map((param) => [param.name, { shape: param.shape, data: initialValue(param, SEED) }]),
    ),
  };
  const settings = {
    model,
    options: {
      norm,
      activation,
      gated,
      feedForwardBiases,
      feedForwardNorm,
      sharedQueryKey,
      qkvConvolution: qkvConvolution === 'afterProjection',
    },
    optimizer: SMALL_SCALE_ADAMW,
    threads,
    batchSize,
    decayed: params.filter(({ decay }) => decay).map(({ name }) => name),
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'case.json'), JSON.stringify(settings));
  const parts = [encodeHeader(tensors, {}), ...Object.values(tensors).map(({ data }) => bytesOf(data))];
  writeFileSync(join(folder, 'initial.safetensors'), Buffer.concat(parts));
}
