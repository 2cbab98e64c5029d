/** Checks a variant's file, or a preset, at a size. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { loadVariant, reloadVariant } from '../models/loadVariant.js';
import { architectureNames, defaultDff, defaultPositions, leastLayers } from '../models/registry.js';
import { UsageError } from '../store/errors.js';
import { type BlockGraph, blockGraph } from '../train/blockGraph.js';
import { checkModel, type ModelCheck } from '../train/checkModel.js';
import { buildModel } from '../models/buildModel.js';
import { isPositions, POSITIONS, splitArchitectureName } from './architecture.js';
import { didYouMean } from '../ops/nearest.js';

export interface CheckSize {
  readonly dModel: number;
  /** Two, or as many as the architecture needs, where undefined. */
  readonly nLayers: number | undefined;
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

/** A preset, with positions after an @ where they are given, or a variant, which is then loaded. */
async function named(
  nameOrFile: string,
): Promise<{ preset: string; suffix: string | undefined; file: string | null }> {
  const { preset, positions: suffix } = splitArchitectureName(nameOrFile);
  if (architectureNames().includes(preset)) return { preset, suffix, file: null };
  // Only what looks like a file can be missing as one.
  if (!existsSync(nameOrFile) && extname(nameOrFile) === '' && !nameOrFile.includes('/')) {
    throw new UsageError(
      `There is neither a preset nor a file "${nameOrFile}".${didYouMean(preset, architectureNames())} ` +
        'docs/architectures.md lists the presets; `isoloss new variant NAME` writes a file to start from.',
    );
  }
  const { definition, file } = await loadVariant(nameOrFile);
  return { preset: definition.name, suffix: undefined, file };
}

/**
 * @param nameOrFile name of a preset, with @POSITIONS after it or not, or path of a variant's file
 * @returns the checks, and the forward pass in blocks where it could be traced
 * @throws UsageError or ModelError where there is no such architecture, or it can't have this size
 */
export async function checkArchitecture(
  nameOrFile: string,
  size: CheckSize,
): Promise<{ check: ModelCheck; blocks: BlockGraph | null }> {
  const { preset, suffix, file } = await named(nameOrFile);
  const { dModel, nHeads = headsOf(dModel), positions = suffix ?? defaultPositions(preset) } = size;
  if (suffix !== undefined && suffix !== positions) {
    throw new UsageError(`${nameOrFile} and --positions ${positions} say different things`);
  }
  if (!isPositions(positions)) {
    throw new UsageError(`--positions takes ${POSITIONS.join(', ')}, not "${positions}"`);
  }
  if (dModel % nHeads !== 0) throw new UsageError(`--d ${dModel} is not a multiple of --heads ${nHeads}`);
  if (size.contextLength < 2) throw new UsageError('--length has to be at least 2');
  const { nLayers = Math.max(2, leastLayers(preset)), contextLength, vocabSize, batchSize } = size;
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
  const check = await checkModel(setup, {
    batchSize,
    ...(file === null ? {} : { reload: () => reloadVariant(file) }),
  });
  const blocks = check.forward === null ? null : blockGraph(check.forward, buildModel(setup).params);
  return { check, blocks };
}
