/**
 * Linear attention as a whole forward pass (Katharopoulos et al. 2020): softmax(q k) becomes phi(q) phi(k) with
 * phi = elu + 1, so that the sum over earlier positions is a running sum, tf.cumsum over time.
 *
 * Activations are [contextLength * batchSize, dModel], time-major: token t of sequence b is row t * batchSize + b, so that
 * a reshape to [contextLength, ...] brings time to the front.
 */
import { layerNorm, sinusoidalPositions, tf, type Tensor } from 'isoloss/ops';
import { defineVariant, matrix, residualScale, vector, type ParamSpec } from 'isoloss/variants';

export const variant = defineVariant({
  name: 'linear-attention',
  description: 'Transformer with linear attention (elu + 1 features), ReLU feed-forward, no biases',
  positions: 'absolute',

  params(shape): ParamSpec[] {
    const { vocabSize, dModel, dFf, nLayers, nHeads, dHead } = shape;
    const width = nHeads * dHead;
    const norm = (name: string): ParamSpec[] => [
      vector(`${name}.gamma`, dModel, 1, 'norm'),
      vector(`${name}.beta`, dModel, 0, 'norm'),
    ];
    const embedding = { shape: [vocabSize, dModel], init: { kind: 'normal', std: 0.02 } } as const;
    const layers = Array.from({ length: nLayers }, (_, layer): ParamSpec[] => [
      ...norm(`layer${layer}.attentionNorm`),
      ...['q', 'k', 'v'].map((name) =>
        matrix(`layer${layer}.attention.${name}`, dModel, width, dModel ** -0.5, 'attention'),
      ),
      matrix(`layer${layer}.attention.o`, width, dModel, width ** -0.5 * residualScale(shape), 'attention'),
      ...norm(`layer${layer}.feedForwardNorm`),
      matrix(`layer${layer}.feedForward.in`, dModel, dFf, dModel ** -0.5, 'feedForward'),
      matrix(`layer${layer}.feedForward.out`, dFf, dModel, dFf ** -0.5 * residualScale(shape), 'feedForward'),
    ]);
    return [
      { name: 'embedding', ...embedding, group: 'embedding', decay: false },
      ...layers.flat(),
      ...norm('finalNorm'),
      { name: 'output', ...embedding, group: 'output', decay: true },
    ];
  },

  logits(params, tokens, { batchSize, shape }): Tensor {
    const { contextLength, dModel, nLayers, nHeads, dHead } = shape;
    const p = (name: string): Tensor => params[name]!;
    const normed = (x: Tensor, name: string): Tensor => layerNorm(x, p(`${name}.gamma`), p(`${name}.beta`));
    const positions = tf.reshape(sinusoidalPositions(contextLength, dModel), [contextLength, 1, dModel]);
    const embedded = tf.mul(tf.gather(p('embedding'), tokens), 50);
    const placed = tf.add(tf.reshape(embedded, [contextLength, batchSize, dModel]), positions);
    let x: Tensor = tf.reshape(placed, [contextLength * batchSize, dModel]);
    for (let layer = 0; layer < nLayers; layer++) {
      const name = `layer${layer}`;
      const input = normed(x, `${name}.attentionNorm`);
      const heads = (of: string): Tensor =>
        tf.reshape(tf.matMul(input, p(`${name}.attention.${of}`)), [
          contextLength,
          batchSize * nHeads,
          dHead,
        ]);
      const features = (y: Tensor): Tensor => tf.add(tf.elu(y), 1);
      const [q, k, v] = [features(heads('q')), features(heads('k')), heads('v')];
      // The state of each head: the sum of k v^T so far, [contextLength, heads, dHead, dHead].
      const state = tf.cumsum(tf.mul(tf.expandDims(k, 3), tf.expandDims(v, 2)), 0);
      const attended = tf.sum(tf.mul(tf.expandDims(q, 3), state), 2);
      const normaliser = tf.sum(tf.mul(q, tf.cumsum(k, 0)), 2, true);
      const context = tf.reshape(tf.div(attended, normaliser), [contextLength * batchSize, nHeads * dHead]);
      x = tf.add(x, tf.matMul(context, p(`${name}.attention.o`)));
      const hidden = tf.relu(tf.matMul(normed(x, `${name}.feedForwardNorm`), p(`${name}.feedForward.in`)));
      x = tf.add(x, tf.matMul(hidden, p(`${name}.feedForward.out`)));
    }
    return tf.matMul(normed(x, 'finalNorm'), p('output'), false, true);
  },
});
