/** Parameter counts by hand and by the paper, and initial values by their rules. */
import { describe, expect, it } from 'vitest';
import { countParams, initialValue, type ParamSpec } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { architectureNames, defaultDff } from '../../src/models/registry.js';
import type { ModelSetup } from '../../src/store/record.js';
import { TINY_MODEL } from '../engine/tinyTraining.js';

const countsOf = (change: Partial<ModelSetup>) =>
  countParams(buildModel({ ...TINY_MODEL, ...change }).params);

describe('parameter counts', () => {
  // dModel 8, 2 heads of 6 (width 12), dFf 12, vocabulary 11, 2 layers.
  const norm = 2 * 8;
  const attention = 3 * 8 * 12 + 12 * 8;
  const feedForward = 8 * 12 + 12 + 12 * 8 + 8;

  it('of a tiny transformer are those counted by hand', () => {
    const layer = norm + attention + norm + feedForward;
    const nonEmbedding = 2 * layer + norm;
    expect(countsOf({})).toEqual({
      paramsTotal: 11 * 8 + nonEmbedding + 11 * 8,
      paramsNonEmbedding: nonEmbedding,
      paramsActive: 11 * 8 + nonEmbedding + 11 * 8,
      paramsByGroup: {
        embedding: 88,
        attention: 2 * attention,
        feedForward: 2 * feedForward,
        norm: 5 * norm,
        output: 88,
      },
    });
    expect(nonEmbedding).toBe(1272);
  });

  it.each<[string, Partial<ModelSetup>, number]>([
    ['tied weights count once', { tiedEmbeddings: true }, 1272 + 88],
    ['a relative bias has 32 buckets a head', { positions: 'relative' }, 1272 + 176 + 32 * 2],
    ['MDHA has 3 weights a channel of q, k and v', { preset: 'primer-ez' }, 1272 + 176 + 2 * 3 * 3 * 12],
    // q and k are one projection and one convolution; queries come from a square matrix.
    ['Primer shares q and k', { preset: 'primer' }, 1272 + 176 + 2 * (12 * 12 - 8 * 12 + 2 * 3 * 12)],
    // No biases, norms of one vector, and a third feed-forward matrix.
    ['Transformer++', { preset: 'transformer++' }, 1272 + 176 - 5 * 8 + 2 * (8 * 12 - 12 - 8)],
    ['T5', { preset: 't5' }, 1272 + 176 - 5 * 8 - 2 * (12 + 8)],
  ])('%s', (_, change, total) => {
    expect(countsOf(change).paramsTotal).toBe(total);
  });

  const paperSize = (dModel: number, nLayers: number, dFf: number, nHeads: number, dHead: number) => ({
    ...TINY_MODEL,
    vocabSize: 32_128,
    contextLength: 512,
    tiedEmbeddings: true,
    init: 't5' as const,
    dModel,
    nLayers,
    dFf,
    nHeads,
    dHead,
  });
  const SMALL = paperSize(512, 6, 2048, 8, 64);

  it.each<[string, ModelSetup, number]>([
    ['small, vanilla', SMALL, 35e6],
    ['small, Primer', { ...SMALL, preset: 'primer' }, 36e6],
    ['medium', { ...paperSize(768, 12, 3072, 12, 64), preset: 't5', positions: 'relative' }, 110e6],
    ['large', { ...paperSize(1024, 24, 8192, 16, 64), preset: 't5', positions: 'relative' }, 537e6],
    ['XL', { ...paperSize(2048, 24, 12_288, 24, 128), preset: 't5', positions: 'relative' }, 1.9e9],
  ])("the paper's %s is within 2.5%", (_, setup, published) => {
    const before = process.memoryUsage();
    const { paramsTotal } = countParams(buildModel(setup).params);
    expect(Math.abs(paramsTotal / published - 1)).toBeLessThan(0.025);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers, 'bytes allocated').toBeLessThan(1e6);
  });

  it('the gated layer has 2/3 of the width', () => {
    expect(defaultDff('transformer', 512)).toBe(2048);
    expect(defaultDff('transformer++', 512)).toBe(1364);
    expect(defaultDff('t5++', 768)).toBe(2048);
    expect(defaultDff('primer', 64)).toBe(256);
  });
});

const shape = { ...TINY_MODEL, dModel: 64, nHeads: 4, dHead: 32, dFf: 256, vocabSize: 256 };

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  const withinOne = values.filter((x) => Math.abs(x - mean) < std).length / values.length;
  return { mean, std, withinOne };
}

const specsOf = (change: Partial<ModelSetup>): Map<string, ParamSpec> =>
  new Map(buildModel({ ...shape, ...change }).params.map((spec) => [spec.name, spec]));

