/** Variants with dropout and an auxiliary loss in real runs: what is trained, what is reported, and the same bits however it is cut up. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedCorpus } from '../../src/data/corpus.js';
import { ortEngine } from '../../src/engine/ort.js';
import { trace } from '../../src/engine/trace/trace.js';
import { loadVariant } from '../../src/models/loadVariant.js';
import { initialValue } from '../../src/models/params.js';
import { buildModel } from '../../src/models/buildModel.js';
import { randomWords } from '../../src/ops/index.js';
import { describeModel } from '../../src/train/describe.js';
import {
  evaluationProgram,
  gradientProgram,
  RANDOM_WORDS,
  trainingProgram,
} from '../../src/train/programs.js';
import { paramKey } from '../../src/train/stateNames.js';
import { makeOptimizer } from '../../src/train/optimizers.js';
import { eager, expectClose, randomValues, runOnce } from '../engine/harness.js';
import {
  madeUpCorpus,
  plan,
  removeTemporaryFolders,
  SETUP,
  stopAfter,
  temporaryFolder,
  traceOf,
  train,
} from '../train/tinyRun.js';
import { forwardFile, variantFolder } from './files.js';

const { write } = variantFolder();
afterAll(removeTemporaryFolders);

/** A forward pass with a body before its output. */
async function variant(name: string, body: string, output = ''): Promise<typeof SETUP.model> {
  const text = forwardFile(name, body);
  const last = `return tf.matMul(x, params['output']);`;
  await loadVariant(write(`${name}.ts`, output === '' ? text : text.replace(last, output)));
  return { ...SETUP.model, preset: name, positions: 'absolute' };
}

const BATCH = { batchSize: 4, contextLength: SETUP.model.contextLength };
const ROWS = BATCH.batchSize * BATCH.contextLength;

const inputsOf = (model: ReturnType<typeof buildModel>) => ({
  ...Object.fromEntries(model.params.map((spec) => [paramKey(spec.name), initialValue(spec, 0)])),
  inputs: randomValues({ shape: [ROWS], dtype: 'int32' }, 1, 0, 257),
  targets: randomValues({ shape: [ROWS], dtype: 'int32' }, 2, 0, 257),
});

describe('dropout in a forward pass', () => {
  let corpus: PreparedCorpus;
  let setup: typeof SETUP.model;
  beforeAll(async () => {
    corpus = await madeUpCorpus(temporaryFolder());
    setup = await variant('with-dropout', 'x = ops.dropout(tf.relu(x), 0.2); x = ops.dropout(x, 0.1);');
  });

  it('is trained to the same bits in calls of 1 and of 8 steps, and after an interruption', async () => {
    const alone = plan(corpus, { model: setup });
    const expected = traceOf(alone.directory, await train(alone, corpus, { stepsPerCall: 8 }));
    expect(expected.rows).toHaveLength(22);
    const single = plan(corpus, { model: setup });
    expect(traceOf(single.directory, await train(single, corpus, { stepsPerCall: 1 }))).toEqual(expected);
    const cut = plan(corpus, { model: setup });
    expect(await train(cut, corpus, { shouldStop: stopAfter(2) })).toMatchObject({ status: 'interrupted' });
    expect(traceOf(cut.directory, await train(cut, corpus))).toEqual(expected);
    const other = plan(corpus, { model: setup, seed: 2 });
    expect(traceOf(other.directory, await train(other, corpus))).not.toEqual(expected);
  });

  it('drops other elements in every step and in every run, and none in an evaluation', async () => {
    const model = buildModel(setup);
    const inputs = inputsOf(model);
    const lossAt = async (seed: number, step: number): Promise<number> => {
      const words = { [RANDOM_WORDS]: randomWords(seed, step) };
      return (await runOnce(ortEngine, gradientProgram(model, BATCH), { ...inputs, ...words }))['loss']![0]!;
    };
    const losses = [await lossAt(0, 1), await lossAt(0, 2), await lossAt(1, 1)];
    expect(new Set(losses).size).toBe(3);
    expect(await lossAt(0, 1)).toBe(losses[0]);
    const plain = buildModel(await variant('without-dropout', 'x = tf.relu(x);'));
    const evaluated = await runOnce(ortEngine, evaluationProgram(model, BATCH), inputs);
    const expected = await runOnce(ortEngine, evaluationProgram(plain, BATCH), inputs);
    expect(evaluated['nats']).toEqual(expected['nats']);
  });

  it('gives the gradients of eager TensorFlow.js', async () => {
    const model = buildModel(setup);
    const inputs = { ...inputsOf(model), [RANDOM_WORDS]: randomWords(0, 3) };
    const program = gradientProgram(model, BATCH);
    const expected = await runOnce(eager, program, inputs);
    const actual = await runOnce(ortEngine, program, inputs);
    for (const [name, values] of Object.entries(expected)) expectClose(actual[name]!, values, name);
  });

  it('enters the run key by its rate, not by its seed, and adds an input to those graphs alone that need it', async () => {
    const key = (preset: string) => describeModel({ ...setup, preset }, 4).trainGraphSha256;
    await variant('more-dropout', 'x = ops.dropout(tf.relu(x), 0.3); x = ops.dropout(x, 0.1);');
    await variant('same-dropout', 'x = ops.dropout(tf.relu(x), 0.2); x = ops.dropout(x, 0.1);');
    expect(key('same-dropout')).toBe(key('with-dropout'));
    expect(key('more-dropout')).not.toBe(key('with-dropout'));
    const inputNames = (preset: string): string[] =>
      trainingProgram(buildModel({ ...setup, preset }), makeOptimizer(SETUP.optimizer), 1, BATCH).perStep.map(
        ({ name }) => name,
      );
    expect(inputNames('with-dropout')).toContain(RANDOM_WORDS);
    expect(inputNames('without-dropout')).not.toContain(RANDOM_WORDS);
  });

  it('is traced into the same graph twice', () => {
    const hash = (): readonly string[] => {
      const program = gradientProgram(buildModel(setup), BATCH);
      return trace(program.fn, program.inputs, 'fused').nodes.map(
        ({ kernel, attrs }) => kernel + JSON.stringify(attrs),
      );
    };
    expect(hash()).toEqual(hash());
  });
});

