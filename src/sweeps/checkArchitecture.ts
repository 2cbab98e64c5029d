/** Checks a variant's file, or a preset, at a size. */
import { loadVariant } from '../models/loadVariant.js';
import { architectureNames, defaultDff, defaultPositions, objectiveOf } from '../models/registry.js';
import { UsageError } from '../store/errors.js';
import { type BlockGraph, blockGraph } from '../train/blockGraph.js';
import { checkModel, type ModelCheck } from '../train/checkModel.js';
import { buildModel } from '../models/registry.js';
import { isPositions, POSITIONS } from './architecture.js';

export interface CheckSize {
  readonly dModel: number;
  readonly nLayers: number;
  /** One for every 16 of width where undefined. */
  readonly nHeads: number | undefined;
  readonly contextLength: number;
  readonly vocabSize: number;
  readonly batchSize: number;
  readonly positions: string | undefined;
}

/** One head for every 16 of width, as the studies have it; fewer where that does not divide the width. */
function headsOf(dModel: number): number {
  let heads = Math.max(1, Math.round(dModel / 16));
  while (dModel % heads !== 0) heads--;
  return heads;
}

/**
 * @param nameOrFile name of a preset, or path of a variant's file
 * @returns the checks, and the forward pass in blocks where it could be traced
 * @throws UsageError or ModelError where there is no such architecture, or it can't have this size
 */
export async function checkArchitecture(
  nameOrFile: string,
  size: CheckSize,
): Promise<{ check: ModelCheck; blocks: BlockGraph | null }> {
  const isPreset = architectureNames().includes(nameOrFile);
  const preset = isPreset ? nameOrFile : (await loadVariant(nameOrFile)).definition.name;
  if (objectiveOf(preset) !== 'nextToken') {
    throw new UsageError(
      `${preset} predicts dropped spans; isoloss check is for models that predict the next token`,
    );
  }
  const { dModel, nHeads = headsOf(dModel), positions = defaultPositions(preset) } = size;
  if (!isPositions(positions)) {
    throw new UsageError(`--positions takes ${POSITIONS.join(', ')}, not "${positions}"`);
  }
  if (dModel % nHeads !== 0) throw new UsageError(`--d ${dModel} is not a multiple of --heads ${nHeads}`);
  if (size.contextLength < 2) throw new UsageError('--length has to be at least 2');
  const { nLayers, contextLength, vocabSize, batchSize } = size;
  const setup = {
    preset,
    positions,
    vocabSize,
    contextLength,
    dModel,
    nLayers,
    nHeads,
    dHead: dModel / nHeads,
    dFf: defaultDff(preset, dModel),
    tiedEmbeddings: false,
    init: 'small',
  } as const;
  const check = await checkModel(setup, { batchSize });
  const blocks = check.forward === null ? null : blockGraph(check.forward, buildModel(setup).params);
  return { check, blocks };
}