describe('initial values', () => {
  const width = 4 * 32;
  const toResidual = 1 / Math.sqrt(2 * 2);

  it.each<[string, Partial<ModelSetup>, Readonly<Record<string, number>>]>([
    [
      'of our own rule',
      { preset: 'primer-ez' },
      {
        embedding: 0.02,
        output: 0.02,
        'layer0.attention.q': 64 ** -0.5,
        'layer0.attention.k': 64 ** -0.5,
        'layer1.attention.v': 64 ** -0.5,
        'layer1.attention.o': width ** -0.5 * toResidual,
        'layer0.feedForward.in': 64 ** -0.5,
        'layer0.feedForward.out': 256 ** -0.5 * toResidual,
      },
    ],
    ['of our own rule with a gate', { preset: 't5++' }, { 'layer0.feedForward.gated': 64 ** -0.5 }],
    [
      'of our own rule with shared Q/K',
      { preset: 'primer' },
      { 'layer0.attention.qk': 64 ** -0.5, 'layer0.attention.qFromShared': width ** -0.5 },
    ],
    [
      "of the release's rule",
      { preset: 't5', init: 't5' },
      {
        embedding: 1,
        'layer0.attention.q': (64 * 32) ** -0.5,
        'layer0.attention.k': 64 ** -0.5,
        'layer1.attention.v': 64 ** -0.5,
        'layer1.attention.o': width ** -0.5,
        'layer0.feedForward.in': 64 ** -0.5,
        'layer1.feedForward.out': 256 ** -0.5,
      },
    ],
  ])('%s have the spread it says, mean 0 and a normal shape', (_, change, expected) => {
    const specs = specsOf(change);
    for (const [name, std] of Object.entries(expected)) {
      const values = initialValue(specs.get(name)!, 1);
      const found = statistics(values);
      // Five standard errors of each statistic.
      const n = values.length;
      expect(Math.abs(found.std / std - 1), `${name}: std ${found.std}`).toBeLessThan(5 / Math.sqrt(2 * n));
      expect(Math.abs(found.mean), `${name}: mean`).toBeLessThan((5 * std) / Math.sqrt(n));
      expect(Math.abs(found.withinOne - 0.6827), `${name}: within one std`).toBeLessThan(
        5 * Math.sqrt(0.2166 / n),
      );
    }
  });

  it('of norms, biases, tables and kernels are constants', () => {
    const specs = specsOf({ preset: 'primer-ez', positions: 'relative' });
    const values = (name: string): number[] => [...new Set(initialValue(specs.get(name)!, 1))];
    expect(values('layer0.attentionNorm.gamma')).toEqual([1]);
    expect(values('finalNorm.beta')).toEqual([0]);
    expect(values('layer1.feedForward.inBias')).toEqual([0]);
    expect(values('layer1.feedForward.outBias')).toEqual([0]);
    expect(values('relativeBias')).toEqual([0]);
    const kernel = initialValue(specs.get('layer0.attention.kConv')!, 1);
    const row = (value: number): number[] => Array.from({ length: width }, () => Math.fround(value));
    expect([...kernel]).toEqual([...row(0.5), ...row(0.5 / 3), ...row(0.5 / 3)]);
  });

  it('are the same for the same name, shape and rule in every architecture', () => {
    const seen = new Map<string, { readonly preset: string; readonly values: string }>();
    let shared = 0;
    for (const preset of [
      'transformer',
      'transformer++',
      'primer-ez',
      'primer',
      't5',
      't5++',
      't5-primer-ez',
      't5-primer',
    ]) {
      for (const [name, spec] of specsOf({ preset })) {
        const key = `${name} ${spec.shape.join()}`;
        const values = Buffer.from(initialValue(spec, 5).buffer).toString('base64');
        const known = seen.get(key);
        if (known === undefined) seen.set(key, { preset, values });
        else {
          shared += 1;
          expect(values, `${key} of ${preset} and ${known.preset}`).toBe(known.values);
        }
      }
    }
    expect(shared).toBeGreaterThan(100);
  });

  it('differ between seeds and between parameters, and come again with the same seed', () => {
    const specs = specsOf({});
    const q = specs.get('layer0.attention.q')!;
    expect(initialValue(q, 1)).toEqual(initialValue(q, 1));
    const correlation = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, x, i) => sum + x * b[i]!, 0) / (a.length * statistics(a).std * statistics(b).std);
    const pairs: [Float32Array, Float32Array][] = [
      [initialValue(q, 1), initialValue(q, 2)],
      [initialValue(q, 1), initialValue(specs.get('layer0.attention.k')!, 1)],
      [initialValue(q, 1), initialValue(specs.get('layer1.attention.q')!, 1)],
    ];
    for (const [a, b] of pairs) expect(Math.abs(correlation(a, b))).toBeLessThan(5 / Math.sqrt(a.length));
  });
});

describe('weight decay', () => {
  it('is for matrices alone: no embedding, norm, bias, table or kernel', () => {
    const specs = [...specsOf({ preset: 'primer-ez', positions: 'relative' }).values()];
    const decayed = specs.filter(({ decay }) => decay).map(({ name }) => name.replace(/layer\d/, 'layer'));
    expect([...new Set(decayed)].toSorted()).toEqual([
      'layer.attention.k',
      'layer.attention.o',
      'layer.attention.q',
      'layer.attention.v',
      'layer.feedForward.in',
      'layer.feedForward.out',
      'output',
    ]);
  });
});

describe('the registry', () => {
  it('names what it knows where it does not know an architecture', () => {
    expect(() => buildModel({ ...TINY_MODEL, preset: 'transfomer' })).toThrow(
      /unknown architecture "transfomer"; known are transformer, /,
    );
    expect(architectureNames()).toContain('primer-ez');
  });

  it('does not take a name of every object for an architecture', () => {
    expect(() => buildModel({ ...TINY_MODEL, preset: 'constructor' })).toThrow(/unknown architecture/);
  });

  it('refuses rotary positions where heads are odd', () => {
    expect(() => buildModel({ ...TINY_MODEL, positions: 'rotary', dHead: 5 })).toThrow(
      /dHead must be even, not 5/,
    );
  });
});
