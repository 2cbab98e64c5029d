/** From a recorded graph to the one that is written as C. */
import { lower } from '../onnx/lower.js';
import type { OnnxGraph } from '../onnx/graph.js';
import { optimise, PASSES } from '../passes/index.js';
import { rewrite, type Rule } from '../passes/rewrite.js';
import { simplifyRules } from '../passes/simplify.js';
import type { TraceGraph } from '../trace/graph.js';
import { decompositions } from './decompose.js';
import { einsumRules } from './einsum.js';
import { withCopies, withParts } from './layout.js';

/** Passes whose gain is ONNX Runtime's alone. */
const FOREIGN_PASSES = ['steps', 'one thread'];

/** The graph in operations of which loops consist, nothing moved that can be read where it lies. */
export function prepared(traced: TraceGraph): OnnxGraph {
  const names = PASSES.map(({ name }) => name).filter((name) => !FOREIGN_PASSES.includes(name));
  // Einsum before the passes, which know what matrix products can take in.
  const optimised = optimise(rewrite(lower(traced), einsumRules), names);
  const { Reshape, Transpose, Expand } = simplifyRules as Record<'Reshape' | 'Transpose' | 'Expand', Rule[]>;
  const plain = rewrite(rewrite(optimised, decompositions), { Reshape, Transpose, Expand });
  return withParts(withCopies(plain));
}
