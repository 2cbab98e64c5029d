/** Files of variants: every ending, one instance of TensorFlow.js, and an error that names file and cause for each mistake. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadVariant } from '../../src/models/loadVariant.js';
import { buildModel } from '../../src/models/buildModel.js';
import { architectureNames, defaultDff, defaultPositions } from '../../src/models/registry.js';
import { defineVariant } from '../../src/models/variant.js';
import { tf } from '../../src/ops/tf.js';
import { forwardFile, variantFolder } from './files.js';

const { write, folder } = variantFolder();

const optionsFile = (name: string, options: string, more = ''): string =>
  `import { tf } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';
export const variant = defineVariant({ name: '${name}', base: 'transformer', options: ${options}, ${more} });
`;

const SHAPE = {
  vocabSize: 17,
  contextLength: 8,
  dModel: 8,
  nLayers: 1,
  nHeads: 2,
  dHead: 4,
  dFf: 16,
  tiedEmbeddings: false,
  init: 'small',
} as const;

describe('loading a variant', () => {
  it.each(['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'])(
    'takes a .%s file and makes its name known',
    async (ending) => {
      const typed = ending.endsWith('ts') ? 'const one: number = 1;\n' : 'const one = 1;\n';
      const name = `from-${ending}`;
      const text = optionsFile(name, '{ activation: (x) => tf.mul(x, one) }', `positions: 'rotary'`);
      const { definition } = await loadVariant(write(`${name}.${ending}`, typed + text));
      expect(definition.name).toBe(name);
      expect(architectureNames()).toContain(name);
      expect(defaultPositions(name)).toBe('rotary');
      expect(buildModel({ ...SHAPE, preset: name, positions: 'rotary' }).params.length).toBeGreaterThan(5);
    },
  );

  it('takes a default export too', async () => {
    const text = optionsFile('by-default', '{ gated: true, feedForwardBiases: false }');
    await loadVariant(write('byDefault.ts', text.replace('export const variant =', 'export default')));
    // Gated: 2/3 of 4 x 48, rounded to a multiple of 4.
    expect(defaultDff('by-default', 48)).toBe(128);
  });

  it('gives the file this very TensorFlow.js, whichever way it imports it', async () => {
    Object.assign(globalThis, { isolossTestTf: tf });
    const file = write(
      'same.ts',
      `import * as direct from '@tensorflow/tfjs';
import { tf } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';
const same = tf === globalThis.isolossTestTf && direct.matMul === tf.matMul;
export const variant = defineVariant({ name: 'same-tf', base: 'transformer', options: {}, defaultDff: () => (same ? 5 : 7) });
`,
    );
    await loadVariant(file);
    expect(defaultDff('same-tf', 8)).toBe(5);
  });

  it('has types that know a mistyped option', () => {
    // @ts-expect-error there is no such option
    defineVariant({ name: 'typed', base: 'transformer', options: { gatd: true } });
    // @ts-expect-error nor such a norm
    expect(defineVariant({ name: 'typed', base: 't5', options: { norm: 'batchNorm' } }).base).toBe('t5');
  });

  it('keeps what it logs off standard output, and refuses to be ended by it', async () => {
    const written: unknown[] = [];
    const error = vi.spyOn(console, 'error').mockImplementation((...all) => void written.push(...all));
    const { log } = console;
    const loud = optionsFile('loud', '{ activation: (x) => (console.log("called"), tf.relu(x)) }');
    await loadVariant(write('loud.ts', `console.log('loaded');\n${loud}`));
    const model = buildModel({ ...SHAPE, preset: 'loud', positions: 'absolute' });
    expect(model.params.length).toBeGreaterThan(5);
    expect(console.log).toBe(log);
    error.mockRestore();
    expect(written).toContain('loaded');
    await expect(loadVariant(write('leaving.ts', 'process.exit(0);'))).rejects.toThrow(
      /process\.exit\(\) was called.*leaving\.ts:1/,
    );
  });

  it('loads a file once', async () => {
    const file = write('once.ts', optionsFile('once', '{}'));
    expect(await loadVariant(file)).toBe(await loadVariant(file));
  });

  it.each<[string, string, string, RegExp]>([
    [
      'a syntax error',
      'broken.ts',
      '\nexport const variant = {',
      /broken\.ts could not be loaded: .*broken\.ts:2:\d+/,
    ],
    [
      'an import of nothing',
      'lost.ts',
      `\nimport './nowhere.js';`,
      /lost\.ts:2 could not be loaded: .*nowhere.*Is the path right/,
    ],
    [
      'an import of a package that is not there',
      'packages.ts',
      `import missing from 'isoloss-has-no-such-package';\nexport const variant = missing;`,
      /packages\.ts:1 could not be loaded: .*npm install isoloss-has-no-such-package/,
    ],
    [
      'an entry that isoloss has not',
      'entry.ts',
      `\nimport { tf } from 'isoloss';\nexport const variant = tf;`,
      /entry\.ts:2 imports "isoloss"; a variant's entries are isoloss\/ops .* isoloss\/variants/,
    ],
    [
      'an error at its top',
      'top.ts',
      '\nundefined.x;\nexport const variant = 1;',
      /top\.ts could.*\(at .*top\.ts:2:\d+\)/,
    ],
    ['another name', 'named.ts', 'export const model = {};', /exports no variant.*It exports model\./],
    ['a function', 'function.ts', 'export const variant = () => 1;', /exports is a function\. Export what/],
    [
      'no export',
      'none.ts',
      'export const other = 1;',
      /none\.ts exports no variant: write `export const variant/,
    ],
    ['another ending', 'variant.py', 'x = 1', /ending in \.ts/],
    [
      'no object',
      'number.ts',
      'export const variant = 3;',
      /number\.ts does not define a variant: .*a number/,
    ],
    [
      'an unknown option',
      'option.ts',
      optionsFile('option', '{ activatoin: 1 }'),
      /option\.ts:3 does.*options: there is no "activatoin"\. Did you mean "activation"\? There are block, /s,
    ],
    [
      'an unknown key',
      'key.ts',
      optionsFile('key', '{}', 'postions: "rotary"'),
      /there is no "postions"\. Did you mean "positions"/,
    ],
    [
      'an activation that there is not',
      'activation.ts',
      optionsFile('activation', `{ activation: 'gleu' }`),
      /options\.activation: .*"gelu".*, or has to be a function/,
    ],
    [
      'an encoder-decoder as its base',
      'encdec.ts',
      optionsFile('encdec', '{}').replace(`'transformer'`, `'t5-encdec'`),
      /base: "t5-encdec" is an encoder-decoder; a variant starts from a decoder/,
    ],
    [
      'positions in its base',
      'at.ts',
      optionsFile('at', '{}').replace(`'transformer'`, `'transformer@rotary'`),
      /base: 'transformer', and positions: 'rotary'/,
    ],
    [
      'a wrong option',
      'wrong.ts',
      optionsFile('wrong', `{ norm: 'batchNorm' }`),
      /options\.norm: .*layerNorm/,
    ],
    [
      'an unknown base',
      'base.ts',
      optionsFile('base', '{}').replace(`'transformer'`, `'transformr'`),
      /base: there is no preset "transformr"\. Did you mean "transformer"\? There are transformer,/,
    ],
    ["a preset's name", 'preset.ts', optionsFile('primer', '{}'), /"primer" is the name of a preset/],
    ['an unfit name', 'name.ts', optionsFile('a b', '{}'), /name: has to begin with a letter/],
    ["every object's name", 'every.ts', optionsFile('constructor', '{}'), /name: .* no chart can show it/],
    [
      'a forward pass without positions',
      'positions.ts',
      forwardFile('nowhere', '').replace(`positions: 'absolute',`, ''),
      /positions: .*absolute/,
    ],
  ])('refuses %s', async (_, name, text, message) => {
    await expect(loadVariant(write(name, text))).rejects.toThrow(message);
  });

  it('refuses a missing file, and a name that another file has', async () => {
    await expect(loadVariant(`${folder}/missing.ts`)).rejects.toThrow(
      /no file .*missing\.ts.*isoloss new variant/,
    );
    await loadVariant(write('first.ts', optionsFile('twice', '{}')));
    await expect(loadVariant(write('second.ts', optionsFile('twice', '{}')))).rejects.toThrow(
      /second\.ts: there is a variant "twice" in .*first\.ts/,
    );
  });

  it('takes paths with blanks and letters of all kinds', async () => {
    mkdirSync(join(folder, 'my models é'));
    const file = write(join('my models é', 'a b.ts'), optionsFile('blanks', '{}'));
    expect((await loadVariant(file)).definition.name).toBe('blanks');
  });

  it('takes a file again that was mended', async () => {
    const file = write('mended.ts', 'export const variant = {');
    await expect(loadVariant(file)).rejects.toThrow();
    write('mended.ts', optionsFile('mended', '{}'));
    expect((await loadVariant(file)).definition.name).toBe('mended');
  });
});

describe('building a forward pass', () => {
  const build = async (name: string, text: string) => {
    await loadVariant(write(`${name}.ts`, text));
    return buildModel({ ...SHAPE, preset: name, positions: 'absolute' });
  };

  it('refuses other positions than its own', async () => {
    await build('fixed', forwardFile('fixed', ''));
    expect(() => buildModel({ ...SHAPE, preset: 'fixed', positions: 'rotary' })).toThrow(
      /fixed .* has absolute positions .* can't have rotary/,
    );
  });

  it.each([
    ['twice', `matrix('mix', 2, 2, 1, 'norm'),`, /gives the parameter "mix" twice/],
    ['group', `matrix('more', 2, 2, 1, 'magic'),`, /params\(\) of .*group/],
  ])('refuses wrong parameters: %s', async (name, params, message) => {
    await expect(build(`params-${name}`, forwardFile(`params-${name}`, '', params))).rejects.toThrow(message);
  });

  it('says which parameter is missing and which shape the logits should have', async () => {
    const run = async (name: string, body: string): Promise<void> => {
      const model = await build(name, forwardFile(name, body));
      void tf.setBackend('cpu');
      const params = Object.fromEntries(model.params.map((spec) => [spec.name, tf.ones([...spec.shape])]));
      model.logits(params, tf.zeros([16], 'int32'), 2);
    };
    await expect(run('missing-param', `x = tf.matMul(x, params['mixx']);`)).rejects.toThrow(
      /asks for a parameter "mixx".*it gives embedding, mix, output/,
    );
    await expect(run('wrong-logits', 'return x;')).rejects.toThrow(
      /shape \[16,17\].*returned a tensor of shape \[16,8\]/,
    );
    await expect(run('no-logits', 'return;')).rejects.toThrow(/returned nothing \(is a `return` missing/);
  });
});
