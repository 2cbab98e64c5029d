/** Parameter counts of the zoo by hand, at the paper's sizes and of the ladder, and what architectures refuse. */
import { describe, expect, it } from 'vitest';
import type { ModelSetup } from '../../src/store/record.js';
import { ModelError } from '../../src/models/error.js';
import { countParams, type ParamCounts } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import {
  architectureNames,
  defaultDff,
  defaultPositions,
  feedForwardWidth,
} from '../../src/models/registry.js';
import {
  LADDER,
  ladderSize,
  PAPER_SIZES,
  PAPER_VOCAB_SIZE,
  SCALING_STUDY_SIZES,
  type ModelSize,
} from '../../src/models/sizes.js';

/** The headline presets come first, in this order, wherever architectures are listed. */
const HEADLINE = [
  'transformer',
  'transformer++',
  'primer-ez',
  'primer',
  't5',
  't5++',
  't5-primer-ez',
  't5-primer',
];

const setupOf = (preset: string, size: ModelSize, changes: Partial<ModelSetup> = {}): ModelSetup => ({
  preset,
  positions: defaultPositions(preset),
  vocabSize: PAPER_VOCAB_SIZE,
  contextLength: 64,
  dModel: size.dModel,
  nLayers: size.nLayers,
  nHeads: size.nHeads,
  dHead: size.dHead,
  dFf: feedForwardWidth(preset, size.dFf),
  tiedEmbeddings: true,
  init: 't5',
  ...changes,
});

const counts = (preset: string, size: ModelSize, changes: Partial<ModelSetup> = {}): ParamCounts =>
  countParams(buildModel(setupOf(preset, size, changes)).params);

/** d 8, 4 layers, 2 heads of 4, dFf 32: small enough to count on paper. */
const SMALL: ModelSize = { name: 'd8', dModel: 8, nLayers: 4, nHeads: 2, dHead: 4, dFf: 32 };
const CONTEXT = 16;

/** Without embeddings: attention 4 x 64, two LayerNorms 2 x 16, feed-forward 2 x 256 + 40, in 4 layers, and the last norm. */
const TRANSFORMER = 4 * (256 + 32 + 512 + 40) + 16;

describe('parameters', () => {
  it.each<[string, number]>([
    ['transformer', TRANSFORMER],
    ['transformer-gelu', TRANSFORMER],
    ['transformer-swish', TRANSFORMER],
    ['transformer-squared-relu', TRANSFORMER],
    // dFf 20 (2/3 of 32 to the nearest multiple of 4), three matrices, no biases.
    ['transformer-reglu', 4 * (256 + 32 + 3 * 160) + 16],
    ['transformer-swiglu', 4 * (256 + 32 + 3 * 160) + 16],
    // RMSNorm has one vector; 32 buckets x 2 heads of relative bias.
    ['t5-1.1', 4 * (256 + 16 + 3 * 160) + 8 + 64],
    ['llama', 4 * (256 + 16 + 3 * 160) + 8],
    ['llama-primer-ez', 4 * (256 + 16 + 512 + 3 * 24) + 8],
    // Three kernels of 3 x 8.
    ['transformer+mdha', TRANSFORMER + 4 * 72],
    ['transformer+separable-conv', TRANSFORMER + 4 * 72],
    // q, k, v, o become qk, v, o and a square matrix from the shared representation.
    ['transformer+shared-qk', TRANSFORMER],
    ['transformer+pre-post-norm', TRANSFORMER],
    ['transformer+primer-norm-lingvo', TRANSFORMER],
    ['t5+primer-norm-t5', 4 * (256 + 32 + 512) + 16 + 64],
    ['transformer+post-softmax-gating', TRANSFORMER + 4 * CONTEXT * 8],
    ['primer-without-squared-relu', TRANSFORMER + 4 * 48],
    ['primer-without-mdha', TRANSFORMER],
    ['primer-without-shared-qk', TRANSFORMER + 4 * 72],
    ['primer-without-pre-post-norm', TRANSFORMER + 4 * 48],
    ['primer-lingvo-norm', TRANSFORMER + 4 * 48],
    ['primer-separable-conv', TRANSFORMER + 4 * 48],
    ['primer+post-softmax-gating', TRANSFORMER + 4 * 48 + 4 * CONTEXT * 8],
    // 3 blocks for 4 layers. First attention 256, separable 11: 88 + 128, separable 7: 56 + 32, norm 32, separable 7:
    // 112 + 128, two norms 32; then what a Transformer layer has.
    ['evolved-transformer', 3 * (256 + 216 + 88 + 32 + 240 + 32 + (TRANSFORMER - 16) / 4) + 16],
    // One layer of four with 32 experts of 2 x 256 and a router of 8 x 32.
    ['switch-transformer', TRANSFORMER - 552 + 32 * 512 + 256],
    ['switch-primer', TRANSFORMER + 4 * 72 - 552 + 32 * 512 + 256],
    // Values and output only, and a matrix of scores for each head.
    ['synthesizer-random', TRANSFORMER + 4 * (2 * CONTEXT ** 2 - 128)],
    ['synthesizer-random-plus', TRANSFORMER + 4 * 2 * CONTEXT ** 2],
    // No keys, and a projection of 4 to the context.
    ['synthesizer-dense', TRANSFORMER + 4 * (4 * CONTEXT - 64)],
  ])('of %s', (preset, expected) => {
    expect(counts(preset, SMALL, { contextLength: CONTEXT }).paramsNonEmbedding).toBe(expected);
  });

  it('of a mixture count all experts in the total and one in the active ones', () => {
    const { paramsTotal, paramsActive, paramsByGroup } = counts('switch-transformer', SMALL);
    expect(paramsByGroup).toMatchObject({ experts: 32 * 512, router: 256 });
    expect(paramsTotal - paramsActive).toBe(31 * 512);
    expect(counts('transformer', SMALL)).toMatchObject({
      paramsActive: counts('transformer', SMALL).paramsTotal,
    });
  });
});

