/**
 * The encoder-decoder written out as plain double-precision loops over one sequence, from the definition of T5; it shares
 * no code and no table of options with src/models.
 */
import type { ModelSetup } from '../../src/store/record.js';
import * as truth from '../ops/float64.js';
import { rowsOf, type Matrix } from '../ops/float64.js';

export interface EncoderDecoderDefinition {
  readonly activation: (x: number) => number;
  readonly gated: boolean;
  readonly convolution: boolean;
}

export const DEFINITIONS: Readonly<Record<string, EncoderDecoderDefinition>> = {
  't5-encdec': { activation: truth.relu, gated: false, convolution: false },
  't5++-encdec': { activation: truth.swish, gated: true, convolution: false },
  't5-primer-ez-encdec': { activation: truth.squaredRelu, gated: false, convolution: true },
};

type Flat = Readonly<Record<string, ArrayLike<number>>>;

/** Least distances at which T5's logarithmic buckets 8 to 15 of either direction begin: whole numbers from 8 * 16^(k/8) on. */
const STARTS = [8, 12, 16, 23, 32, 46, 64, 91];

/** T5's bidirectional bucket of a distance back; ahead has the upper 16. */
export function bidirectionalBucket(back: number): number {
  const distance = Math.abs(back);
  const bucket = distance < 8 ? distance : 7 + STARTS.filter((start) => start <= distance).length;
  return back < 0 ? 16 + bucket : bucket;
}

const add = (a: Matrix, b: Matrix): number[][] => a.map((row, i) => row.map((value, c) => value + b[i]![c]!));

/** `w[0] x[t] + w[1] x[t - 1] + w[2] x[t + 1]`, nothing beyond either end. */
export const centredConv = (x: Matrix, w: Matrix): number[][] =>
  x.map((row, t) =>
    row.map(
      (value, c) => w[0]![c]! * value + w[1]![c]! * (x[t - 1]?.[c] ?? 0) + w[2]![c]! * (x[t + 1]?.[c] ?? 0),
    ),
  );

/** Attention of any queries to any keys; a score of -Infinity hides a key. */
function attend(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  { dHead, init }: ModelSetup,
  added: (h: number, i: number, j: number) => number,
): number[][] {
  const scale = init === 't5' ? 1 : dHead ** -0.5;
  return q.map((query, i) =>
    query.map((_, channel) => {
      const h = Math.floor(channel / dHead);
      const scores = k.map((key, j) => {
        let dot = 0;
        for (let c = h * dHead; c < (h + 1) * dHead; c++) dot += query[c]! * key[c]!;
        return dot * scale + added(h, i, j);
      });
      return truth.softmax(scores).reduce((sum, weight, j) => sum + weight * v[j]![channel]!, 0);
    }),
  );
}

/** Logits of one pair of sequences, [targetLength][vocabulary with sentinels]. */
export function referenceLogits(
  source: readonly number[],
  inputs: readonly number[],
  params: Flat,
  setup: ModelSetup,
  definition: EncoderDecoderDefinition,
): number[][] {
  const { dModel, dFf, nHeads, dHead, nLayers, positions, init, tiedEmbeddings } = setup;
  const width = nHeads * dHead;
  const matrix = (name: string, columns: number): Matrix => rowsOf(params[name]!, columns);
  const norm = (name: string, x: Matrix): number[][] =>
    truth.rmsNorm(x, Array.from(params[`${name}.gamma`]!));
  const embedding = matrix('embedding', dModel);
  const embed = (tokens: readonly number[]): number[][] =>
    tokens.map((token, t) => {
      const wave = truth.sinusoid(t, dModel);
      return embedding[token]!.map(
        (v, c) => v * (init === 't5' ? 1 : 50) + (positions === 'absolute' ? wave[c]! : 0),
      );
    });
  const selfAttention = (stack: 'encoder' | 'decoder', name: string, x: Matrix): number[][] => {
    const projection = (which: 'q' | 'k' | 'v'): Matrix => {
      const projected = truth.product(x, matrix(`${name}.${which}`, width));
      if (!definition.convolution) return projected;
      const kernel = matrix(`${name}.${which}Conv`, width);
      return stack === 'encoder' ? centredConv(projected, kernel) : truth.causalConv(projected, kernel);
    };
    const turned = (y: Matrix): Matrix => (positions === 'rotary' ? truth.rotary(y, nHeads) : y);
    const bucket = stack === 'encoder' ? bidirectionalBucket : truth.relativeBucket;
    const added = (h: number, i: number, j: number): number => {
      if (stack === 'decoder' && j > i) return -Infinity;
      return positions === 'relative' ? params[`${stack}.relativeBias`]![bucket(i - j) * nHeads + h]! : 0;
    };
    const context = attend(turned(projection('q')), turned(projection('k')), projection('v'), setup, added);
    return truth.product(context, matrix(`${name}.o`, dModel));
  };
  const feedForward = (name: string, x: Matrix): number[][] => {
    let hidden = truth.product(x, matrix(`${name}.in`, dFf)).map((row) => row.map(definition.activation));
    if (definition.gated) {
      const gate = truth.product(x, matrix(`${name}.gated`, dFf));
      hidden = hidden.map((row, t) => row.map((value, c) => value * gate[t]![c]!));
    }
    return truth.product(hidden, matrix(`${name}.out`, dModel));
  };

  let encoded = embed(source);
  for (let layer = 0; layer < nLayers; layer++) {
    const name = `encoder.layer${layer}`;
    const normal = norm(`${name}.attentionNorm`, encoded);
    encoded = add(encoded, selfAttention('encoder', `${name}.attention`, normal));
    encoded = add(encoded, feedForward(`${name}.feedForward`, norm(`${name}.feedForwardNorm`, encoded)));
  }
  encoded = norm('encoder.finalNorm', encoded);

  let x = embed(inputs);
  for (let layer = 0; layer < nLayers; layer++) {
    const name = `decoder.layer${layer}`;
    x = add(x, selfAttention('decoder', `${name}.attention`, norm(`${name}.attentionNorm`, x)));
    const cross = `${name}.crossAttention`;
    const query = truth.product(norm(`${cross}Norm`, x), matrix(`${cross}.q`, width));
    const key = truth.product(encoded, matrix(`${cross}.k`, width));
    const value = truth.product(encoded, matrix(`${cross}.v`, width));
    const context = attend(query, key, value, setup, () => 0);
    x = add(x, truth.product(context, matrix(`${cross}.o`, dModel)));
    x = add(x, feedForward(`${name}.feedForward`, norm(`${name}.feedForwardNorm`, x)));
  }
  const output = tiedEmbeddings ? embedding : matrix('output', dModel);
  const scale = tiedEmbeddings && init === 't5' ? dModel ** -0.5 : 1;
  return norm('decoder.finalNorm', x).map((row) =>
    output.map((weights) => scale * weights.reduce((sum, w, c) => sum + w * row[c]!, 0)),
  );
}
