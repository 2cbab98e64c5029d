/**
 * A graph for any batch size, from graphs recorded at several: what differs between them are whole numbers that grow in
 * step with the batch, and those become computations on the batch size of what is fed. Where anything else differs
 * there is no such graph, and that is an error.
 */
import { sameShape } from '../tensors.js';
import { GraphBuilder, type OnnxData, type OnnxGraph, type OnnxNode, type OnnxValue } from './graph.js';

/** Name of the dimension in the file. */
export const BATCH_DIMENSION = 'batch';

/** A size, or `offset + slope * batch` of what is known only when the graph is run. */
export interface Affine {
  readonly offset: number;
  readonly slope: number;
}

/** One graph recorded at several batch sizes, in the same order of operations. */
export interface BatchedGraph {
  readonly batchSize: number;
  readonly graph: OnnxGraph;
}

export interface DynamicGraph {
  readonly graph: OnnxGraph;
  /** Dimensions of the graph's inputs and outputs by name: a number, or `BATCH_DIMENSION`. */
  readonly dimensions: ReadonlyMap<string, readonly (number | typeof BATCH_DIMENSION)[]>;
}

/** The model does something that no one graph does at every batch size. */
export class FixedBatchError extends Error {
  override readonly name = 'FixedBatchError';
  constructor(what: string) {
    super(`the graph is not the same at every batch size (${what})`);
  }
}

/**
 * Joins graphs recorded at three or more batch sizes, two to find what depends on the batch and the others to confirm it.
 * Take sizes that no other dimension has, or equal dimensions may hide what differs.
 *
 * @param batchInput name of an input whose first dimension is the batch
 * @throws FixedBatchError where the graphs differ in more than sizes that are affine in the batch
 */
export function joinBatchSizes(recorded: readonly BatchedGraph[], batchInput: string): DynamicGraph {
  const [first, ...others] = recorded;
  if (first === undefined || others.length < 2) throw new Error('two graphs tell, and a third confirms');
  const all = [first, ...others];
  const builder = new GraphBuilder(true);
  /** What stands for a value of the first graph, and which values of the other graphs it has to be. */
  const joined = new Map<OnnxValue, OnnxValue>();
  const counterparts = new Map<OnnxValue, readonly OnnxValue[]>();
  const match = (value: OnnxValue, same: readonly OnnxValue[]): void => void counterparts.set(value, same);

  const inputs = first.graph.inputs.map((input, i) => {
    match(
      input,
      others.map(({ graph }) => graph.inputs[i]!),
    );
    const copy = builder.input(input.inputName!, input);
    joined.set(input, copy);
    return copy;
  });
  const batchSource = inputs.find(({ inputName }) => inputName === batchInput);
  if (batchSource === undefined) throw new Error(`there is no input "${batchInput}"`);
  const batch = (): OnnxValue =>
    builder.op('Shape', [batchSource], { shape: [1], dtype: 'int64' }, { attrs: { start: 0, end: 1 } });

  const constant = (values: readonly OnnxValue[], user: OnnxNode, position: number): OnnxValue => {
    const [value] = values as [OnnxValue];
    if (values.every((other) => sameConstant(value, other)))
      return builder.constant(value.dtype, value.shape, value.constant!);
    if (value.dtype !== 'int64' || value.shape.length !== 1)
      throw new FixedBatchError(`a constant of shape [${value.shape.join()}] of ${user.op}`);
    const sizes = affineList(all, values, user);
    const varying = sizes.filter(({ slope }) => slope !== 0);
    // To Reshape -1 is what is left over, which later readers of the file understand better than a computation.
    if (user.op === 'Reshape' && position === 1 && varying.length === 1)
      return builder.int64s(sizes.map(({ offset, slope }) => (slope === 0 ? offset : -1)));
    return computed(builder, batch(), sizes);
  };
  const valueOf = (values: readonly OnnxValue[], user: OnnxNode, position: number): OnnxValue => {
    const [value, ...same] = values as [OnnxValue, ...OnnxValue[]];
    const known = joined.get(value);
    if (known === undefined) return constant(values, user, position);
    if (counterparts.get(value)!.some((other, i) => other !== same[i]))
      throw new FixedBatchError(`${user.op} reads other values`);
    return known;
  };

  if (others.some(({ graph }) => graph.nodes.length !== first.graph.nodes.length))
    throw new FixedBatchError(`${all.map(({ graph }) => graph.nodes.length).join(', ')} operations`);
  for (const [i, node] of first.graph.nodes.entries()) {
    const twins = others.map(({ graph }) => graph.nodes[i]!);
    requireSameOperation(node, twins);
    const inputsOfNode = node.inputs.map((input, position) =>
      valueOf([input, ...twins.map((twin) => twin.inputs[position]!)], node, position),
    );
    const outputs = builder.node(node.op, inputsOfNode, node.outputs, {
      attrs: node.attrs,
      domain: node.domain,
    });
    node.outputs.forEach((output, o) => {
      match(
        output,
        twins.map((twin) => twin.outputs[o]!),
      );
      joined.set(output, outputs[o]!);
    });
  }
  const outputs = first.graph.outputs.map(({ name, value }) => ({ name, value: joined.get(value)! }));
  const dimensions = new Map([
    ...first.graph.inputs.map((input, i): Edge => [
      input.inputName!,
      edge(
        all,
        all.map(({ graph }) => graph.inputs[i]!),
      ),
    ]),
    ...first.graph.outputs.map(({ name }, i): Edge => [
      name,
      edge(
        all,
        all.map(({ graph }) => graph.outputs[i]!.value),
      ),
    ]),
  ]);
  return { graph: { inputs, outputs, nodes: builder.nodes }, dimensions };
}

