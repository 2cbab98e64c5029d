/** Both ends of a language model: token embeddings, with absolute positions where there are any, and the output matrix. */
import { sinusoidalPositions } from '../ops/positions.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { ModelShape, Params } from './model.js';
import type { ParamSpec } from './params.js';
import type { Pass } from './pass.js';

/** Standard deviation of embedding and output matrices, and what the forward pass multiplies embeddings by. */
const SMALL_EMBEDDING_STD = 0.02;
const SMALL_EMBEDDING_GAIN = 50;

export const embeddingParam = ({ vocabSize, dModel, init }: ModelShape): ParamSpec => ({
  name: 'embedding',
  shape: [vocabSize, dModel],
  init: { kind: 'normal', std: init === 't5' ? 1 : SMALL_EMBEDDING_STD },
  group: 'embedding',
  decay: false,
});

/** The output matrix, where it is not the embedding. */
export function outputParams({ vocabSize, dModel, tiedEmbeddings, init }: ModelShape): ParamSpec[] {
  if (tiedEmbeddings) return [];
  const std = init === 't5' ? dModel ** -0.5 : SMALL_EMBEDDING_STD;
  // Stored like the embedding, [vocabSize, dModel]; a matrix that multiplies activations, so it is decayed.
  return [
    {
      name: 'output',
      shape: [vocabSize, dModel],
      init: { kind: 'normal', std },
      group: 'output',
      decay: true,
    },
  ];
}

/** Token embeddings, with absolute positions added where the model has them. [contextLength * batchSize, dModel] */
export function embed(tokens: Tensor, { params, batchSize, shape, positions }: Pass): Tensor {
  const { contextLength, dModel, init } = shape;
  const gathered = tf.gather(params['embedding']!, tokens);
  const embedded = init === 't5' ? gathered : tf.mul(gathered, SMALL_EMBEDDING_GAIN);
  if (positions !== 'absolute') return embedded;
  const waves = tf.reshape(sinusoidalPositions(contextLength, dModel), [contextLength, 1, dModel]);
  const byTime = tf.add(tf.reshape(embedded, [contextLength, batchSize, dModel]), waves);
  return tf.reshape(byTime, [contextLength * batchSize, dModel]);
}

export function outputLogits(
  params: Params,
  x: Tensor,
  { tiedEmbeddings, init, dModel }: ModelShape,
): Tensor {
  const matrix = params[tiedEmbeddings ? 'embedding' : 'output']!;
  // T5's tied embeddings have standard deviation 1, so the logits are scaled by dModel^-1/2.
  const scaled = tiedEmbeddings && init === 't5' ? tf.mul(x, dModel ** -0.5) : x;
  return tf.matMul(scaled, matrix, false, true);
}
