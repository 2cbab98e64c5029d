/** The driver of graph passes: rebuilds a graph node by node, letting rules replace nodes as they are copied. */
import { GraphBuilder, liveGraph, type OnnxGraph, type OnnxNode, type OnnxValue } from '../onnx/graph.js';

export interface RuleContext {
  readonly builder: GraphBuilder;
  readonly node: OnnxNode;
  /** The node's inputs in the graph being built; rules look at their producers. */
  readonly inputs: readonly OnnxValue[];
  /** How often the graph being rewritten uses what an input stands for. */
  readonly usesOfInput: (index: number) => number;
}

/** What the node becomes, one value for each output, or null to leave it as it is. */
export type Rule = (context: RuleContext) => readonly OnnxValue[] | null;

/** Rules by the operation that they look at. */
export type RuleSet = Readonly<Record<string, readonly Rule[]>>;

/** Applies rules once over the graph in topological order; dead nodes and common subexpressions go on the way. */
export function rewrite(graph: OnnxGraph, rules: RuleSet): OnnxGraph {
  const { graph: live, uses } = liveGraph(graph);
  const builder = new GraphBuilder(true);
  const rewritten = new Map<OnnxValue, OnnxValue>();
  const inputs = live.inputs.map((input) => {
    const copy = builder.input(input.inputName!, input);
    rewritten.set(input, copy);
    return copy;
  });
  const valueOf = (value: OnnxValue): OnnxValue => {
    const known = rewritten.get(value);
    if (known !== undefined) return known;
    const constant = builder.constant(value.dtype, value.shape, value.constant!);
    rewritten.set(value, constant);
    return constant;
  };
  for (const node of live.nodes) {
    const context: RuleContext = {
      builder,
      node,
      inputs: node.inputs.map(valueOf),
      usesOfInput: (index) => uses.get(node.inputs[index]!) ?? 0,
    };
    const outputs = firstMatch(rules[node.op], context) ?? copy(context);
    node.outputs.forEach((output, i) => rewritten.set(output, outputs[i]!));
  }
  const outputs = live.outputs.map(({ name, value }) => ({ name, value: valueOf(value) }));
  return liveGraph({ inputs, outputs, nodes: builder.nodes }).graph;
}

function firstMatch(rules: readonly Rule[] | undefined, context: RuleContext): readonly OnnxValue[] | null {
  for (const rule of rules ?? []) {
    const outputs = rule(context);
    if (outputs !== null) return outputs;
  }
  return null;
}

/** The node over its new inputs. */
export const copy = ({ builder, node, inputs }: RuleContext): readonly OnnxValue[] =>
  builder.node(node.op, inputs, node.outputs, { attrs: node.attrs, domain: node.domain });
