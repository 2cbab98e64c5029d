/** `isoloss check` finds what it is for: every mistake is made once, the templates and examples make none. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkJson, checkText } from '../../src/report/checkText.js';
import { graphMermaid, graphSvg } from '../../src/report/graphPicture.js';
import { checkArchitecture } from '../../src/sweeps/checkArchitecture.js';
import { writeVariant } from '../../src/sweeps/writeVariant.js';
import { forwardFile, variantFolder } from './files.js';

const { write, folder } = variantFolder();

const SIZE = {
  dModel: 8,
  nLayers: 2,
  nHeads: 2,
  contextLength: 8,
  vocabSize: 32,
  batchSize: 3,
  positions: undefined,
};

const failures = async (name: string, text: string) => {
  const { check } = await checkArchitecture(write(`${name}.ts`, text), SIZE);
  expect(check.passed).toBe(false);
  return check.checks.filter(({ passed }) => !passed);
};

/** A wrong body, the check that finds it, and its words. */
const WRONG: readonly (readonly [string, string, string, RegExp])[] = [
  [
    'later',
    'x = tf.add(x, tf.reshape(tf.tile(tf.mean(tf.reshape(x, [contextLength, batchSize, dModel]), 0, true), [contextLength, 1, 1]), [rows, dModel]));',
    'causality',
    /changing token 1 changes the logits at position 0/,
  ],
  [
    'others',
    'x = tf.reshape(tf.cumsum(tf.reshape(x, [contextLength * batchSize, dModel]), 0), [rows, dModel]);',
    'sequences',
    /changing sequence 0 changes the logits of sequence 1/,
  ],
  ['constant', 'x = tf.mul(x, 0);', 'causality', /changes no logit at all/],
  ['values', 'if (x.dataSync()[0] > 0) x = tf.neg(x);', 'trace', /the value of a traced tensor/],
  ['random', 'x = tf.add(x, tf.randomNormal([rows, dModel]));', 'trace', /randomNormal/],
  ['unsupported', 'x = tf.searchSorted(x, x);', 'trace', /"SearchSorted"/],
  ['dead', 'x = tf.relu(tf.sub(tf.tanh(x), 2));', 'gradients', /gradient of .* is 0 everywhere/],
];

