/** Runs a tfjs function once on the tracing backend and returns the graph that it recorded. */
import { callSite, STACK_FRAMES } from '../../ops/callSite.js';
import { tf, type Tensor, type TensorInfo } from '../../ops/tf.js';
import type { TensorSpec } from '../tensors.js';
import { backendName, traceBackend, type TraceMode } from './backend.js';
import { TracedRandomError, TracedVariableError } from './errors.js';
import { liveNodes, type TraceGraph, type TraceNode } from './graph.js';

export type Tensors = Readonly<Record<string, Tensor>>;

/** A plain TensorFlow.js function from named tensors to named tensors. */
export type TensorFunction = (inputs: Tensors) => Tensors;

/**
 * Records `fn` applied to inputs of the given shapes. The graph's outputs keep the order of the returned object's keys.
 * @param onRecord is told of every operation when it is recorded, while the call that made it is still on the stack
 * @throws TracedValueError, TracedRandomError, UnsupportedOperationError ... where the function cannot be traced (errors.ts)
 */
export function trace(
  fn: TensorFunction,
  specs: readonly TensorSpec[],
  mode: TraceMode,
  onRecord: ((node: TraceNode) => void) | null = null,
): TraceGraph {
  const backend = traceBackend(mode);
  const engine = tf.engine();
  // tfjs's types leave out that there is no backend before the first is chosen.
  const previous = tf.getBackend() as string | undefined;
  void tf.setBackend(backendName(mode));
  backend.begin(onRecord);
  engine.startScope('trace');
  const restore = watchSurroundings();
  try {
    const infos = specs.map((spec) => [spec.name, backend.input(spec.name, spec.shape, spec.dtype)] as const);
    const inputs = infos.map(([name, info]) => [name, tensorOf(info)] as const);
    const results = Object.entries(withoutOwnVariables(() => fn(Object.fromEntries(inputs))));
    if (backend.refusedRead !== null) throw backend.refusedRead;
    const outputs = results.map(([name, tensor]) => ({ name, value: backend.traced(tensor) }));
    return {
      inputs: infos.map(([name, info]) => ({ name, value: backend.traced(info) })),
      outputs,
      nodes: liveNodes(
        backend.nodes,
        outputs.map(({ value }) => value),
      ),
    };
  } catch (error) {
    // What waits for a value fails by what it did not get, such as a promise in the place of a tensor.
    throw backend.refusedRead ?? error;
  } finally {
    restore();
    engine.endScope();
    backend.begin();
    // Without an earlier choice tfjs has none to return to, and picks its best one at the next use.
    void tf.setBackend(previous === undefined || previous === backendName(mode) ? 'cpu' : previous);
  }
}

/** For the time of a trace: stacks that reach the model's code, and no random numbers of the host. @returns what undoes it */
function watchSurroundings(): () => void {
  const { random } = Math;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  Math.random = () => {
    throw new TracedRandomError(callSite(new Error().stack ?? '').called ?? 'Math.random()');
  };
  return () => {
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
  };
}

/** @throws TracedVariableError where `fn` makes variables, which are then let go of */
function withoutOwnVariables<T>(fn: () => T): T {
  const variables = (): string[] => Object.keys(tf.engine().registeredVariables);
  const before = new Set(variables());
  try {
    const result = fn();
    const made = variables().filter((name) => !before.has(name));
    if (made.length > 0) throw new TracedVariableError(made);
    return result;
  } finally {
    for (const name of variables()) if (!before.has(name)) tf.engine().registeredVariables[name]!.dispose();
  }
}

const tensorOf = (info: TensorInfo): Tensor => tf.engine().makeTensorFromTensorInfo(info);
