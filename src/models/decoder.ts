/** The decoder core: every preset is this function under other options (presets.ts). */
import { causalMask } from '../ops/attention.js';
import { relativeBias } from '../ops/positions.js';
import { tf, type Tensor } from '../ops/tf.js';
import { attentionParams, selfAttention } from './attention.js';
import { comparesQueriesAndKeys, type DecoderOptions } from './decoderOptions.js';
import { embed, embeddingParam, outputLogits, outputParams } from './embedding.js';
import { ModelError } from './error.js';
import { evolvedBlocks, evolvedFirstHalf, evolvedParams } from './evolved.js';
import { expertFeedForward, expertParams, hasExperts } from './experts.js';
import { feedForward, feedForwardParams } from './feedForward.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import { normalise, normParams } from './norm.js';
import type { ParamSpec } from './params.js';
import type { Pass } from './pass.js';
import { relativeTable, requireEvenHeads } from './positions.js';

/** Repetitions of the block; the Evolved Transformer's stands for about two layers. */
const blockCount = ({ nLayers }: ModelShape, { block }: DecoderOptions): number =>
  block === 'evolved' ? evolvedBlocks(nLayers) : nLayers;

function decoderParams(shape: ModelShape, options: DecoderOptions, positions: Positions): ParamSpec[] {
  const { dModel, nHeads } = shape;
  const params: ParamSpec[] = [embeddingParam(shape)];
  if (positions === 'relative') {
    params.push(relativeTable('relativeBias', nHeads));
    if (options.block === 'evolved') params.push(relativeTable('relativeBiasDoubled', 2 * nHeads));
  }
  for (let layer = 0; layer < blockCount(shape, options); layer++) {
    params.push(...layerParams(layer, shape, options));
  }
  params.push(...normParams('finalNorm', dModel, options));
  params.push(...outputParams(shape));
  return params;
}

function layerParams(layer: number, shape: ModelShape, options: DecoderOptions): ParamSpec[] {
  const name = `layer${layer}`;
  return [
    ...(options.block === 'evolved' ? evolvedParams(name, shape, options) : []),
    ...normParams(`${name}.attentionNorm`, shape.dModel, options),
    ...attentionParams(`${name}.attention`, shape, options),
    ...normParams(`${name}.feedForwardNorm`, shape.dModel, options),
    ...(options.experts !== null && hasExperts(layer, options)
      ? expertParams(`${name}.experts`, shape, options.experts)
      : feedForwardParams(`${name}.feedForward`, shape, options)),
  ];
}

/** The feed-forward layer with its norm before the call, or after it as in Primer, and what it adds to the training loss. */
function feedForwardBlock(
  layer: number,
  x: Tensor,
  pass: Pass,
): { output: Tensor; auxiliaryLoss: Tensor | null } {
  const { params, options } = pass;
  const norm = (y: Tensor): Tensor => normalise(`layer${layer}.feedForwardNorm`, y, params, options);
  const before = options.feedForwardNorm === 'before';
  const input = before ? norm(x) : x;
  const { output, auxiliaryLoss } =
    options.experts !== null && hasExperts(layer, options)
      ? expertFeedForward(`layer${layer}.experts`, input, options.experts, pass)
      : { output: feedForward(`layer${layer}.feedForward`, input, params, options), auxiliaryLoss: null };
  return { output: before ? output : norm(output), auxiliaryLoss };
}

/** Logits, and the auxiliary losses of the layers that have one. */
function forward(tokens: Tensor, pass: Pass): { logits: Tensor; auxiliaryLosses: Tensor[] } {
  const { params, shape, options, positions } = pass;
  const causal = causalMask(shape.contextLength);
  const maskWith = (bias: string): Tensor =>
    positions === 'relative' ? tf.add(relativeBias(params[bias]!, shape.contextLength), causal) : causal;
  const mask = maskWith('relativeBias');
  const doubledMask = options.block === 'evolved' ? maskWith('relativeBiasDoubled') : null;
  const auxiliaryLosses: Tensor[] = [];
  let x = embed(tokens, pass);
  for (let layer = 0; layer < blockCount(shape, options); layer++) {
    const name = `layer${layer}`;
    if (doubledMask !== null) x = evolvedFirstHalf(name, x, doubledMask, pass);
    const normal = normalise(`${name}.attentionNorm`, x, params, options);
    x = tf.add(x, selfAttention(`${name}.attention`, normal, mask, pass));
    const { output, auxiliaryLoss } = feedForwardBlock(layer, x, pass);
    x = tf.add(x, output);
    if (auxiliaryLoss !== null) auxiliaryLosses.push(auxiliaryLoss);
  }
  return { logits: outputLogits(params, normalise('finalNorm', x, params, options), shape), auxiliaryLosses };
}

/** @throws ModelError where options, positions and shape do not go together */
function checkShape(shape: ModelShape, options: DecoderOptions, positions: Positions): void {
  const { dModel, dHead, nLayers } = shape;
  const evolved = options.block === 'evolved';
  const narrowest = evolved ? dHead / 2 : dHead;
  if (evolved && (dModel % 2 !== 0 || dHead % 2 !== 0)) {
    throw new ModelError(
      `the Evolved Transformer halves dModel and dHead, so both must be even, not ${dModel} and ${dHead}`,
    );
  }
  if (positions === 'rotary' && !comparesQueriesAndKeys(options)) {
    throw new ModelError(
      'rotary positions turn queries and keys, which a Synthesizer does not compare; use absolute or relative positions',
    );
  }
  if (positions === 'rotary') requireEvenHeads(narrowest);
  if (options.experts !== null && nLayers < options.experts.everyNthLayer) {
    throw new ModelError(
      `every ${options.experts.everyNthLayer}th feed-forward layer is a mixture of experts, so nLayers must be at least ` +
        `${options.experts.everyNthLayer}, not ${nLayers}`,
    );
  }
}

/**
 * A decoder-only language model: embeddings, layers of attention and feed-forward with residuals, final norm, logits.
 * @throws ModelError where options, positions and shape do not go together
 */
export function decoder(shape: ModelShape, options: DecoderOptions, positions: Positions): LanguageModel {
  checkShape(shape, options, positions);
  const run = (params: Params, tokens: Tensor, batchSize: number) =>
    forward(tokens, { params, batchSize, shape, options, positions });
  const { activation, experts } = options;
  const model: LanguageModel = {
    params: decoderParams(shape, options, positions),
    logits: (params, tokens, batchSize) => run(params, tokens, batchSize).logits,
    // An activation of the user's own may have dropout in it, or look at the whole batch.
    ...(typeof activation === 'string'
      ? { drawsRandomNumbers: (experts?.jitter ?? 0) > 0, independentSequences: experts === null }
      : {}),
  };
  if (experts === null) return model;
  return {
    ...model,
    logitsAndAuxiliaryLoss(params, tokens, batchSize) {
      const { logits, auxiliaryLosses } = run(params, tokens, batchSize);
      return { logits, auxiliaryLoss: auxiliaryLosses.reduce((sum, loss) => tf.add(sum, loss)) };
    },
  };
}
