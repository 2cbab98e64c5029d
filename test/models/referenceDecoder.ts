/**
 * The decoder written out again as plain double-precision loops over one sequence, from the paper's definitions; it shares no
 * code and no table of options with src/models.
 */
import type { ModelSetup } from '../../src/store/record.js';
import * as truth from '../ops/float64.js';
import { rowsOf, type Matrix } from '../ops/float64.js';

export interface Definition {
  readonly norm: 'layer' | 'rms' | 'lingvo';
  readonly normAfterFeedForward: boolean;
  readonly activation: (x: number) => number;
  readonly gated: boolean;
  readonly biases: boolean;
  /** A causal convolution of width 3 on queries, keys and values. */
  readonly convolution: boolean;
  /** Keys are r, queries are r W. */
  readonly sharedQueryKey: boolean;
}

const VANILLA: Definition = {
  norm: 'layer',
  normAfterFeedForward: false,
  activation: truth.relu,
  gated: false,
  biases: true,
  convolution: false,
  sharedQueryKey: false,
};
const T5: Definition = { ...VANILLA, norm: 'rms', biases: false };
const GATED_SWISH = { norm: 'rms', activation: truth.swish, gated: true, biases: false } as const;
const EZ = { activation: truth.squaredRelu, convolution: true } as const;
const PRIMER = { ...EZ, norm: 'layer', normAfterFeedForward: true, sharedQueryKey: true } as const;

/** The rows of the paper's table of architectures. */
export const DEFINITIONS: Readonly<Record<string, Definition>> = {
  transformer: VANILLA,
  'transformer++': { ...VANILLA, ...GATED_SWISH },
  'primer-ez': { ...VANILLA, ...EZ },
  primer: { ...VANILLA, ...PRIMER },
  t5: T5,
  't5++': { ...T5, ...GATED_SWISH },
  't5-primer-ez': { ...T5, ...EZ },
  't5-primer': { ...T5, ...PRIMER },
};

export const GELU_TRANSFORMER: Definition = { ...VANILLA, activation: truth.gelu };
export const LINGVO_PRIMER: Definition = { ...VANILLA, ...PRIMER, norm: 'lingvo' };

/** Flat parameters by name, as the project stores them. */
type Flat = Readonly<Record<string, ArrayLike<number>>>;

const add = (a: Matrix, b: Matrix): number[][] => a.map((row, i) => row.map((value, c) => value + b[i]![c]!));

function normalise(kind: Definition['norm'], x: Matrix, prefix: string, params: Flat): number[][] {
  const gamma = Array.from(params[`${prefix}.gamma`]!);
  if (kind === 'rms') return truth.rmsNorm(x, gamma);
  const beta = Array.from(params[`${prefix}.beta`]!);
  return kind === 'layer' ? truth.layerNorm(x, gamma, beta) : truth.primerNormLingvo(x, gamma, beta);
}

function attention(
  x: Matrix,
  prefix: string,
  params: Flat,
  setup: ModelSetup,
  definition: Definition,
): number[][] {
  const { nHeads, dHead, init, positions } = setup;
  const width = nHeads * dHead;
  const matrix = (name: string): Matrix => rowsOf(params[`${prefix}.${name}`]!, width);
  const projection = (name: string): number[][] => {
    const projected = truth.product(x, matrix(name));
    return definition.convolution ? truth.causalConv(projected, matrix(`${name}Conv`)) : projected;
  };
  const value = projection('v');
  let key = projection(definition.sharedQueryKey ? 'qk' : 'k');
  let query = definition.sharedQueryKey ? truth.product(key, matrix('qFromShared')) : projection('q');
  if (positions === 'rotary') [query, key] = [truth.rotary(query, nHeads), truth.rotary(key, nHeads)];
  const scale = init === 't5' ? 1 : 1 / Math.sqrt(dHead);
  const bias = (h: number, i: number, j: number): number =>
    positions === 'relative' ? params['relativeBias']![truth.relativeBucket(i - j) * nHeads + h]! : 0;
  const context = truth.attention(query, key, value, nHeads, scale, bias);
  return truth.product(context, rowsOf(params[`${prefix}.o`]!, setup.dModel));
}

function feedForward(
  x: Matrix,
  prefix: string,
  params: Flat,
  setup: ModelSetup,
  definition: Definition,
): number[][] {
  const times = (y: Matrix, name: string, columns: number): number[][] => {
    const result = truth.product(y, rowsOf(params[`${prefix}.${name}`]!, columns));
    const bias = params[`${prefix}.${name}Bias`];
    return definition.biases && bias !== undefined
      ? result.map((row) => row.map((v, c) => v + bias[c]!))
      : result;
  };
  let hidden: Matrix = times(x, 'in', setup.dFf).map((row) => row.map(definition.activation));
  if (definition.gated) {
    const gate = times(x, 'gated', setup.dFf);
    hidden = hidden.map((row, t) => row.map((value, c) => value * gate[t]![c]!));
  }
  return times(hidden, 'out', setup.dModel);
}

/** Logits of one sequence, [time][vocabulary]. */
export function referenceLogits(
  tokens: readonly number[],
  params: Flat,
  setup: ModelSetup,
  definition: Definition,
): number[][] {
  const { dModel, init, positions, tiedEmbeddings, nLayers } = setup;
  const embedding = rowsOf(params['embedding']!, dModel);
  let x: Matrix = tokens.map((token, t) => {
    const position = truth.sinusoid(t, dModel);
    return embedding[token]!.map(
      (v, c) => v * (init === 't5' ? 1 : 50) + (positions === 'absolute' ? position[c]! : 0),
    );
  });
  for (let layer = 0; layer < nLayers; layer++) {
    const name = `layer${layer}`;
    const normal = normalise(definition.norm, x, `${name}.attentionNorm`, params);
    x = add(x, attention(normal, `${name}.attention`, params, setup, definition));
    const norm = (y: Matrix): number[][] => normalise(definition.norm, y, `${name}.feedForwardNorm`, params);
    const call = (y: Matrix): number[][] => feedForward(y, `${name}.feedForward`, params, setup, definition);
    x = add(x, definition.normAfterFeedForward ? norm(call(x)) : call(norm(x)));
  }
  const final = normalise(definition.norm, x, 'finalNorm', params);
  const output = tiedEmbeddings ? embedding : rowsOf(params['output']!, dModel);
  const scale = tiedEmbeddings && init === 't5' ? 1 / Math.sqrt(dModel) : 1;
  return final.map((row) =>
    output.map((weights) => scale * weights.reduce((sum, w, c) => sum + w * row[c]!, 0)),
  );
}
