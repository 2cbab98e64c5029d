/** The whole decoder once more in float64 loops over plain arrays, one sequence at a time: the truth that presets are compared with. */
import type { DecoderOptions } from '../../src/models/decoderOptions.js';
import type { ModelShape, Positions } from '../../src/models/model.js';

/** Row-major values of a parameter. */
export type Values = Readonly<Record<string, ArrayLike<number>>>;
type Rows = number[][];

const EPSILON = 1e-6;

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** x [n][k] times the k x m matrix that starts at `offset` of w. */
function times(x: Rows, w: ArrayLike<number>, m: number, offset = 0): Rows {
  return x.map((row) =>
    Array.from({ length: m }, (_, j) =>
      row.reduce((sum, value, k) => sum + value * w[offset + k * m + j]!, 0),
    ),
  );
}

const plus = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((value, i) => value + b[t]![i]!));

function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Abramowitz and Stegun's series for the error function, to double precision for the small arguments of the tests. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

type ActivationName = Extract<DecoderOptions['activation'], string>;

/** The presets name their activations; only variants bring a function. */
const activationOf = ({ activation }: DecoderOptions): ((x: number) => number) =>
  ACTIVATIONS[activation as ActivationName];

const ACTIVATIONS: Readonly<Record<ActivationName, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  swish: (x) => x / (1 + Math.exp(-x)),
  squaredRelu: (x) => Math.max(x, 0) ** 2,
};

/** T5's buckets, by looking for the bucket whose range the distance lies in. */
function bucket(distance: number): number {
  if (distance < 16) return distance;
  for (let b = 31; b > 16; b--) if (distance >= 16 * 8 ** ((b - 16) / 16) - 1e-9) return b;
  return 16;
}

export interface ReferenceModel {
  readonly shape: ModelShape;
  readonly options: DecoderOptions;
  readonly positions: Positions;
  readonly values: Values;
}

/** Next-token logits of one sequence, [contextLength][vocabSize]. Written for untied embeddings and `small` initial values. */
export function referenceLogits(model: ReferenceModel, tokens: readonly number[]): Rows {
  const { shape, options, positions, values } = model;
  const { dModel, nLayers, nHeads, dHead, vocabSize } = shape;
  const evolved = options.block === 'evolved';
  let x: Rows = tokens.map((token, t) =>
    Array.from({ length: dModel }, (_, i) => 50 * values['embedding']![token * dModel + i]! + position(i, t)),
  );
  function position(i: number, t: number): number {
    if (positions !== 'absolute') return 0;
    const half = dModel / 2;
    const angle = t * 10_000 ** -((i % half) / (half - 1));
    return i < half ? Math.sin(angle) : Math.cos(angle);
  }
  for (let layer = 0; layer < (evolved ? Math.floor(nLayers / 2) + 1 : nLayers); layer++) {
    const name = `layer${layer}`;
    if (evolved) {
      const doubled = { nHeads: 2 * nHeads, dHead: dHead / 2 };
      const first = norm(model, `${name}.doubleHeadsNorm`, x);
      x = plus(x, attend(model, `${name}.doubleHeads`, first, doubled, 'relativeBiasDoubled'));
      x = plus(x, convolve(model, `${name}.convolution`, norm(model, `${name}.convolutionNorm`, x)));
    }
    const normal = norm(model, `${name}.attentionNorm`, x);
    x = plus(x, attend(model, `${name}.attention`, normal, { nHeads, dHead }, 'relativeBias'));
    const before = options.feedForwardNorm === 'before';
    const input = before ? norm(model, `${name}.feedForwardNorm`, x) : x;
    const output =
      options.experts !== null && layer % options.experts.everyNthLayer === options.experts.everyNthLayer - 1
        ? chooseExperts(model, `${name}.experts`, input)
        : feedForward(model, `${name}.feedForward`, input);
    x = plus(x, before ? output : norm(model, `${name}.feedForwardNorm`, output));
  }
  const last = norm(model, 'finalNorm', x);
  return last.map((row) =>
    Array.from({ length: vocabSize }, (_, v) =>
      dot(
        row,
        Array.from({ length: dModel }, (_, i) => values['output']![v * dModel + i]!),
      ),
    ),
  );
}

function norm({ options, values }: ReferenceModel, name: string, x: Rows): Rows {
  const gamma = values[`${name}.gamma`]!;
  const beta = values[`${name}.beta`];
  return x.map((row) => {
    const n = row.length;
    const mean = row.reduce((sum, value) => sum + value, 0) / n;
    const square = (centre: number): number => row.reduce((sum, value) => sum + (value - centre) ** 2, 0) / n;
    const scale = 1 / Math.sqrt(square(options.norm === 'rmsNorm' ? 0 : mean) + EPSILON);
    const centre = options.norm === 'layerNorm' ? mean : 0;
    return row.map((value, i) => (value - centre) * scale * gamma[i]! + (beta?.[i] ?? 0));
  });
}

/** y[t] = sum over k of w[k] x[t - k], zero before the start; the number of taps follows from the kernel's length. */
function depthwise(x: Rows, w: ArrayLike<number>): Rows {
  const channels = x[0]!.length;
  return x.map((_, t) =>
    Array.from({ length: channels }, (_, i) => {
      let sum = 0;
      for (let k = 0; k * channels < w.length && k <= t; k++) sum += w[k * channels + i]! * x[t - k]![i]!;
      return sum;
    }),
  );
}

