/** The decoder core: every preset is this function under other options (presets.ts). */
import { causalMask } from '../ops/attention.js';
import { RELATIVE_BUCKETS, relativeBias, sinusoidalPositions } from '../ops/positions.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { DecoderOptions } from './decoderOptions.js';
import { attentionParams, feedForward, feedForwardParams, normalise, normParams, selfAttention } from './layers.js';
import type { LanguageModel, ModelShape, Params, Positions } from './model.js';
import type { ParamSpec } from './params.js';

/** Standard deviation of embedding and output matrices, and what the forward pass multiplies embeddings by. */
const SMALL_EMBEDDING_STD = 0.02;
const SMALL_EMBEDDING_GAIN = 50;

function decoderParams(shape: ModelShape, options: DecoderOptions, positions: Positions): ParamSpec[] {
  const { vocabSize, dModel, nLayers, nHeads, tiedEmbeddings, init } = shape;
  const embeddingStd = init === 't5' ? 1 : SMALL_EMBEDDING_STD;
  const params: ParamSpec[] = [
    { name: 'embedding', shape: [vocabSize, dModel], init: { kind: 'normal', std: embeddingStd }, group: 'embedding', decay: false },
  ];
  if (positions === 'relative') {
    params.push({ name: 'relativeBias', shape: [RELATIVE_BUCKETS, nHeads], init: { kind: 'constant', value: 0 }, group: 'positions', decay: false });
  }
  for (let layer = 0; layer < nLayers; layer++) {
    params.push(...normParams(`layer${layer}.attentionNorm`, dModel, options));
    params.push(...attentionParams(`layer${layer}.attention`, shape, options));
    params.push(...normParams(`layer${layer}.feedForwardNorm`, dModel, options));
    params.push(...feedForwardParams(`layer${layer}.feedForward`, shape, options));
  }
  params.push(...normParams('finalNorm', dModel, options));
  if (!tiedEmbeddings) {
    const std = init === 't5' ? dModel ** -0.5 : SMALL_EMBEDDING_STD;
    // Stored like the embedding, [vocabSize, dModel]; a matrix that multiplies activations, so it is decayed.
    params.push({ name: 'output', shape: [vocabSize, dModel], init: { kind: 'normal', std }, group: 'output', decay: true });
  }
  return params;
}

/** Token embeddings, with absolute positions added where the model has them. [contextLength * batchSize, dModel] */
function embed(params: Params, tokens: Tensor, batchSize: number, shape: ModelShape, positions: Positions): Tensor {
  const { contextLength, dModel, init } = shape;
  const gathered = tf.gather(params['embedding']!, tokens);
  const embedded = init === 't5' ? gathered : tf.mul(gathered, SMALL_EMBEDDING_GAIN);
  if (positions !== 'absolute') return embedded;
  const table = tf.reshape(sinusoidalPositions(contextLength, dModel), [contextLength, 1, dModel]);
  const byTime = tf.add(tf.reshape(embedded, [contextLength, batchSize, dModel]), table);
  return tf.reshape(byTime, [contextLength * batchSize, dModel]);
}

function outputLogits(params: Params, x: Tensor, { tiedEmbeddings, init, dModel }: ModelShape): Tensor {
  const matrix = params[tiedEmbeddings ? 'embedding' : 'output']!;
  // T5's tied embeddings have standard deviation 1, so the logits are scaled by dModel^-1/2.
  const scaled = tiedEmbeddings && init === 't5' ? tf.mul(x, dModel ** -0.5) : x;
  return tf.matMul(scaled, matrix, false, true);
}

/** A decoder-only language model: embeddings, layers of attention and feed-forward with residuals, final norm, logits. */
export function decoder(shape: ModelShape, options: DecoderOptions, positions: Positions): LanguageModel {
  return {
    params: decoderParams(shape, options, positions),
    logits(params, tokens, batchSize) {
      let mask = causalMask(shape.contextLength);
      if (positions === 'relative') mask = tf.add(relativeBias(params['relativeBias']!, shape.contextLength), mask);
      let x = embed(params, tokens, batchSize, shape, positions);
      for (let layer = 0; layer < shape.nLayers; layer++) {
        const name = (part: string): string => `layer${layer}.${part}`;
        const normal = normalise(name('attentionNorm'), x, params, options);
        x = tf.add(x, selfAttention(name('attention'), normal, params, mask, batchSize, shape, options, positions));
        x = tf.add(x, feedForwardBlock(name, x, params, options));
      }
      return outputLogits(params, normalise('finalNorm', x, params, options), shape);
    },
  };
}

/** The feed-forward layer with its norm before the call, or after it as in Primer. */
function feedForwardBlock(name: (part: string) => string, x: Tensor, params: Params, options: DecoderOptions): Tensor {
  if (options.feedForwardNorm === 'before') {
    return feedForward(name('feedForward'), normalise(name('feedForwardNorm'), x, params, options), params, options);
  }
  return normalise(name('feedForwardNorm'), feedForward(name('feedForward'), x, params, options), params, options);
}