describe('isoloss check', () => {
  it.each(WRONG)('finds a mistake: %s', async (name, body, check, message) => {
    const found = await failures(name, forwardFile(name, body));
    expect(found.map((failure) => failure.name)).toContain(check);
    const failure = found.find((candidate) => candidate.name === check)!;
    expect(failure.detail).toMatch(message);
    expect(failure.remedy).not.toBeNull();
  });

  it('names a parameter that is not used, and one that no gradient reaches', async () => {
    const unused = await failures(
      'unused',
      forwardFile('unused', '', `matrix('spare', dModel, dModel, 1, 'attention'),`),
    );
    expect(unused.map(({ detail }) => detail)).toEqual(['the logits do not depend on spare']);
    const stopped = await failures(
      'stopped',
      forwardFile(
        'stopped',
        `x = tf.add(x, ops.stopGradient(tf.matMul(x, params['blocked'])));`,
        `matrix('blocked', dModel, dModel, 1, 'attention'),`,
      ),
    );
    expect(stopped.map(({ detail }) => detail)).toEqual(['no gradient flows to blocked']);
  });

  it('counts parameters and FLOPs, and prints them', async () => {
    const { check } = await checkArchitecture(write('plain.ts', forwardFile('plain', '')), SIZE);
    expect(check.passed).toBe(true);
    expect(check.params).toMatchObject({ paramsTotal: 32 * 8 + 8 * 8 + 8 * 32, paramsNonEmbedding: 64 });
    // Three products for each matrix, forward and backward, and none for gathering embeddings: 2 m n k each.
    expect(check.cost!.flopsByKind['matmul']).toBe(3 * 2 * 24 * (8 * 8 + 8 * 32));
    expect(checkText(check)).toMatch(/ok {5}causality/);
    expect(checkJson(check)).not.toHaveProperty('forward');
    expect(JSON.parse(JSON.stringify(checkJson(check)))).toMatchObject({ passed: true, batchSize: 3 });
  });

  it.each(['options', 'forward'] as const)('passes what `isoloss new variant` writes: %s', async (base) => {
    const path = writeVariant(`written-${base}`, base, folder);
    const { check, blocks } = await checkArchitecture(path, SIZE);
    expect(check.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(blocks!.blocks.map(({ name }) => name)).toContain('layer1.attention');
    expect(() => writeVariant(`written-${base}`, base, folder)).toThrow(
      /exists already and is not overwritten/,
    );
    expect(() => writeVariant('primer', base, folder)).toThrow(/name of a preset/);
    expect(() => writeVariant('../x', base, folder)).toThrow(/can't be a variant's name/);
  });

  it('passes every example', { timeout: 60_000 }, async () => {
    const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
    const files = readdirSync(examples).filter((name) => name.endsWith('.ts'));
    expect(files).toHaveLength(4);
    for (const file of files) {
      const { check } = await checkArchitecture(examples + file, { ...SIZE, dModel: 16 });
      expect(
        check.checks.filter(({ passed }) => !passed),
        file,
      ).toEqual([]);
    }
  });

  it('passes a preset by name, in the positions asked for', async () => {
    const { check } = await checkArchitecture('primer-ez', { ...SIZE, positions: 'rotary' });
    expect(check.passed).toBe(true);
    expect(check.setup.positions).toBe('rotary');
    await expect(checkArchitecture('primer-ez', { ...SIZE, positions: 'around' })).rejects.toThrow(
      /--positions/,
    );
  });
});

describe('isoloss check PRESET', () => {
  it.each(['t5-encdec', 't5-primer-ez-encdec'])(
    'passes an encoder-decoder, whose encoder is checked too: %s',
    async (preset) => {
      const { check, blocks } = await checkArchitecture(preset, { ...SIZE, contextLength: 24, dModel: 16 });
      expect(check.checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(check.checks.map(({ name }) => name)).toContain('encoder');
      const names = blocks!.blocks.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['source', 'encoder.layer1.attention']));
    },
  );

  it('takes positions after an @, and says what a mistyped name may have meant', async () => {
    expect((await checkArchitecture('primer@rotary', SIZE)).check.setup.positions).toBe('rotary');
    await expect(checkArchitecture('primer@rotary', { ...SIZE, positions: 'relative' })).rejects.toThrow(
      /say different things/,
    );
    await expect(checkArchitecture('primer-ezz', SIZE)).rejects.toThrow(
      /neither a preset nor a file "primer-ezz"\. Did you mean "primer-ez"/,
    );
    await expect(checkArchitecture('missing.ts', SIZE)).rejects.toThrow(/no file .*missing\.ts/);
  });

  it('takes the layers that a preset needs, where their number is not given', async () => {
    const { check } = await checkArchitecture('switch-primer', { ...SIZE, nLayers: undefined });
    expect(check.passed).toBe(true);
    expect(check.setup.nLayers).toBe(4);
  });
});

describe('the graph as a picture', () => {
  it('has a block for each group of parameters, edges forward, and all of the FLOPs', async () => {
    const { blocks } = await checkArchitecture('transformer', SIZE);
    const graph = blocks!;
    expect(graph.blocks.map(({ name }) => name)).toEqual([
      'tokens',
      'embedding',
      'layer0.attentionNorm',
      'layer0.attention',
      'layer0.feedForwardNorm',
      'layer0.feedForward',
      'layer1.attentionNorm',
      'layer1.attention',
      'layer1.feedForwardNorm',
      'layer1.feedForward',
      'finalNorm',
      'output',
    ]);
    expect(graph.edges.every(({ from, to }) => from < to)).toBe(true);
    // The residual connection goes around attention.
    expect(graph.edges).toContainEqual({ from: 1, to: 3 });
    const svg = graphSvg(graph, 'a < b');
    expect(svg).toContain('a &lt; b');
    expect(svg.match(/<rect x=/g)).toHaveLength(graph.blocks.length);
    expect(graphMermaid(graph)).toMatch(/^flowchart TD\n {2}b0\["tokens"\]/);
  });
});
