/** The files that `isoloss new variant` writes: they work as they are, and say what to change. */

/** @param base what the file changes: an option of the decoder core, or the whole forward pass */
export function variantTemplate(name: string, base: 'options' | 'forward'): string {
  return base === 'options' ? optionsTemplate(name) : forwardTemplate(name);
}

const optionsTemplate = (name: string): string => `/**
 * ${name}: a preset with some of its parts changed.
 *
 *   isoloss check ${name}.ts          does it trace, look at no later token, train every parameter, and learn?
 *   isoloss compare ${name}.ts        train it beside the baselines of a sweep, and say which needs less compute
 *
 * A forward pass of its own, in TensorFlow.js, is the other kind: \`isoloss new variant NAME --forward\`.
 */
import { tf, type Tensor } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';

/**
 * Any function of TensorFlow.js operations, elementwise on any shape. It is traced once without data, so it can't look at
 * values: use tf.where instead of \`if\`. docs/operations.md lists the operations; tf.random* and dataSync() are refused.
 */
const activation = (x: Tensor): Tensor => tf.mul(x, tf.tanh(tf.softplus(x)));

export const variant = defineVariant({
  /** What sweeps and reports call it. */
  name: '${name}',
  description: 'Transformer with Mish in the feed-forward layer',
  /** The preset it starts from; docs/architectures.md lists them. */
  base: 'transformer',
  /** What it changes. An editor completes and explains the options; all others stay the preset's. */
  options: { activation },
  // positions: 'rotary',                // the preset's own (here absolute) where left out
  // defaultDff: (dModel) => 3 * dModel, // width of the feed-forward layer; 4 dModel where left out
});
`;

const forwardTemplate = (name: string): string => `/**
 * ${name}: a whole forward pass in TensorFlow.js.
 *
 *   isoloss check ${name}.ts          does it trace, look at no later token, train every parameter, and learn?
 *   isoloss compare ${name}.ts        train it beside the baselines of a sweep, and say which needs less compute
 *
 * Layout. Activations are [contextLength * batchSize, dModel], time-major: token t of sequence b is row
 * t * batchSize + b. So a shift by one token is a shift by batchSize rows (tf.slice and tf.pad, or ops.causalConv), and
 * tf.reshape(x, [contextLength, batchSize, dModel]) brings time to the front. Never reshape to [batchSize, contextLength,
 * ...]: that mixes the sequences (\`isoloss check\` finds it).
 *
 * The function is traced once, without data: no dataSync(), no branches on values, no tf.random*. Constants made inside
 * it are fine. docs/operations.md lists the operations of TensorFlow.js that can be used.
 */
import { attention, causalMask, layerNorm, sinusoidalPositions, tf, type Tensor } from 'isoloss/ops';
import { defineVariant, matrix, residualScale, vector, type ParamSpec } from 'isoloss/variants';

export const variant = defineVariant({
  /** What sweeps and reports call it. */
  name: '${name}',
  description: 'Attention and a feed-forward layer in parallel',
  /** How it knows where a token stands: it is compared with architectures that have the same. */
  positions: 'absolute',

  /**
   * Parameters at a size. A parameter of the same name, shape and initial values starts from the same numbers in every
   * architecture. \`group\` is for counts: embedding and output are left out of paramsNonEmbedding.
   */
  params(shape): ParamSpec[] {
    const { vocabSize, dModel, dFf, nLayers, nHeads, dHead } = shape;
    const width = nHeads * dHead;
    const embedding = { shape: [vocabSize, dModel], init: { kind: 'normal', std: 0.02 } } as const;
    const params: ParamSpec[] = [
      { name: 'embedding', ...embedding, group: 'embedding', decay: false },
      { name: 'output', ...embedding, group: 'output', decay: true },
      vector('finalNorm.gamma', dModel, 1, 'norm'),
      vector('finalNorm.beta', dModel, 0, 'norm'),
    ];
    for (let layer = 0; layer < nLayers; layer++) {
      const name = \`layer\${layer}\`;
      params.push(
        vector(\`\${name}.norm.gamma\`, dModel, 1, 'norm'),
        vector(\`\${name}.norm.beta\`, dModel, 0, 'norm'),
        matrix(\`\${name}.attention.q\`, dModel, width, dModel ** -0.5, 'attention'),
        matrix(\`\${name}.attention.k\`, dModel, width, dModel ** -0.5, 'attention'),
        matrix(\`\${name}.attention.v\`, dModel, width, dModel ** -0.5, 'attention'),
        matrix(\`\${name}.attention.o\`, width, dModel, width ** -0.5 * residualScale(shape), 'attention'),
        matrix(\`\${name}.feedForward.in\`, dModel, dFf, dModel ** -0.5, 'feedForward'),
        matrix(\`\${name}.feedForward.out\`, dFf, dModel, dFf ** -0.5 * residualScale(shape), 'feedForward'),
      );
    }
    return params;
  },

  /** Next-token logits [contextLength * batchSize, vocabSize] of tokens [contextLength * batchSize], both time-major. */
  logits(params, tokens, { batchSize, shape }): Tensor {
    const { contextLength, dModel, nLayers, nHeads, dHead } = shape;
    const p = (name: string): Tensor => params[name]!;
    const positions = tf.reshape(sinusoidalPositions(contextLength, dModel), [contextLength, 1, dModel]);
    // Embeddings are small (standard deviation 0.02), so that the output matrix may be; the factor makes them 1.
    const embedded = tf.mul(tf.gather(p('embedding'), tokens), 50);
    const placed = tf.add(tf.reshape(embedded, [contextLength, batchSize, dModel]), positions);
    let x: Tensor = tf.reshape(placed, [contextLength * batchSize, dModel]);
    const mask = causalMask(contextLength);
    for (let layer = 0; layer < nLayers; layer++) {
      const name = \`layer\${layer}\`;
      const normed = layerNorm(x, p(\`\${name}.norm.gamma\`), p(\`\${name}.norm.beta\`));
      const project = (to: string): Tensor => tf.matMul(normed, p(\`\${name}.attention.\${to}\`));
      const heads = { contextLength, batchSize, nHeads, dHead };
      const attended = attention(project('q'), project('k'), project('v'), mask, dHead ** -0.5, heads);
      const hidden = tf.relu(tf.matMul(normed, p(\`\${name}.feedForward.in\`)));
      x = tf.addN([
        x,
        tf.matMul(attended, p(\`\${name}.attention.o\`)),
        tf.matMul(hidden, p(\`\${name}.feedForward.out\`)),
      ]);
    }
    const final = layerNorm(x, p('finalNorm.gamma'), p('finalNorm.beta'));
    return tf.matMul(final, p('output'), false, true);
  },
});
`;
