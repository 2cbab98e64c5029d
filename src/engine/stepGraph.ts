/** Traces a step program into one flat function, its state and per-step inputs under their own names. */
import { NEXT } from './onnx/encode.js';
import type { StepProgram } from './executable.js';
import type { TraceMode } from './trace/backend.js';
import type { TraceGraph } from './trace/graph.js';
import { trace, type Tensors } from './trace/trace.js';

const pick = (tensors: Tensors, specs: readonly { readonly name: string }[]): Tensors =>
  Object.fromEntries(specs.map(({ name }) => [name, tensors[name]!]));

/** The graph of one step: outputs are the next state (prefixed) and the metrics. */
export function traceStep(program: StepProgram, mode: TraceMode): TraceGraph {
  return trace(
    (inputs) => {
      const result = program.step(pick(inputs, program.state), pick(inputs, program.perStep));
      const next = program.state.map(({ name }) => {
        const tensor = result.state[name];
        if (tensor === undefined) throw new Error(`the step returns no state "${name}"`);
        return [NEXT + name, tensor] as const;
      });
      const metrics = program.metrics.map((name) => [name, result.metrics[name]!] as const);
      return Object.fromEntries([...next, ...metrics]);
    },
    [...program.state, ...program.perStep],
    mode,
  );
}
