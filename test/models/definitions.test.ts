/** Every architecture against its definition, written out in plain loops; and that none looks ahead. */
import { describe, expect, it } from 'vitest';
import { ortEngine } from '../../src/engine/ort.js';
import { decoder } from '../../src/models/decoder.js';
import { VANILLA } from '../../src/models/decoderOptions.js';
import type { LanguageModel, Positions } from '../../src/models/model.js';
import { buildModel } from '../../src/models/buildModel.js';
import { presetNamed, defaultPositions } from '../../src/models/registry.js';
import type { ModelSetup } from '../../src/store/record.js';
import { eager, expectClose, runOnce } from '../engine/harness.js';
import { TINY_MODEL } from '../engine/tinyTraining.js';
import {
  DEFINITIONS,
  GELU_TRANSFORMER,
  LINGVO_PRIMER,
  referenceLogits,
  type Definition,
} from './referenceDecoder.js';
import { asInputs, logitsProgram, telltaleParams } from './tinyModels.js';

const POSITIONS: readonly Positions[] = ['absolute', 'relative', 'rotary'];

const SEQUENCES = [
  [3, 1, 4, 1, 5, 9],
  [2, 6, 5, 3, 5, 8],
  [0, 0, 10, 7, 10, 7],
];

async function expectDefinition(
  model: LanguageModel,
  setup: ModelSetup,
  definition: Definition,
): Promise<void> {
  const params = telltaleParams(model);
  const expected = SEQUENCES.map((sequence) => referenceLogits(sequence, params, setup, definition));
  const timeMajor = SEQUENCES[0]!.flatMap((_, t) => expected.flatMap((sequence) => sequence[t]!));
  const largest = Math.max(...timeMajor.map(Math.abs));
  const program = logitsProgram(model, setup.contextLength, SEQUENCES.length);
  for (const [name, engine] of [
    ['tfjs-cpu', eager],
    ['ONNX Runtime', ortEngine],
  ] as const) {
    const { logits } = await runOnce(engine, program, asInputs(params, SEQUENCES));
    expectClose(logits!, timeMajor, name, { relative: 1e-5, absolute: 1e-5 * largest });
  }
}

const setupOf = (preset: string, change: Partial<ModelSetup>): ModelSetup => ({
  ...TINY_MODEL,
  preset,
  ...change,
});

const CASES = Object.keys(DEFINITIONS).flatMap((preset) =>
  POSITIONS.map((positions) => [preset, positions] as const),
);

describe('architectures are what the paper says', () => {
  it.each(CASES)('%s with %s positions', async (preset, positions) => {
    const setup = setupOf(preset, { positions });
    await expectDefinition(buildModel(setup), setup, DEFINITIONS[preset]!);
  });

  it.each(['primer', 't5'])("%s with the release's initial values, tied and untied", async (preset) => {
    for (const tiedEmbeddings of [true, false]) {
      const setup = setupOf(preset, { positions: 'relative', init: 't5', tiedEmbeddings });
      await expectDefinition(buildModel(setup), setup, DEFINITIONS[preset]!);
    }
  });

  it('tied embeddings with small initial values', async () => {
    const setup = setupOf('transformer', { tiedEmbeddings: true });
    await expectDefinition(buildModel(setup), setup, DEFINITIONS['transformer']!);
  });

  it('distances that share a bucket share a bias', async () => {
    const setup = setupOf('t5', { positions: 'relative', nLayers: 1, contextLength: 40 });
    const model = buildModel(setup);
    const params = telltaleParams(model);
    const sequence = Array.from({ length: 40 }, (_, t) => (t * t) % 11);
    const { logits } = await runOnce(ortEngine, logitsProgram(model, 40, 1), asInputs(params, [sequence]));
    const expected = referenceLogits(sequence, params, setup, DEFINITIONS['t5']!).flat();
    expectClose(logits!, expected, 'logits', { relative: 1e-5, absolute: 1e-5 });
  });

  it("Transformer+GELU, and Primer with Lingvo's norm", async () => {
    const setup = setupOf('-', {});
    const gelu = decoder(setup, { ...VANILLA, activation: 'gelu' }, 'absolute');
    await expectDefinition(gelu, setup, GELU_TRANSFORMER);
    const lingvo = decoder(setup, { ...presetNamed('primer').options, norm: 'primerNormLingvo' }, 'absolute');
    await expectDefinition(lingvo, setup, LINGVO_PRIMER);
  });

  it("Lingvo's norm is not the release's", async () => {
    const setup = setupOf('primer', {});
    const params = telltaleParams(buildModel(setup));
    const logits = [DEFINITIONS['primer']!, LINGVO_PRIMER].map((definition) =>
      referenceLogits(SEQUENCES[0]!, params, setup, definition),
    );
    expect(logits[0]).not.toEqual(logits[1]);
    await expect(expectDefinition(buildModel(setup), setup, LINGVO_PRIMER)).rejects.toThrow(/instead of/);
  });

  it('has the families that primer.md names', () => {
    expect(Object.keys(DEFINITIONS).map((preset) => [preset, defaultPositions(preset)])).toEqual([
      ['transformer', 'absolute'],
      ['transformer++', 'absolute'],
      ['primer-ez', 'absolute'],
      ['primer', 'absolute'],
      ['t5', 'relative'],
      ['t5++', 'relative'],
      ['t5-primer-ez', 'relative'],
      ['t5-primer', 'relative'],
    ]);
  });
});

describe('no architecture looks ahead', () => {
  it.each(CASES)('%s with %s positions', async (preset, positions) => {
    const setup = setupOf(preset, { positions });
    const model = buildModel(setup);
    const params = telltaleParams(model);
    const compiled = await ortEngine.compileFunction(logitsProgram(model, setup.contextLength, 1), {
      threads: 1,
    });
    const rows = async (tokens: readonly number[]): Promise<number[][]> => {
      const { logits } = await compiled.run(asInputs(params, [tokens]));
      return Array.from({ length: setup.contextLength }, (_, t) =>
        Array.from(logits!.slice(t * 11, (t + 1) * 11)),
      );
    };
    const tokens = SEQUENCES[0]!;
    const before = await rows(tokens);
    for (let changed = 0; changed < tokens.length; changed++) {
      const after = await rows(tokens.with(changed, (tokens[changed]! + 1) % 11));
      expect(after.slice(0, changed), `logits before token ${changed}`).toEqual(before.slice(0, changed));
      for (let t = changed; t < tokens.length; t++) expect(after[t], `logits at ${t}`).not.toEqual(before[t]);
    }
    await compiled.dispose();
  });
});

describe('a batch', () => {
  it.each(['transformer', 'primer'])('%s: no sequence sees another', async (preset) => {
    const setup = setupOf(preset, { positions: 'relative' });
    const model = buildModel(setup);
    const params = telltaleParams(model);
    const alone = await runOnce(ortEngine, logitsProgram(model, 6, 1), asInputs(params, [SEQUENCES[1]!]));
    const together = await runOnce(ortEngine, logitsProgram(model, 6, 3), asInputs(params, SEQUENCES));
    const second = Array.from({ length: 6 }, (_, t) =>
      Array.from(together['logits']!.slice((t * 3 + 1) * 11, (t * 3 + 2) * 11)),
    );
    expectClose(second.flat(), alone['logits']!, 'second sequence', { relative: 1e-6, absolute: 1e-6 });
  });
});
