/** Pass 6, for one thread: what only several threads would make wrong. */
import type { OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleSet } from './rewrite.js';

/**
 * Rows added up by index, the embedding's gradient. ScatterND copies whole rows, ten times as fast as ScatterElements, but
 * its threads race for rows that are named twice.
 */
const scatterRows: Rule = ({ builder, node, inputs }) => {
  const { attrs, outputs } = node;
  const [table, indices, rows] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  if (attrs['axis'] !== 0 || attrs['reduction'] !== 'add' || table.shape.length !== 2) return null;
  if (indices.producer?.op !== 'Expand' || rows.shape[1] !== table.shape[1]) return null;
  const byRow = indices.producer.inputs[0]!;
  if (byRow.shape.length !== 2 || byRow.shape[0] !== rows.shape[0] || byRow.shape[1] !== 1) return null;
  return [
    builder.op('ScatterND', [table, builder.cast(byRow, 'int64'), rows], outputs[0]!, {
      attrs: { reduction: 'add' },
    }),
  ];
};

export const oneThreadRules: RuleSet = { ScatterElements: [scatterRows] };
