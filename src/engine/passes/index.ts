/** The passes in the order in which they are run; each can be left out, which a test does to check that none changes a result. */
import type { OnnxGraph } from '../onnx/graph.js';
import { addendRules, productRules } from './products.js';
import { rewrite, type RuleSet } from './rewrite.js';
import { scaleRules } from './scales.js';
import { simplifyRules } from './simplify.js';

export const PASSES: readonly { readonly name: string; readonly rules: RuleSet }[] = [
  { name: 'simplify', rules: simplifyRules },
  { name: 'simplify again', rules: simplifyRules },
  { name: 'scales', rules: scaleRules },
  { name: 'scales again', rules: scaleRules },
  { name: 'products', rules: productRules },
  { name: 'addends', rules: addendRules },
  { name: 'simplify last', rules: simplifyRules },
];

/** The graph after all passes (or those named). */
export function optimise(
  graph: OnnxGraph,
  names: readonly string[] = PASSES.map(({ name }) => name),
): OnnxGraph {
  return PASSES.filter(({ name }) => names.includes(name)).reduce(
    (current, { rules }) => rewrite(current, rules),
    graph,
  );
}
