/** The operations written out again as plain loops over one sequence, in double precision: truth that owes nothing to tfjs. */

/** Rows by position in time, or by example; `x[row]![channel]`. */
export type Matrix = readonly (readonly number[])[];

const EPSILON = 1e-6;

const sum = (xs: readonly number[]): number => xs.reduce((total, x) => total + x, 0);
const mean = (xs: readonly number[]): number => sum(xs) / xs.length;

/** `(x - mean) / sqrt(variance + 1e-6) * gamma + beta` of each row. */
export function layerNorm(x: Matrix, gamma: readonly number[], beta: readonly number[]): number[][] {
  return x.map((row) => {
    const mu = mean(row);
    const variance = mean(row.map((value) => (value - mu) ** 2));
    return row.map((value, c) => ((value - mu) / Math.sqrt(variance + EPSILON)) * gamma[c]! + beta[c]!);
  });
}

/** `x / sqrt(mean(x^2) + 1e-6) * gamma` of each row. */
export function rmsNorm(x: Matrix, gamma: readonly number[]): number[][] {
  return x.map((row) => {
    const rms = Math.sqrt(mean(row.map((value) => value ** 2)) + EPSILON);
    return row.map((value, c) => (value / rms) * gamma[c]!);
  });
}

/** Lingvo's `x * rsqrt(mean(x * (x - mu)) + 1e-6) * gamma + beta`: the numerator is not centred. */
export function primerNormLingvo(x: Matrix, gamma: readonly number[], beta: readonly number[]): number[][] {
  return x.map((row) => {
    const mu = mean(row);
    const spread = mean(row.map((value) => value * (value - mu)));
    return row.map((value, c) => (value / Math.sqrt(spread + EPSILON)) * gamma[c]! + beta[c]!);
  });
}

export const relu = (x: number): number => (x > 0 ? x : 0);
export const squaredRelu = (x: number): number => (x > 0 ? x * x : 0);
export const swish = (x: number): number => x / (1 + Math.exp(-x));

/** Error function by its Maclaurin series, exact to double precision for the small arguments used here. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 200; n++) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

export const gelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2;

export function softmax(scores: readonly number[]): number[] {
  const highest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - highest));
  const total = sum(exponentials);
  return exponentials.map((value) => value / total);
}

/** `-log softmax(logits)[target]` of each row. */
export function tokenNats(logits: Matrix, targets: readonly number[]): number[] {
  return logits.map((row, i) => {
    const highest = Math.max(...row);
    return highest + Math.log(sum(row.map((value) => Math.exp(value - highest)))) - row[targets[i]!]!;
  });
}

/** x [rows, n] times w [n, m]. */
export function product(x: Matrix, w: Matrix): number[][] {
  return x.map((row) => w[0]!.map((_, column) => sum(row.map((value, i) => value * w[i]![column]!))));
}

/** `y[t] = w[0] x[t] + w[1] x[t - 1] + ...` by channel, nothing before the start. */
export function causalConv(x: Matrix, w: Matrix): number[][] {
  return x.map((row, t) =>
    row.map((_, c) => sum(w.map((weights, k) => (t >= k ? weights[c]! * x[t - k]![c]! : 0)))),
  );
}

/**
 * Causal multi-head attention of one sequence.
 * @param bias added to the score of head h, from position i to position j <= i
 */
export function attention(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  nHeads: number,
  scale: number,
  bias: (h: number, i: number, j: number) => number = () => 0,
): number[][] {
  const dHead = q[0]!.length / nHeads;
  return q.map((_, i) => {
    const output: number[] = [];
    for (let h = 0; h < nHeads; h++) {
      const part = (row: readonly number[]): readonly number[] => row.slice(h * dHead, (h + 1) * dHead);
      const query = part(q[i]!);
      const scores = k.slice(0, i + 1).map((key, j) => {
        const dot = sum(part(key).map((value, c) => value * query[c]!));
        return dot * scale + bias(h, i, j);
      });
      const weights = softmax(scores);
      for (let c = 0; c < dHead; c++) output.push(sum(weights.map((weight, j) => weight * part(v[j]!)[c]!)));
    }
    return output;
  });
}

/** Rotary embedding of one sequence: channels i and i + dHead/2 of a head turn by t / 10000^(2i/dHead). */
export function rotary(x: Matrix, nHeads: number): number[][] {
  return x.map((row, t) => {
    const dHead = row.length / nHeads;
    return row.map((value, channel) => {
      const i = channel % dHead;
      const isFirst = i < dHead / 2;
      const angle = t / 10_000 ** ((2 * (isFirst ? i : i - dHead / 2)) / dHead);
      const partner = row[isFirst ? channel + dHead / 2 : channel - dHead / 2]!;
      return value * Math.cos(angle) + (isFirst ? -partner : partner) * Math.sin(angle);
    });
  });
}

/** Tensor2Tensor's get_timing_signal_1d with its default timescales 1 and 10,000: sines, then cosines, then a zero if odd. */
export function sinusoid(t: number, dModel: number): number[] {
  const timescales = Math.floor(dModel / 2);
  const increment = Math.log(10_000) / Math.max(timescales - 1, 1);
  const scaled = Array.from({ length: timescales }, (_, i) => t * Math.exp(-i * increment));
  return [...scaled.map(Math.sin), ...scaled.map(Math.cos), ...(dModel % 2 === 1 ? [0] : [])];
}

/** Least distances back at which Mesh TensorFlow's buckets 16 to 31 begin: the whole numbers from 16 * 8^(k/16) on. */
export const BUCKET_STARTS = [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113];

/** Bucket of a distance back by that table; the first 16 distances have one of their own. */
export const relativeBucket = (distance: number): number =>
  distance < 16 ? distance : 15 + BUCKET_STARTS.filter((start) => start <= distance).length;

/** Gradient of a scalar function by central differences: with double precision, good to about 1e-8. */
export function numericGradient(f: (x: readonly number[]) => number, x: readonly number[]): number[] {
  const h = 1e-4;
  return x.map((value, i) => (f(x.with(i, value + h)) - f(x.with(i, value - h))) / (2 * h));
}

/** Rows of equal length from flat row-major numbers. */
export const rowsOf = (flat: ArrayLike<number>, columns: number): number[][] =>
  Array.from({ length: flat.length / columns }, (_, row) =>
    Array.from({ length: columns }, (__, column) => flat[row * columns + column]!),
  );

/** Sequence b of time-major rows (row t * batchSize + b). */
export const sequenceOf = (rows: Matrix, b: number, batchSize: number): Matrix =>
  rows.filter((_, row) => row % batchSize === b);

/** Time-major rows from sequences: the inverse of {@link sequenceOf}. */
export const timeMajor = (sequences: readonly Matrix[]): number[][] =>
  sequences[0]!.flatMap((_, t) => sequences.map((sequence) => [...sequence[t]!]));
