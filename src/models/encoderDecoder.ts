/** The encoder-decoder of T5 (Raffel et al. 2020) under the options of the decoder core, for span corruption. */
import { causalMask } from '../ops/attention.js';
import { bidirectionalBias, relativeBias } from '../ops/positions.js';
import { tf, type Tensor } from '../ops/tf.js';
import { attentionParams, selfAttention } from './attention.js';
import type { DecoderOptions } from './decoderOptions.js';
import { embed, embeddingParam, outputLogits, outputParams } from './embedding.js';
import { crossAttention, encoderSelfAttention } from './encoderAttention.js';
import { feedForward, feedForwardParams } from './feedForward.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import { normalise, normParams } from './norm.js';
import type { ParamSpec } from './params.js';
import type { Pass } from './pass.js';
import { relativeTable, requireEvenHeads } from './positions.js';
import { spanLengths } from './spanLengths.js';

/** The options that an encoder-decoder can have. */
export interface EncoderDecoderOptions extends DecoderOptions {
  readonly block: 'transformer';
  readonly feedForwardNorm: 'before';
  readonly experts: null;
  readonly attentionWeights: 'queryKey';
  readonly postSoftmaxGating: false;
}

type Stack = 'encoder' | 'decoder';

const layerNames = (stack: Stack, { nLayers }: ModelShape): string[] =>
  Array.from({ length: nLayers }, (_, layer) => `${stack}.layer${layer}`);

function stackParams(
  stack: Stack,
  shape: ModelShape,
  options: EncoderDecoderOptions,
  positions: Positions,
): ParamSpec[] {
  const { dModel, nHeads } = shape;
  // Cross-attention has no convolutions, and queries and keys that come from different sequences share nothing.
  const crossOptions: DecoderOptions = { ...options, qkvConvolution: 'none', sharedQueryKey: false };
  return [
    ...(positions === 'relative' ? [relativeTable(`${stack}.relativeBias`, nHeads)] : []),
    ...layerNames(stack, shape).flatMap((name) => [
      ...normParams(`${name}.attentionNorm`, dModel, options),
      ...attentionParams(`${name}.attention`, shape, options),
      ...(stack === 'decoder'
        ? [
            ...normParams(`${name}.crossAttentionNorm`, dModel, options),
            ...attentionParams(`${name}.crossAttention`, shape, crossOptions),
          ]
        : []),
      ...normParams(`${name}.feedForwardNorm`, dModel, options),
      ...feedForwardParams(`${name}.feedForward`, shape, options),
    ]),
    ...normParams(`${stack}.finalNorm`, dModel, options),
  ];
}

/** x + layer(norm(x)). */
function residual(norm: string, x: Tensor, { params, options }: Pass, layer: (y: Tensor) => Tensor): Tensor {
  return tf.add(x, layer(normalise(norm, x, params, options)));
}

/** @returns [sourceLength * batchSize, dModel], normalised */
function encode(source: Tensor, pass: Pass): Tensor {
  const { params, shape, options, positions } = pass;
  const bias =
    positions === 'relative' ? bidirectionalBias(params['encoder.relativeBias']!, shape.contextLength) : null;
  let x = embed(source, pass);
  for (const name of layerNames('encoder', shape)) {
    x = residual(`${name}.attentionNorm`, x, pass, (y) =>
      encoderSelfAttention(`${name}.attention`, y, bias, pass),
    );
    x = residual(`${name}.feedForwardNorm`, x, pass, (y) =>
      feedForward(`${name}.feedForward`, y, params, options),
    );
  }
  return normalise('encoder.finalNorm', x, params, options);
}

/** @returns [targetLength * batchSize, dModel], normalised */
function decode(inputs: Tensor, encoded: Tensor, pass: Pass): Tensor {
  const { params, shape, options, positions } = pass;
  const causal = causalMask(shape.contextLength);
  const mask =
    positions === 'relative'
      ? tf.add(relativeBias(params['decoder.relativeBias']!, shape.contextLength), causal)
      : causal;
  let x = embed(inputs, pass);
  for (const name of layerNames('decoder', shape)) {
    x = residual(`${name}.attentionNorm`, x, pass, (y) => selfAttention(`${name}.attention`, y, mask, pass));
    x = residual(`${name}.crossAttentionNorm`, x, pass, (y) =>
      crossAttention(`${name}.crossAttention`, y, encoded, pass),
    );
    x = residual(`${name}.feedForwardNorm`, x, pass, (y) =>
      feedForward(`${name}.feedForward`, y, params, options),
    );
  }
  return normalise('decoder.finalNorm', x, params, options);
}

/**
 * An encoder and a decoder of `nLayers` layers each, over one embedding. The encoder reads windows of `contextLength`
 * tokens from which spans are dropped, the decoder predicts those spans; the vocabulary has a sentinel more for each span.
 * @throws ModelError where positions and shape do not go together
 */
export function encoderDecoder(
  shape: ModelShape,
  options: EncoderDecoderOptions,
  positions: Positions,
): LanguageModel {
  if (positions === 'rotary') requireEvenHeads(shape.dHead);
  const { spans, sourceLength, targetLength } = spanLengths(shape.contextLength);
  const own: ModelShape = { ...shape, vocabSize: shape.vocabSize + spans };
  const passOf = (params: Params, batchSize: number, contextLength: number): Pass => ({
    params,
    batchSize,
    shape: { ...own, contextLength },
    options,
    positions,
  });
  return {
    params: [
      embeddingParam(own),
      ...stackParams('encoder', own, options, positions),
      ...stackParams('decoder', own, options, positions),
      ...outputParams(own),
    ],
    encoder: { sourceLength, targetLength },
    drawsRandomNumbers: false,
    logits(params, inputs, batchSize, source) {
      if (source === undefined) throw new Error('an encoder-decoder needs the tokens that its encoder reads');
      const encoded = encode(source, passOf(params, batchSize, sourceLength));
      const decoded = decode(inputs, encoded, passOf(params, batchSize, targetLength));
      return outputLogits(params, decoded, own);
    },
  };
}
