/**
 * A mixture of experts written out, with what options over the decoder core do not have: dropout, a router of its own and
 * an auxiliary loss that keeps the experts evenly used. Attention and norms are those of isoloss/ops.
 *
 * Activations are [contextLength * batchSize, dModel], time-major: token t of sequence b is row t * batchSize + b.
 */
import * as ops from 'isoloss/ops';
import { defineVariant, matrix, residualScale, vector, type ParamSpec } from 'isoloss/variants';

const { tf } = ops;
const EXPERTS = 4;
const BALANCE_WEIGHT = 0.01;
const DROPOUT = 0.1;

export const variant = defineVariant({
  name: 'routed-mixture',
  description:
    'Transformer whose feed-forward layers are top-1 mixtures of four experts, with dropout of 0.1 on each',
  positions: 'relative',
  // Each expert has half the width of an ordinary feed-forward layer.
  defaultDff: (dModel) => 2 * dModel,

  params(shape): ParamSpec[] {
    const { vocabSize, dModel, dFf, nLayers, nHeads, dHead } = shape;
    const width = nHeads * dHead;
    const scale = residualScale(shape);
    const embedding = { shape: [vocabSize, dModel], init: { kind: 'normal', std: 0.02 } } as const;
    // `experts` says that a token uses one of so many, for the count of active parameters.
    const experts = (name: string, rows: number, columns: number, std: number): ParamSpec => ({
      name,
      shape: [EXPERTS, rows, columns],
      init: { kind: 'normal', std },
      group: 'experts',
      decay: true,
      experts: EXPERTS,
    });
    const layer = (name: string): ParamSpec[] => [
      vector(`${name}.attentionNorm`, dModel, 1, 'norm'),
      ...['q', 'k', 'v'].map((to) =>
        matrix(`${name}.attention.${to}`, dModel, width, dModel ** -0.5, 'attention'),
      ),
      matrix(`${name}.attention.o`, width, dModel, width ** -0.5 * scale, 'attention'),
      vector(`${name}.expertsNorm`, dModel, 1, 'norm'),
      matrix(`${name}.experts.router`, dModel, EXPERTS, dModel ** -0.5, 'router'),
      experts(`${name}.experts.in`, dModel, dFf, dModel ** -0.5),
      experts(`${name}.experts.out`, dFf, dModel, dFf ** -0.5 * scale),
    ];
    return [
      { name: 'embedding', ...embedding, group: 'embedding', decay: false },
      {
        name: 'relativeBias',
        shape: [32, nHeads],
        init: { kind: 'constant', value: 0 },
        group: 'positions',
        decay: false,
      },
      ...Array.from({ length: nLayers }, (_, i) => layer(`layer${i}`)).flat(),
      vector('finalNorm', dModel, 1, 'norm'),
      { name: 'output', ...embedding, group: 'output', decay: true },
    ];
  },

  logits(params, tokens, { batchSize, shape }) {
    const { contextLength, nLayers, nHeads, dHead } = shape;
    const p = (name: string): ops.Tensor => params[name]!;
    const mask = tf.add(ops.relativeBias(p('relativeBias'), contextLength), ops.causalMask(contextLength));
    const heads = { contextLength, batchSize, nHeads, dHead };
    const capacity = ops.expertCapacity(contextLength, {
      count: EXPERTS,
      capacityFactor: 1.5,
      minCapacity: 4,
    });
    const slots = { contextLength, batchSize, experts: EXPERTS, capacity };
    const auxiliaryLosses: ops.Tensor[] = [];
    let x: ops.Tensor = tf.mul(tf.gather(p('embedding'), tokens), 50);
    for (let i = 0; i < nLayers; i++) {
      const name = `layer${i}`;
      const y = ops.rmsNorm(x, p(`${name}.attentionNorm`));
      const project = (to: string): ops.Tensor => tf.matMul(y, p(`${name}.attention.${to}`));
      const attended = ops.attention(project('q'), project('k'), project('v'), mask, dHead ** -0.5, heads);
      x = tf.add(x, ops.dropout(tf.matMul(attended, p(`${name}.attention.o`)), DROPOUT));

      const z = ops.rmsNorm(x, p(`${name}.expertsNorm`));
      const probabilities = tf.softmax(tf.matMul(z, p(`${name}.experts.router`)));
      const routing = ops.routeTopOne(probabilities, slots);
      const mixed = ops.mixture(z, probabilities, routing, slots, (dispatched) =>
        tf.matMul(ops.squaredRelu(tf.matMul(dispatched, p(`${name}.experts.in`))), p(`${name}.experts.out`)),
      );
      x = tf.add(x, ops.dropout(mixed, DROPOUT));
      auxiliaryLosses.push(ops.balanceLoss(probabilities, routing.choice, slots));
    }
    const logits = tf.matMul(ops.rmsNorm(x, p('finalNorm')), p('output'), false, true);
    return { logits, auxiliaryLoss: tf.mul(tf.addN(auxiliaryLosses), BALANCE_WEIGHT) };
  },
});