describe('an auxiliary loss of a forward pass', () => {
  const penalty =
    'return { logits: tf.matMul(x, params.output), auxiliaryLoss: tf.mul(tf.mean(tf.square(x)), 3) };';

  it('is minimised with the cross-entropy, and not reported', async () => {
    const model = buildModel(await variant('penalty', '', penalty));
    const plain = buildModel(await variant('no-penalty', ''));
    const inputs = inputsOf(model);
    const actual = await runOnce(ortEngine, gradientProgram(model, BATCH), inputs);
    const bare = await runOnce(ortEngine, gradientProgram(plain, BATCH), inputs);
    expect(actual['loss']).toEqual(bare['loss']);
    // Nothing after x is in the penalty; the gradient of the mixing matrix is that of both terms together.
    expectClose(actual['output']!, bare['output']!, 'output');
    const step = 1e-2;
    const moved = (direction: number): typeof inputs => {
      const mix = (inputs as Record<string, Float32Array>)[paramKey('mix')]!.slice();
      mix[5] = mix[5]! + direction * step;
      return { ...inputs, [paramKey('mix')]: mix };
    };
    const terms = async (at: typeof inputs): Promise<number> => {
      const { nats } = await runOnce(eager, evaluationProgram(model, BATCH), at);
      const values = at as unknown as Record<string, Float32Array>;
      const [embedding, mix] = [values[paramKey('embedding')]!, values[paramKey('mix')]!];
      const { dModel } = SETUP.model;
      let squares = 0;
      for (const token of at.inputs) {
        for (let column = 0; column < dModel; column++) {
          let x = 0;
          for (let k = 0; k < dModel; k++) x += embedding[token * dModel + k]! * mix[k * dModel + column]!;
          squares += x * x;
        }
      }
      return nats!.reduce((sum, value) => sum + value, 0) / ROWS + (3 * squares) / (ROWS * dModel);
    };
    const slope = ((await terms(moved(1))) - (await terms(moved(-1)))) / (2 * step);
    expect(actual['mix']![5]).toBeCloseTo(slope, 3);
    expect(actual['mix']![5]).not.toBeCloseTo(bare['mix']![5]!, 2);
  });

  it.each<[string, string, RegExp]>([
    [
      'vector',
      'return { logits: tf.matMul(x, params.output), auxiliaryLoss: x };',
      /scalar.*it is a tensor of shape \[32,8\]/,
    ],
    [
      'misspelt',
      'return { logits: tf.matMul(x, params.output), auxLoss: tf.sum(x) };',
      /it returned an object with logits, auxLoss/,
    ],
    [
      'whole',
      'return { logits: tf.matMul(x, params.output), auxiliaryLoss: tf.scalar(1, "int32") };',
      /float32.*int32/,
    ],
  ])('has to be a scalar: %s', async (name, output, message) => {
    const model = buildModel(await variant(`aux-${name}`, '', output));
    expect(() =>
      trace(gradientProgram(model, BATCH).fn, gradientProgram(model, BATCH).inputs, 'naive'),
    ).toThrow(message);
  });
});