function attend(
  model: ReferenceModel,
  name: string,
  x: Rows,
  { nHeads, dHead }: { nHeads: number; dHead: number },
  biasName: string,
): Rows {
  const { shape, options, positions, values } = model;
  const width = nHeads * dHead;
  const length = x.length;
  const parameter = (part: string): ArrayLike<number> => values[`${name}.${part}`]!;
  const projection = (part: string): Rows => {
    switch (options.qkvConvolution) {
      case 'none':
        return times(x, parameter(part), width);
      case 'afterProjection':
        return depthwise(times(x, parameter(part), width), parameter(`${part}Conv`));
      case 'beforeProjection':
        return times(depthwise(x, parameter(`${part}Conv`)), parameter(part), width);
    }
  };
  const headOf = (rows: Rows, h: number): Rows => rows.map((row) => row.slice(h * dHead, (h + 1) * dHead));
  const turn = (rows: Rows): Rows => (positions === 'rotary' ? rows.map((row, t) => rotate(row, t)) : rows);
  const shared = options.sharedQueryKey ? projection('qk') : null;
  const key = shared ?? ('k' in partsOf(options) ? projection('k') : null);
  const query =
    shared !== null
      ? times(shared, parameter('qFromShared'), width)
      : 'q' in partsOf(options)
        ? projection('q')
        : null;
  const value = projection('v');
  const context: Rows = x.map(() => []);
  for (let h = 0; h < nHeads; h++) {
    const q = query === null ? null : headOf(query, h);
    const k = key === null ? null : turn(headOf(key, h));
    const turned = q === null || k === null ? null : turn(q);
    const v = headOf(value, h);
    for (let i = 0; i < length; i++) {
      const scores = Array.from({ length: i + 1 }, (_, j) => {
        const learned = (): number => parameter('scores')[(h * length + i) * length + j]!;
        const product = (): number => dot(turned![i]!, k![j]!) / Math.sqrt(dHead);
        const bias = positions === 'relative' ? values[biasName]![bucket(i - j) * nHeads + h]! : 0;
        switch (options.attentionWeights) {
          case 'queryKey':
            return product() + bias;
          case 'randomPlus':
            return product() + learned() + bias;
          case 'random':
            return learned() + bias;
          case 'dense':
            return (
              dot(
                q![i]!.map((value) => Math.max(value, 0)),
                Array.from({ length: dHead }, (_, c) => parameter('scoreProjection')[c * length + j]!),
              ) + bias
            );
        }
      });
      const weights = softmax(scores);
      for (let c = 0; c < dHead; c++) {
        const mixed = weights.reduce((sum, weight, j) => sum + weight * v[j]![c]!, 0);
        const gate = options.postSoftmaxGating ? parameter('gate')[i * width + h * dHead + c]! : 1;
        context[i]!.push(mixed * gate);
      }
    }
  }
  return times(context, parameter('o'), shape.dModel);
}

/** Which projections an attention has of its own. */
function partsOf({ attentionWeights }: DecoderOptions): Readonly<Record<string, true>> {
  if (attentionWeights === 'random') return { v: true };
  if (attentionWeights === 'dense') return { q: true, v: true };
  return { q: true, k: true, v: true };
}

function rotate(row: readonly number[], t: number): number[] {
  const half = row.length / 2;
  return row.map((value, i) => {
    const angle = t * 10_000 ** (-(i % half) / half);
    const other = i < half ? -row[i + half]! : row[i - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function feedForward({ shape, options, values }: ReferenceModel, name: string, x: Rows): Rows {
  const { dModel, dFf } = shape;
  const biased = (rows: Rows, bias: ArrayLike<number> | undefined): Rows =>
    rows.map((row) => row.map((value, i) => value + (bias?.[i] ?? 0)));
  const inner = biased(times(x, values[`${name}.in`]!, dFf), values[`${name}.inBias`]);
  const hidden = inner.map((row) => row.map(activationOf(options)));
  const gate = options.gated ? times(x, values[`${name}.gated`]!, dFf) : null;
  const gated = gate === null ? hidden : hidden.map((row, t) => row.map((value, i) => value * gate[t]![i]!));
  return biased(times(gated, values[`${name}.out`]!, dModel), values[`${name}.outBias`]);
}

/** Tokens in order of time; an expert that is full lets a token go past. */
function chooseExperts({ shape, options, values }: ReferenceModel, name: string, x: Rows): Rows {
  const { dModel, dFf } = shape;
  const { count, capacityFactor, minCapacity } = options.experts!;
  const capacity = Math.min(x.length, Math.max(minCapacity, Math.floor((capacityFactor * x.length) / count)));
  const taken = new Array<number>(count).fill(0);
  return x.map((row) => {
    const probabilities = softmax(times([row], values[`${name}.router`]!, count)[0]!);
    const expert = probabilities.indexOf(Math.max(...probabilities));
    if (taken[expert]! >= capacity) return new Array<number>(dModel).fill(0);
    taken[expert]!++;
    const hidden = times([row], values[`${name}.in`]!, dFf, expert * dModel * dFf);
    const activated = hidden.map((values) => values.map(activationOf(options)));
    const output = times(activated, values[`${name}.out`]!, dModel, expert * dFf * dModel);
    return output[0]!.map((value) => value * probabilities[expert]!);
  });
}

/** The Evolved Transformer's convolutional layer. */
function convolve(model: ReferenceModel, name: string, x: Rows): Rows {
  const { dModel } = model.shape;
  const separable = (part: string, rows: Rows, to: number): Rows =>
    times(
      depthwise(rows, model.values[`${name}.${part}.depthwise`]!),
      model.values[`${name}.${part}.pointwise`]!,
      to,
    );
  const left = separable('left', x, 2 * dModel).map((row) => row.map((value) => Math.max(value, 0)));
  const right = separable('right', x, dModel / 2);
  const hidden = left.map((row, t) => row.map((value, i) => value + (right[t]![i] ?? 0)));
  return separable('output', norm(model, `${name}.norm`, hidden), dModel);
}
