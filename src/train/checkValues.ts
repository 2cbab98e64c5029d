/** Whether a model gives finite numbers and is the same model whenever it is read; where not, which line of its file is to blame. */
import type { TraceGraph, TraceNode } from '../engine/trace/graph.js';
import { hashGraph } from '../engine/trace/graph.js';
import { trace } from '../engine/trace/trace.js';
import { compileOrtGraph } from '../engine/ortSession.js';
import { sizeOf } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import { callSite } from '../ops/callSite.js';
import { given, sampleBatch, type CheckedModel, type CheckResult } from './checkedModel.js';
import { forwardProgram, type BatchShape } from './programs.js';

/** The naive graph of the forward pass, and the line of the user's file that each operation was called in, where one was. */
export interface ForwardTrace {
  readonly graph: TraceGraph;
  readonly places: ReadonlyMap<TraceNode, string>;
}

/** @throws what tracing throws */
export function traceForward(model: LanguageModel, batch: BatchShape): ForwardTrace {
  const places = new Map<TraceNode, string>();
  const { fn, inputs } = forwardProgram(model, batch);
  const graph = trace(fn, inputs, 'naive', (node) => {
    const { place } = callSite(new Error().stack ?? '');
    if (place !== null) places.set(node, place);
  });
  return { graph, places };
}

const isFinite = (values: Float32Array): boolean => values.every(Number.isFinite);
const hasNaN = (values: Float32Array): boolean => values.some(Number.isNaN);

/** Bytes of intermediate results that are looked at together. */
const PIECE_BYTES = 64 * 2 ** 20;

/**
 * Whether the logits are finite. Where they are not, the first operation whose result has a NaN is named; where none has,
 * the first with an infinity.
 * @returns null where they are
 */
export async function checkFinite(
  { model, batch, setup, params }: CheckedModel,
  { graph, places }: ForwardTrace,
): Promise<CheckResult | null> {
  const { inputs: specs } = forwardProgram(model, batch);
  const { inputs, source } = sampleBatch(model, batch, setup.vocabSize);
  const values = { ...params, ...given({ inputs, source }) };
  const results = async (nodes: readonly TraceNode[]): Promise<(readonly [TraceNode, Float32Array])[]> => {
    const outputs = nodes.map((node, i) => ({ name: `node${i}`, value: node.outputs[0]! }));
    const compiled = await compileOrtGraph({ ...graph, outputs }, specs, 'cpu', {
      threads: 1,
      optimise: false,
    });
    try {
      const found = await compiled.run(values);
      return nodes.map((node, i) => [node, found[`node${i}`]!] as const);
    } finally {
      await compiled.dispose();
    }
  };
  const [logits] = graph.outputs;
  const last = logits!.value.origin.kind === 'node' ? logits!.value.origin.node : null;
  if (last === null || isFinite((await results([last]))[0]![1])) return null;
  let infinite: TraceNode | null = null;
  for (const piece of inPieces(graph.nodes)) {
    for (const [node, found] of await results(piece)) {
      if (hasNaN(found)) return notFinite(node, 'NaN', places);
      if (infinite === null && !isFinite(found)) infinite = node;
    }
  }
  return notFinite(infinite ?? last, 'infinity', places);
}

function inPieces(nodes: readonly TraceNode[]): TraceNode[][] {
  const pieces: TraceNode[][] = [];
  let bytes = Infinity;
  for (const node of nodes.filter(({ outputs }) => outputs[0]!.dtype === 'float32')) {
    const own = 4 * sizeOf(node.outputs[0]!.shape);
    if (bytes + own > PIECE_BYTES) {
      pieces.push([]);
      bytes = 0;
    }
    pieces.at(-1)!.push(node);
    bytes += own;
  }
  return pieces;
}

function notFinite(node: TraceNode, what: string, places: ForwardTrace['places']): CheckResult {
  const place = places.get(node);
  const shape = node.outputs[0]!.shape.join();
  return {
    name: 'values',
    passed: false,
    detail: `the logits are not finite near the initial values: ${what} first comes out of the operation ${node.kernel} (shape [${shape}])${place === undefined ? '' : ` at ${place}`}`,
    remedy:
      'Look for a division by 0, the logarithm or square root of what may be 0 or negative, and exponentials without a bound.',
  };
}

/** The same model traced again, and read again: a graph is a run's name, so one that depends on the time or on chance has none. */
export function checkRepeatable(
  model: LanguageModel,
  again: LanguageModel,
  batch: BatchShape,
  { graph }: ForwardTrace,
): CheckResult {
  const expected = hashGraph(graph);
  const isSame = (other: LanguageModel): boolean => {
    const { fn, inputs } = forwardProgram(other, batch);
    return hashGraph(trace(fn, inputs, 'naive')) === expected;
  };
  const sameParams = JSON.stringify(model.params) === JSON.stringify(again.params);
  const passed = sameParams && isSame(model) && isSame(again);
  return {
    name: 'repeatable',
    passed,
    detail: passed
      ? 'read again, it is the same model'
      : `read again, it is another model: its ${sameParams ? 'operations or constants' : 'parameters'} differ`,
    remedy: passed
      ? null
      : 'Look for Math.random() or the time outside of the functions, and for variables that keep something from call to call.',
  };
}
