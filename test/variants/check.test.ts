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
  [
    'reads',
    'if (x.dataSync()[0] > 0) x = tf.neg(x);',
    'trace',
    /value of a traced tensor.*reads\.ts:18:\d+\)$/,
  ],
  [
    'waits',
    'x = tf.add(x, x.data());',
    'trace',
    /value of a traced tensor.*data\(\).*\(at .*waits\.ts:18:\d+\)$/,
  ],
  [
    'random',
    'x = tf.add(x, tf.randomNormal([rows, dModel]));',
    'trace',
    /randomNormal.*random\.ts:18:\d+\)$/,
  ],
  ['chance', 'x = tf.mul(x, Math.random());', 'trace', /^Math\.random\(\) was called.*chance\.ts:18:\d+\)$/],
  ['variable', 'x = tf.mul(x, tf.variable(tf.ones([dModel])));', 'trace', /variable of its own.*params\(\)/],
  [
    'unsupported',
    'x = tf.searchSorted(x, x);',
    'trace',
    /"SearchSorted", which tf\.searchSorted needs.*unsupported\.ts:18:\d+\)$/,
  ],
  [
    'shapes',
    'x = tf.matMul(x, tf.ones([3, dModel]));',
    'trace',
    /^tf\.matMul of \[24,8\] and \[3,8\]: the 8 columns.*shapes\.ts:18:\d+\)$/,
  ],
  [
    'mistyped',
    'x = tf.rellu(x);',
    'trace',
    /^tf\.rellu is not a function \(is the name right.*mistyped\.ts:18:\d+\)$/,
  ],
  ['thrown', "throw 'a text';", 'trace', /^logits\(\) of .*thrown\.ts threw a text$/],
  [
    'undefined',
    'x = tf.add(x, tf.log(tf.sub(x, x)));x = tf.sub(x, x);',
    'values',
    /NaN first comes out of the operation Sub .* at .*undefined\.ts:18:\d+$/,
  ],
  ['huge', 'x = tf.mul(x, 1e6);', 'training', /guessing/],
  ['dead', 'x = tf.relu(tf.sub(tf.tanh(x), 2));', 'gradients', /gradient of .* is 0 everywhere/],
];

describe('isoloss check', () => {
  it.each(WRONG)('finds a mistake: %s', async (name, body, check, message) => {
    const found = await failures(name, forwardFile(name, body));
    expect(found.map((failure) => failure.name)).toContain(check);
    const failure = found.find((candidate) => candidate.name === check)!;
    expect(failure.detail).toMatch(message);
    // What can't be traced says in its own words what to do.
    expect(failure.remedy === null).toBe(check === 'trace');
  });

  it('finds what is another model each time that it is read', async () => {
    const changing = async (name: string, head: string, body: string) =>
      (await failures(name, `${head}\n${forwardFile(name, body)}`)).map(
        ({ name, detail }) => `${name}: ${detail}`,
      );
    const constants = 'repeatable: read again, it is another model: its operations or constants differ';
    expect(await changing('by-chance', 'const scale = Math.random();', 'x = tf.mul(x, scale);')).toContain(
      constants,
    );
    expect(await changing('by-calls', 'let calls = 0;', 'x = tf.mul(x, 1 + 0.01 * calls++);')).toContain(
      constants,
    );
  });

  it.each<[string, string, RegExp]>([
    ['number', 'x => 3', /activation of .*number\.ts has to return.*\[24,32\] here\); it returned number/],
    ['nothing', 'x => { tf.relu(x); }', /it returned nothing \(is a `return` missing/],
    ['summed', 'x => tf.sum(x, 1)', /it returned a tensor of shape \[24\]/],
    ['waiting', 'async x => tf.relu(x)', /it returned a promise/],
    ['unlike', 'x => tf.matMul(x, tf.ones([2, 2]))', /^tf\.matMul of \[24,32\].*unlike\.ts:3:\d+\)$/],
  ])('finds a wrong activation: %s', async (name, activation, message) => {
    const text = `import { tf } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';
export const variant = defineVariant({ name: 'activation-${name}', base: 'transformer', options: { activation: ${activation} } });
`;
    const [failure] = await failures(`activation-${name}`, text);
    expect(failure).toMatchObject({ name: 'trace', detail: expect.stringMatching(message) as string });
  });

  it('names the line of a helper in another file', async () => {
    write(
      'helper.ts',
      `import { tf } from 'isoloss/ops';\n\nexport const act = (x: any) => tf.reshape(x, [1]);\n`,
    );
    const [failure] = await failures(
      'helped',
      `import { act } from './helper.ts';
import { defineVariant } from 'isoloss/variants';
export const variant = defineVariant({ name: 'helped', base: 'transformer', options: { activation: act } });
`,
    );
    expect(failure!.detail).toMatch(/^tf\.reshape of .*helper\.ts:3:\d+\)$/);
  });

  it('refuses what would not fit into memory, naming the parameter', async () => {
    const text = forwardFile('vast', '', `matrix('spare', 2e6, 1e5, 1, 'attention'),`);
    await expect(checkArchitecture(write('vast.ts', text), SIZE)).rejects.toThrow(
      /200,000,000,\d+ parameters.*"spare", \[2000000,100000\].*--d/,
    );
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
    expect(() => writeVariant('t5-encdec', base, folder)).toThrow(/name of a preset/);
    expect(() => writeVariant('../x', base, folder)).toThrow(/can't be a variant's name/);
    expect(() => writeVariant('toString', base, folder)).toThrow(/no chart can show it/);
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