type Edge = readonly [string, readonly (number | typeof BATCH_DIMENSION)[]];

function sameConstant(a: OnnxValue, b: OnnxValue): boolean {
  if (a.constant === null || b.constant === null) return false;
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const other: OnnxData = b.constant;
  return a.constant === other || a.constant.every((x: number | bigint, i: number) => Object.is(x, other[i]));
}

function requireSameOperation(node: OnnxNode, twins: readonly OnnxNode[]): void {
  const told = (other: OnnxNode): string =>
    JSON.stringify([other.op, other.domain, other.attrs, other.inputs.length, other.outputs.length]);
  const different = twins.find((twin) => told(twin) !== told(node));
  if (different !== undefined)
    throw new FixedBatchError(node.op === different.op ? `attributes of ${node.op}` : 'other operations');
}

/** The line through the first two sizes. @throws FixedBatchError where another size is not on it, or it is not whole */
function affine(batchSizes: readonly number[], sizes: readonly number[], what: string): Affine {
  const slope = (sizes[1]! - sizes[0]!) / (batchSizes[1]! - batchSizes[0]!);
  const offset = sizes[0]! - slope * batchSizes[0]!;
  const fits = sizes.every((size, i) => size === offset + slope * batchSizes[i]!);
  if (!fits || !Number.isInteger(slope) || !Number.isInteger(offset))
    throw new FixedBatchError(`sizes ${sizes.join(', ')} ${what} at batches of ${batchSizes.join(', ')}`);
  return { offset, slope };
}

function affineList(
  recorded: readonly BatchedGraph[],
  values: readonly OnnxValue[],
  user: OnnxNode,
): readonly Affine[] {
  const batchSizes = recorded.map(({ batchSize }) => batchSize);
  const lists = values.map(({ constant }) =>
    constant instanceof BigInt64Array ? Array.from(constant, Number) : [],
  );
  if (lists.some(({ length }) => length !== lists[0]!.length))
    throw new FixedBatchError(`the number of sizes of ${user.op}`);
  return lists[0]!.map((_, i) =>
    affine(
      batchSizes,
      lists.map((list) => list[i]!),
      `of ${user.op}`,
    ),
  );
}

/** offset + slope * batch for each size. */
function computed(builder: GraphBuilder, batch: OnnxValue, sizes: readonly Affine[]): OnnxValue {
  const type = { shape: [sizes.length], dtype: 'int64' } as const;
  const slopes = builder.int64s(sizes.map(({ slope }) => slope));
  const grown = builder.op('Mul', [batch, slopes], type);
  if (sizes.every(({ offset }) => offset === 0)) return grown;
  return builder.op('Add', [grown, builder.int64s(sizes.map(({ offset }) => offset))], type);
}

/** The dimensions of an input or output: fixed, or the batch itself. */
function edge(recorded: readonly BatchedGraph[], values: readonly OnnxValue[]): Edge[1] {
  const batchSizes = recorded.map(({ batchSize }) => batchSize);
  return values[0]!.shape.map((_, axis) => {
    const { offset, slope } = affine(
      batchSizes,
      values.map(({ shape }) => shape[axis]!),
      'of an input or output',
    );
    if (slope === 0) return offset;
    if (slope === 1 && offset === 0) return BATCH_DIMENSION;
    throw new FixedBatchError('a dimension of an input or output is not the batch alone');
  });
}