describe('width of the feed-forward layer', () => {
  it('is 4 dModel, cut to 2/3 where gated, and 12 dModel with the bottleneck', () => {
    expect(defaultDff('transformer-gelu', 512)).toBe(2048);
    expect(defaultDff('t5-1.1', 512)).toBe(1364);
    expect(defaultDff('transformer+bottleneck12', 64)).toBe(768);
    expect(defaultDff('primer+bottleneck12', 48)).toBe(576);
  });

  it('of a size that gives one is cut in the same way', () => {
    expect([2048, 3072, 8192].map((dFf) => feedForwardWidth('llama', dFf))).toEqual([1364, 2048, 5460]);
    expect(feedForwardWidth('primer', 8192)).toBe(8192);
  });
});

describe("the paper's sizes", () => {
  it.each([
    ['transformer-gelu', 'small', 35],
    ['evolved-transformer', 'small', 38],
    ['primer-without-mdha', 'medium', 110],
    ['t5-1.1', 'large', 537],
    ['transformer-swish', 'xl', 1900],
  ] as const)('%s, %s: %i million, to 1 part in 40', (preset, size, millions) => {
    const { paramsTotal } = counts(preset, PAPER_SIZES[size]);
    expect(Math.abs(paramsTotal / (millions * 1e6) - 1)).toBeLessThan(0.025);
  });

  it('has 27 shapes in its scaling study, from 23 to 385 million', () => {
    const totals = SCALING_STUDY_SIZES.map((size) => counts('transformer', size).paramsTotal / 1e6);
    expect(totals).toHaveLength(27);
    expect(new Set(SCALING_STUDY_SIZES.map(({ name }) => name)).size).toBe(27);
    expect([Math.min(...totals), Math.max(...totals)].map(Math.round)).toEqual([23, 385]);
  });
});

describe('the ladder', () => {
  const parameters = LADDER.map((size) => counts('transformer', size).paramsNonEmbedding);

  it('goes from 50 thousand to 2 billion in steps of 1.4 to 2.5', () => {
    expect(parameters[0]! / 5e4).toBeGreaterThan(1);
    expect(parameters[0]! / 5e4).toBeLessThan(1.2);
    expect(parameters.at(-1)! / 2e9).toBeGreaterThan(0.95);
    expect(parameters.at(-1)! / 2e9).toBeLessThan(1.05);
    parameters.slice(1).forEach((count, i) => {
      expect(count / parameters[i]!).toBeGreaterThan(1.4);
      expect(count / parameters[i]!).toBeLessThan(2.5);
    });
  });

  it('keeps its proportions', () => {
    for (const { dModel, nLayers, nHeads, dHead, dFf } of LADDER) {
      expect(nHeads * dHead).toBe(dModel);
      expect(dFf).toBe(4 * dModel);
      expect(nHeads).toBeGreaterThan(1);
      if (dModel >= 192) expect(dModel / nLayers).toBe(64);
      else expect(nLayers).toBeLessThanOrEqual(3);
    }
  });

  it('has rungs at other widths, where heads fit', () => {
    expect(ladderSize(80)).toMatchObject({ nLayers: 2, nHeads: 5, dHead: 16 });
    expect(() => ladderSize(100)).toThrow(RangeError);
  });
});

describe('the registry', () => {
  it('lists the headline presets first', () => {
    expect(architectureNames().slice(0, HEADLINE.length)).toEqual(HEADLINE);
  });

  it.each<[string, string, Partial<ModelSetup>, RegExp]>([
    ['a mixture without a layer to be in', 'switch-transformer', { nLayers: 3 }, /at least 4, not 3/],
    [
      'a Synthesizer with rotary positions',
      'synthesizer-random',
      { positions: 'rotary' },
      /absolute or relative/,
    ],
    [
      'an odd head of the Evolved Transformer',
      'evolved-transformer',
      { dHead: 3 },
      /must be even, not 8 and 3/,
    ],
    [
      'rotary positions and half a head of odd width',
      'evolved-transformer',
      { dHead: 6, positions: 'rotary' },
      /even, not 3/,
    ],
    ['rotary positions and odd heads', 'transformer', { dHead: 3, positions: 'rotary' }, /even, not 3/],
  ])('refuses %s', (_, preset, changes, message) => {
    const build = (): unknown => buildModel(setupOf(preset, SMALL, changes));
    expect(build).toThrow(ModelError);
    expect(build).toThrow(message);
  });
});
