/**
 * The forward pass as other programs call it: tokens [batch, length] of int64 in, logits [batch, length, vocabulary] out,
 * made of ONNX's own operations only, for one batch size or for any.
 */
import type { FunctionProgram } from '../engine/executable.js';
import { joinBatchSizes, type DynamicGraph } from '../engine/onnx/dynamicBatch.js';
import { GraphBuilder, type OnnxGraph, type OnnxValue } from '../engine/onnx/graph.js';
import { lower } from '../engine/onnx/lower.js';
import { rewrite } from '../engine/passes/rewrite.js';
import { simplifyRules } from '../engine/passes/simplify.js';
import { trace } from '../engine/trace/trace.js';
import type { LanguageModel } from '../models/model.js';
import { tf, type Tensor } from '../ops/tf.js';
import { forwardProgram, paramSpecs, type BatchShape } from './programs.js';

/** What the decoder reads, and what the encoder does where there is one. */
export const TOKENS = 'tokens';
export const SOURCE = 'source';
export const LOGITS = 'logits';

/** The token inputs of the exported function with their lengths. */
export function tokenInputs(
  { encoder }: LanguageModel,
  contextLength: number,
): { readonly name: string; readonly length: number }[] {
  return encoder === undefined
    ? [{ name: TOKENS, length: contextLength }]
    : [
        { name: SOURCE, length: encoder.sourceLength },
        { name: TOKENS, length: encoder.targetLength },
      ];
}

/** Sequences by row, to the order by time that models read. */
const byTime = (tokens: Tensor): Tensor =>
  tf.reshape(tf.transpose(tokens, [1, 0]), [tokens.shape[0] * tokens.shape[1]!]);

/** The program over [batch, length] tokens; parameters are inputs, named as in a run's state. */
export function portableProgram(model: LanguageModel, batch: BatchShape): FunctionProgram {
  const { batchSize } = batch;
  const forward = forwardProgram(model, batch);
  const inputs = tokenInputs(model, batch.contextLength);
  return {
    inputs: [
      ...paramSpecs(model),
      ...inputs.map(({ name, length }) => ({ name, shape: [batchSize, length], dtype: 'int32' as const })),
    ],
    fn: (tensors) => {
      const source = tensors[SOURCE];
      const { logits } = forward.fn({
        ...tensors,
        inputs: byTime(tensors[TOKENS]!),
        ...(source === undefined ? {} : { source: byTime(source) }),
      });
      const length = logits!.shape[0] / batchSize;
      const perStep = tf.reshape(logits!, [length, batchSize, logits!.shape[1]!]);
      return { [LOGITS]: tf.transpose(perStep, [1, 0, 2]) };
    },
  };
}

/** Batch sizes that no other dimension of a model is likely to have. Nothing of their size is ever computed. */
const RECORDED_BATCHES = [1009, 1013, 1019];

/**
 * The graph of the forward pass, parameters as inputs.
 * @param batchSize null for a graph that takes any
 * @throws FixedBatchError where the model has no graph for any batch size
 */
export function portableGraph(
  model: LanguageModel,
  contextLength: number,
  batchSize: number | null,
): DynamicGraph {
  const names = tokenInputs(model, contextLength).map(({ name }) => name);
  if (batchSize !== null) {
    const graph = record(model, { batchSize, contextLength });
    const edges = [
      ...graph.inputs.map((input) => [input.inputName!, input.shape] as const),
      ...graph.outputs.map(({ name, value }) => [name, value.shape] as const),
    ];
    return { graph: takeInt64(graph, names), dimensions: new Map(edges) };
  }
  const recorded = RECORDED_BATCHES.map((size) => ({
    batchSize: size,
    graph: record(model, { batchSize: size, contextLength }),
  }));
  const { graph, dimensions } = joinBatchSizes(recorded, TOKENS);
  return { graph: takeInt64(graph, names), dimensions };
}

/** Recorded without the project's kernels, whose operations only ONNX Runtime has. */
function record(model: LanguageModel, batch: BatchShape): OnnxGraph {
  const program = portableProgram(model, batch);
  const plain = lower(trace(program.fn, program.inputs, 'naive'));
  return rewrite(rewrite(plain, simplifyRules), simplifyRules);
}

/** The same graph, its int32 inputs of these names fed as int64, which tokenizers give. */
function takeInt64(graph: OnnxGraph, names: readonly string[]): OnnxGraph {
  const builder = new GraphBuilder(false);
  const copies = new Map<OnnxValue, OnnxValue>();
  const inputs = graph.inputs.map((input) => {
    const wide = names.includes(input.inputName!);
    const copy = builder.input(input.inputName!, wide ? { shape: input.shape, dtype: 'int64' } : input);
    copies.set(input, wide ? builder.cast(copy, input.dtype) : copy);
    return copy;
  });
  const valueOf = (value: OnnxValue): OnnxValue =>
    copies.get(value) ?? builder.constant(value.dtype, value.shape, value.constant!);
  for (const { op, domain, attrs, inputs: read, outputs } of graph.nodes) {
    const values = builder.node(op, read.map(valueOf), outputs, { attrs, domain });
    outputs.forEach((output, i) => copies.set(output, values[i]!));
  }
  return {
    inputs,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: valueOf(value) })),
    nodes: builder.nodes,
  };
}
