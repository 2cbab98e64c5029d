/** The project's own kernels (src/ops/kernelNames.ts) as ONNX nodes. FLOPs never count them: rule 1 counts composites. */
import { KERNEL } from '../../ops/kernelNames.js';
import type { GraphBuilder, OnnxAttrs, OnnxValue } from '../onnx/graph.js';
import { convolutionKernels } from './causalConv.js';
import type { Attrs } from './graph.js';
import { MOVE, numberAttr, type KernelTable, type TraceType } from './kernel.js';

const rowStatistic = (x: TraceType): TraceType => ({ shape: x.shape.with(-1, 1), dtype: 'float32' });

const asColumn = (builder: GraphBuilder, targets: OnnxValue): OnnxValue =>
  builder.reshape(targets, [targets.shape[0]!, 1]);

const normAttrs = (attrs: Attrs): OnnxAttrs => ({
  axis: -1,
  epsilon: { float: numberAttr(attrs, 'epsilon') },
});

export const fusedKernels: KernelTable = {
  /** y, mean and inverse deviation, the last two saved for the backward pass. */
  [KERNEL.layerNorm]: {
    inputNames: ['x', 'gamma', 'beta'],
    infer: ([x]) => [x!, rowStatistic(x!), rowStatistic(x!)],
    lower: ({ builder, inputs, attrs, outputs }) =>
      builder.node('LayerNormalization', inputs, outputs, { attrs: normAttrs(attrs) }),
    cost: MOVE,
  },
  [KERNEL.rmsNorm]: {
    inputNames: ['x', 'gamma'],
    infer: ([x]) => [x!, rowStatistic(x!)],
    lower: ({ builder, inputs, attrs, outputs }) =>
      builder.node('SimplifiedLayerNormalization', inputs, outputs, { attrs: normAttrs(attrs) }),
    cost: MOVE,
  },
  [KERNEL.logSoftmax]: {
    inputNames: ['logits'],
    infer: ([logits]) => [logits!],
    lower: ({ builder, inputs }) => [builder.op('LogSoftmax', inputs, inputs[0]!, { attrs: { axis: 1 } })],
    cost: MOVE,
  },
  [KERNEL.pickTarget]: {
    inputNames: ['values', 'targets'],
    infer: ([values]) => [rowStatistic(values!)],
    lower: ({ builder, inputs, outputs }) => [
      builder.op('GatherElements', [inputs[0]!, asColumn(builder, inputs[1]!)], outputs[0]!, {
        attrs: { axis: 1 },
      }),
    ],
    cost: MOVE,
  },
  [KERNEL.addAtTarget]: {
    inputNames: ['values', 'targets', 'addends'],
    infer: ([values]) => [values!],
    lower: ({ builder, inputs, outputs }) => {
      const [values, targets, addends] = inputs as [OnnxValue, OnnxValue, OnnxValue];
      return [
        builder.op('ScatterElements', [values, asColumn(builder, targets), addends], outputs[0]!, {
          attrs: { axis: 1, reduction: 'add' },
        }),
      ];
    },
    cost: MOVE,
  },
  ...convolutionKernels,
};
