/**
 * Random numbers of a training step, counter-based: they depend on seed, step, site and place in the tensor alone, so that
 * a run that was cut off needs no state of a generator to go on. All arithmetic is on whole numbers below 2^24 in float32,
 * where every operation is exact: the same bits on every engine, eager or traced, however it orders or fuses operations.
 *
 * Seed and step enter as a tensor of words, drawn on the host for each step (`randomWords`); site and place enter as
 * constants of the graph. A word is 12 bits, a fraction in [0, 1). Places are numbered in base 256: the words of the
 * digits are added up and mixed by a Feistel network of three rounds, whose function takes the middle bits of
 * p (p + 1) / 2, a permutation of the numbers below a power of two.
 */
import { tf, type Tensor } from './tf.js';
import { uniformStream } from './uniformStream.js';

/** Places that one table of words tells apart. */
const TABLE = 256;
const WORD_BITS = 12;
const WORD = 2 ** WORD_BITS;
const ROUNDS = 3;

/** Two words for each value of a digit that others follow, and two for the last digit. */
export const RANDOM_WORDS_SHAPE: readonly number[] = [4, TABLE];

const drawWords = (text: string): Float32Array => {
  const next = uniformStream(text);
  return Float32Array.from({ length: 4 * TABLE }, () => Math.floor(next() * WORD) / WORD);
};

/** The words of one training step of a run, of shape `RANDOM_WORDS_SHAPE`: what `inTraining` takes. */
export const randomWords = (seed: number, step: number): Float32Array => drawWords(`step|${seed}|${step}`);

/** A training step that is being computed. */
interface Training {
  readonly words: Tensor | null;
  /** Sites so far that were given no name. */
  sites: number;
  drawn: boolean;
}

let training: Training | null = null;

/**
 * Computes a function as part of a training step: `dropout` drops and `random` draws.
 * @param words the step's, of `randomWords`; null where no number is drawn
 */
export function inTraining<T>(words: Tensor | null, fn: () => T): T {
  const outer = training;
  training = { words, sites: 0, drawn: false };
  try {
    return fn();
  } finally {
    training = outer;
  }
}

/** Whether a function draws random numbers in training. It is computed once, with words that are all 0. */
export function drawsRandomNumbers(fn: () => unknown): boolean {
  return inTraining(tf.zeros([...RANDOM_WORDS_SHAPE]), () => {
    fn();
    return training!.drawn;
  });
}

/** Whether a training step is being computed, and not an evaluation or a text. */
export const isTraining = (): boolean => training !== null;

export interface RandomOptions {
  /**
   * What tells these numbers from others of the same step: equal sites give equal numbers. Counted from 0 in the order of
   * the calls where it is not given.
   */
  readonly site?: string | number;
}

/** x - floor(x): sums of words are taken modulo 1. */
const fraction = (x: Tensor): Tensor => tf.sub(x, tf.floor(x));

/** Bits 6 to 17 of p (p + 1) / 2 as a word, with whole numbers above it that `fraction` takes away. */
function middleBits(p: Tensor): Tensor {
  const product = tf.mul(p, tf.add(p, 1 / WORD));
  return tf.mul(tf.floor(tf.mul(product, 2 ** (2 * WORD_BITS - 7))), 1 / WORD);
}

type Pair = readonly [Tensor, Tensor];

/** A permutation of all pairs of words. */
function mix([p, q]: Pair): Pair {
  let pair: Pair = [p, q];
  for (let round = 0; round < ROUNDS; round++) {
    pair = [fraction(tf.add(pair[1], middleBits(pair[0]))), pair[0]];
  }
  return pair;
}

/** Two words for each of `size` places, in vectors; mixed where there is more than one digit. */
function wordsOf(words: Tensor, site: string, size: number, digit = 0): Pair {
  const shift = tf.tensor2d(drawWords(`site|${site}|${digit}`), [4, TABLE]);
  const shifted = fraction(tf.add(words, shift));
  const row = (index: number, length: number): Tensor =>
    tf.reshape(tf.slice(shifted, [index, 0], [1, length]), [length]);
  if (size <= TABLE) return [row(0, size), row(1, size)];
  const count = Math.ceil(size / TABLE);
  const before = wordsOf(words, site, count, digit + 1);
  const sum = (i: 0 | 1): Tensor =>
    fraction(tf.add(tf.reshape(before[i], [count, 1]), tf.reshape(row(2 + i, TABLE), [1, TABLE])));
  const [p, q] = mix([sum(0), sum(1)]);
  const flat = (x: Tensor): Tensor => {
    const all = tf.reshape(x, [count * TABLE]);
    return count * TABLE === size ? all : tf.slice(all, [0], [size]);
  };
  return [flat(p), flat(q)];
}

/**
 * Uniform numbers in [0, 1), multiples of 2^-24, in training only.
 * @throws Error in an evaluation, which is the same whenever it is made
 */
export function random(shape: readonly number[], { site }: RandomOptions = {}): Tensor {
  if (training === null) {
    throw new Error(
      'ops.random was called in an evaluation, which has no random numbers: call it where `training` ' +
        '(the third argument of logits) or ops.isTraining() is true. ops.dropout sees to that by itself',
    );
  }
  if (training.words === null) {
    throw new Error(
      'random numbers are drawn in this step, though none were when the model was first computed: ' +
        'the forward pass has to draw them every time or never',
    );
  }
  training.drawn = true;
  const name = site === undefined ? `#${training.sites++}` : `${typeof site}:${site}`;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const words = wordsOf(training.words, name, size);
  const [high, low] = size <= TABLE ? mix(words) : words;
  return tf.reshape(tf.add(high, tf.mul(low, 1 / WORD)), [...shape]);
}

/**
 * In training, each element 0 with probability `rate`, and otherwise divided by 1 - rate (Srivastava et al. 2014); the same
 * elements in every engine. In an evaluation, `x` as it is.
 * @throws RangeError where the rate is not from 0 to below 1
 */
export function dropout(x: Tensor, rate: number, options: RandomOptions = {}): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`a dropout rate is from 0 to below 1, not ${rate}`);
  if (!isTraining() || rate === 0) return x;
  const kept = tf.cast(tf.greaterEqual(random(x.shape, options), rate), 'float32');
  return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
}
