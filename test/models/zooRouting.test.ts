/** Routing, dispatch and the other operations of the zoo, by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  causalMask,
  mixture,
  randomSynthesizer,
  denseSynthesizer,
  routeTopOne,
  stopGradient,
  tf,
} from '../../src/ops/index.js';
import { PRESETS } from '../../src/models/presets.js';
import { initialValue } from '../../src/models/params.js';
import { tinyModel } from './zooModels.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Rows that put all but a little probability on one expert of three. */
const favouring = (experts: readonly number[]) =>
  tf.tensor2d(experts.map((expert) => [0, 1, 2].map((e) => (e === expert ? 0.8 : 0.1))));

describe('top-1 routing', () => {
  // Two sequences of four tokens, time-major: sequence 0 wants 0 0 0 1, sequence 1 wants 0 2 2 0.
  const shape = { contextLength: 4, batchSize: 2, experts: 3, capacity: 2 };
  const wanted = [0, 0, 0, 2, 0, 2, 1, 0];
  const routing = () => routeTopOne(favouring(wanted), shape);

  it('keeps the first tokens of each sequence while there is room', () => {
    // Sequence 0's third token finds expert 0 full; sequence 1's tokens do not count against it.
    expect(Array.from(routing().kept.dataSync())).toEqual([1, 1, 1, 1, 0, 1, 1, 1]);
  });

  it('gives every kept token a slot of its own: expert, then sequence, then order', () => {
    // Slot = expert x 4 + sequence x 2 + place.
    expect(Array.from(routing().slotOfToken.dataSync())).toEqual([0, 2, 1, 10, 0, 11, 4, 3]);
    const tokens = Array.from(routing().tokenOfSlot.dataSync());
    expect(tokens).toEqual([0, 2, 1, 7, 6, 0, 0, 0, 0, 0, 3, 5]);
  });

  it('chooses the first of equally probable experts', () => {
    const equal = tf.fill([2, 3], 1 / 3);
    const { choice } = routeTopOne(equal, { ...shape, contextLength: 2, batchSize: 1 });
    expect(Array.from(choice.dataSync())).toEqual([1, 0, 0, 1, 0, 0]);
  });

  it('sends tokens through their expert, weighted by its probability, and zeros past it', () => {
    const x = tf.tensor2d(wanted.map((_, i) => [i + 1, -i]));
    const factors = tf.tensor3d([[[1]], [[10]], [[100]]]);
    const output = mixture(x, favouring(wanted), routing(), shape, (dispatched) =>
      tf.mul(dispatched, factors),
    );
    const factorOf = [1, 1, 1, 100, 0, 100, 10, 1];
    const expected = factorOf.flatMap((factor, i) => [0.8 * factor * (i + 1), -0.8 * factor * i]);
    Array.from(output.dataSync()).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
  });

  it('lets gradients through to tokens and probabilities, and from a token without room to nothing', () => {
    const x = tf.tensor2d(wanted.map((_, i) => [i + 1, 1]));
    const [dx, dp] = tf.grads((x, probabilities) =>
      tf.sum(mixture(x, probabilities, routeTopOne(probabilities, shape), shape, (rows) => tf.mul(rows, 2))),
    )([x, favouring(wanted)]);
    const gradients = dx!.arraySync() as number[][];
    gradients.forEach((row, i) => row.forEach((value) => expect(value).toBeCloseTo(i === 4 ? 0 : 1.6, 5)));
    // d/dp of p 2 (x + 1), at the chosen expert alone.
    const byProbability = dp!.arraySync() as number[][];
    expect(byProbability[3]).toEqual([0, 0, 2 * (4 + 1)]);
    expect(byProbability[4]).toEqual([0, 0, 0]);
  });
});

describe('stopGradient', () => {
  it('keeps values and stops gradients', () => {
    const x = tf.tensor1d([2, 3]);
    const gradient = tf.grad((y) => tf.sum(tf.mul(y, stopGradient(tf.square(y)))))(x);
    expect(Array.from(gradient.dataSync())).toEqual([4, 9]);
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory();
    tf.tidy(() => void stopGradient(tf.square(tf.tensor1d([1, 2]))).dataSync());
    expect(tf.memory()).toMatchObject({
      numTensors: before.numTensors,
      numDataBuffers: before.numDataBuffers,
    });
  });
});

describe('Synthesizers', () => {
  const shape = { contextLength: 3, batchSize: 1, nHeads: 2, dHead: 1 };
  const v = tf.tensor2d([
    [3, 1],
    [5, 2],
    [10, 6],
  ]);

  it('random: equal scores give the mean of what came before', () => {
    const scores = tf.add(tf.zeros([2, 3, 3]), causalMask(3));
    const values = Array.from(randomSynthesizer(v, scores, shape).dataSync());
    [3, 1, 4, 1.5, 6, 3].forEach((expected, i) => expect(values[i]).toBeCloseTo(expected, 5));
  });

  it('dense: a negative query is cut to 0, and scores follow the projection', () => {
    const q = tf.tensor2d([
      [1, 1],
      [Math.log(3), -5],
      [0, Math.log(2)],
    ]);
    // Scores of a query x are [x, 0, x] in both heads.
    const projection = tf.tensor2d([[1, 0, 1]]);
    const values = Array.from(denseSynthesizer(q, projection, v, causalMask(3), shape).dataSync());
    const head0 = [3, (3 * 3 + 5) / 4, (3 + 5 + 10) / 3];
    const head1 = [1, (1 + 2) / 2, (2 * 1 + 2 + 2 * 6) / 5];
    [head0[0]!, head1[0]!, head0[1]!, head1[1]!, head0[2]!, head1[2]!].forEach((expected, i) =>
      expect(values[i]).toBeCloseTo(expected, 5),
    );
  });
});

describe('initial values', () => {
  const start = (preset: string, name: string): number[] => {
    const spec = tinyModel(preset).model.params.find((param) => param.name === name)!;
    return Array.from(initialValue(spec, 0));
  };

  it('of the separable convolution are those of MDHA, over the channels of the residual stream', () => {
    const kernel = start('transformer+separable-conv', 'layer0.attention.qConv');
    expect(kernel.slice(0, 8)).toEqual(new Array(8).fill(0.5));
    kernel.slice(8).forEach((value) => expect(value).toBeCloseTo(0.5 / 3, 6));
  });

  it('of post-softmax gating change nothing', () => {
    expect(new Set(start('transformer+post-softmax-gating', 'layer1.attention.gate'))).toEqual(new Set([1]));
  });

  it('differ between experts', () => {
    const matrices = start('switch-transformer', 'layer1.experts.in');
    expect(matrices.slice(0, 96)).not.toEqual(matrices.slice(96, 192));
  });
});

describe('weight decay', () => {
  it('is for matrices only', () => {
    const decayed = Object.keys(PRESETS).flatMap((preset) =>
      tinyModel(preset).model.params.filter(({ decay }) => decay),
    );
    expect(decayed.every(({ shape }) => shape.length >= 2)).toBe(true);
    const names = new Set(decayed.map(({ name }) => name.replace(/^.*\./, '')));
    expect([...names].toSorted()).toEqual(
      [
        'gated',
        'in',
        'k',
        'o',
        'out',
        'output',
        'pointwise',
        'q',
        'qFromShared',
        'qk',
        'router',
        'scoreProjection',
        'v',
      ].toSorted(),
    );
  });
});
