/** The passes in the order in which they are run; each can be left out, which a test does to check that none changes a result. */
import type { OnnxGraph } from '../onnx/graph.js';
import { oneThreadRules } from './oneThread.js';
import { addendRules, productRules } from './products.js';
import { rewrite, type RuleSet } from './rewrite.js';
import { scaleRules } from './scales.js';
import { simplifyRules } from './simplify.js';
import { stepRules } from './steps.js';

interface Pass {
  readonly name: string;
  readonly rules: RuleSet;
  /** Right only where one thread runs each operation. */
  readonly oneThread?: boolean;
}

export const PASSES: readonly Pass[] = [
  { name: 'simplify', rules: simplifyRules },
  { name: 'simplify again', rules: simplifyRules },
  { name: 'scales', rules: scaleRules },
  { name: 'scales again', rules: scaleRules },
  { name: 'products', rules: productRules },
  { name: 'addends', rules: addendRules },
  { name: 'steps', rules: stepRules },
  { name: 'simplify last', rules: simplifyRules },
  { name: 'one thread', rules: oneThreadRules, oneThread: true },
];

/** Names of the passes for so many threads. */
export const passesFor = (threads: number): string[] =>
  PASSES.filter(({ oneThread }) => oneThread !== true || threads === 1).map(({ name }) => name);

/** The graph after the passes named; by default after those that are right for any number of threads. */
export function optimise(graph: OnnxGraph, names: readonly string[] = passesFor(Infinity)): OnnxGraph {
  return PASSES.filter(({ name }) => names.includes(name)).reduce(
    (current, { rules }) => rewrite(current, rules),
    graph,
  );
}
