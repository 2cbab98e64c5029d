/** Pass 6, for one thread: what only several threads would make wrong. */
import type { OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleContext, RuleSet } from './rewrite.js';

/**
 * What adds up rows by index, the embedding's gradient, where a node does that.
 * @returns the table that they are added to, and the index of each row, [rows, 1]
 */
export function rowSums({ node, inputs }: Pick<RuleContext, 'node' | 'inputs'>): {
  readonly table: OnnxValue;
  readonly index: OnnxValue;
  readonly rows: OnnxValue;
} | null {
  const [table, indices, rows] = inputs as [OnnxValue, OnnxValue, OnnxValue];
  if (node.attrs['axis'] !== 0 || node.attrs['reduction'] !== 'add' || table.shape.length !== 2) return null;
  if (indices.producer?.op !== 'Expand' || rows.shape[1] !== table.shape[1]) return null;
  const index = indices.producer.inputs[0]!;
  if (index.shape.length !== 2 || index.shape[0] !== rows.shape[0] || index.shape[1] !== 1) return null;
  return { table, index, rows };
}

/** ScatterND copies whole rows, ten times as fast as ScatterElements, but its threads race for rows that are named twice. */
const scatterRows: Rule = ({ builder, node, inputs }) => {
  const sums = rowSums({ node, inputs });
  if (sums === null) return null;
  return [
    builder.op('ScatterND', [sums.table, builder.cast(sums.index, 'int64'), sums.rows], node.outputs[0]!, {
      attrs: { reduction: 'add' },
    }),
  ];
};

export const oneThreadRules: RuleSet = { ScatterElements: [scatterRows] };
