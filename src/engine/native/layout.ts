/**
 * Which array every value lies in, and how: parts of a concatenation are written to their places in it, and what can't be read as
 * a view of another array is copied.
 */
import { GraphBuilder, liveGraph, type OnnxGraph, type OnnxNode, type OnnxValue } from '../onnx/graph.js';
import { copy } from '../passes/rewrite.js';
import { isElementwise } from './expressions.js';
import { sizeOf } from '../tensors.js';
import { fixedColumns, operandCount, spreadShape } from './operands.js';
import { addendMatrix, isProduct, operandMatrix, resultMatrix } from './matrices.js';
import {
  broadcast,
  byRows,
  contiguous,
  isContiguous,
  isViewNode,
  sliced,
  viewThrough,
  type View,
} from './views.js';

/** Operations that loops over rows consist of. */
const ROW_OPS = ['PickAt', 'AddAt', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd'];

export const isRowNode = (node: OnnxNode): boolean => isElementwise(node) || ROW_OPS.includes(node.op);

/** Whether a loop over rows can have an operand where the view has it: by rows of as many columns as the node has to have. */
function readsByRows(node: OnnxNode, input: number, view: View): boolean {
  const shape = spreadShape(node, input);
  const spread = broadcast(view, node.inputs[input]!.shape, shape);
  const columns = fixedColumns(node) ?? 1;
  return spread !== null && byRows(spread, sizeOf(shape) / columns, columns) !== null;
}

/** Whether a node reads the input from its place as the view has it. */
function reads(node: OnnxNode, input: number, view: View): boolean {
  if (isRowNode(node)) return input >= operandCount(node) || readsByRows(node, input, view);
  if (node.op === 'Concat') return true;
  if (!isProduct(node)) return isContiguous(view) || (node.op === 'ScatterElements' && view.shift === 0);
  if (input === 2) return addendMatrix(node, view) !== null;
  return operandMatrix(node, input as 0 | 1, view) !== null;
}

const copied = (builder: GraphBuilder, value: OnnxValue): OnnxValue => builder.op('Copy', [value], value);

/**
 * The graph with a Copy wherever a value can't be read where it lies, and one for each output that would not have an array of
 * its own.
 */
export function withCopies(graph: OnnxGraph): OnnxGraph {
  const builder = new GraphBuilder(false);
  const values = new Map<OnnxValue, OnnxValue>();
  const views = new Map<OnnxValue, View>();
  const copies = new Map<OnnxValue, OnnxValue>();
  const viewOf = (value: OnnxValue): View => {
    const view = views.get(value) ?? contiguous(value);
    views.set(value, view);
    return view;
  };
  const copyOf = (value: OnnxValue): OnnxValue => {
    const made = copies.get(value) ?? copied(builder, value);
    copies.set(value, made);
    return made;
  };
  const inputs = graph.inputs.map((input) => {
    const same = builder.input(input.inputName!, input);
    values.set(input, same);
    return same;
  });
  const valueOf = (value: OnnxValue): OnnxValue => {
    const known = values.get(value) ?? builder.constant(value.dtype, value.shape, value.constant!);
    values.set(value, known);
    return known;
  };
  for (const node of graph.nodes) {
    const operands = node.inputs.map(valueOf);
    const isView = isViewNode(node);
    const through = (input: OnnxValue): (View | null)[] =>
      node.outputs.map((output) =>
        viewThrough({ ...node, inputs: [input, ...operands.slice(1)] }, output, viewOf(input)),
      );
    const read = operands.map((value, i) => {
      const stays = isView
        ? i > 0 || !through(value).includes(null)
        : reads({ ...node, inputs: operands }, i, viewOf(value));
      return stays ? value : copyOf(value);
    });
    const outputs = copy({ builder, node, inputs: read, usesOfInput: () => 1 });
    const outputViews = isView ? through(read[0]!) : null;
    node.outputs.forEach((output, i) => {
      values.set(output, outputs[i]!);
      if (outputViews !== null) views.set(outputs[i]!, outputViews[i]!);
    });
  }
  const taken = new Set<OnnxValue>();
  const outputs = graph.outputs.map(({ name, value }) => {
    const own = valueOf(value);
    const isFree = own.producer !== null && !isViewNode(own.producer) && !taken.has(own);
    taken.add(own);
    return { name, value: isFree ? own : copied(builder, own) };
  });
  return liveGraph({ inputs, outputs, nodes: builder.nodes }).graph;
}

/** Values whose Concat has a place for them that they are not written to. */
function unplacedParts(graph: OnnxGraph): Set<OnnxValue>[] {
  const layout = layoutOf(graph);
  return graph.nodes
    .filter(({ op }) => op === 'Concat')
    .map(({ inputs, outputs }) => new Set(inputs.filter((part) => layout(part).root !== outputs[0]!)));
}

/** The graph with a Copy for each part of a concatenation that is not written to its place by whatever makes it. */
export function withParts(graph: OnnxGraph): OnnxGraph {
  const unplaced = unplacedParts(graph);
  const builder = new GraphBuilder(false);
  const values = new Map<OnnxValue, OnnxValue>();
  const valueOf = (value: OnnxValue): OnnxValue => {
    const known =
      values.get(value) ??
      (value.constant === null
        ? builder.input(value.inputName!, value)
        : builder.constant(value.dtype, value.shape, value.constant));
    values.set(value, known);
    return known;
  };
  const inputs = graph.inputs.map(valueOf);
  let concats = 0;
  for (const node of graph.nodes) {
    const parts = node.op === 'Concat' ? unplaced[concats++]! : new Set<OnnxValue>();
    // A part that stands there twice has one place of its own, at most.
    const read = node.inputs.map((value, i) =>
      parts.has(value) || (node.op === 'Concat' && node.inputs.indexOf(value) !== i)
        ? copied(builder, valueOf(value))
        : valueOf(value),
    );
    const outputs = copy({ builder, node, inputs: read, usesOfInput: () => 1 });
    node.outputs.forEach((output, i) => values.set(output, outputs[i]!));
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: valueOf(value) }));
  return { inputs, outputs, nodes: builder.nodes };
}

/** Who reads each value. */
export function readersOf(nodes: readonly OnnxNode[]): Map<OnnxValue, OnnxNode[]> {
  const readers = new Map<OnnxValue, OnnxNode[]>();
  for (const node of nodes)
    for (const input of new Set(node.inputs)) {
      const known = readers.get(input);
      if (known === undefined) readers.set(input, [node]);
      else known.push(node);
    }
  return readers;
}

/** The view of every value of a graph in the array that it lies in. */
export type Layout = (value: OnnxValue) => View;

export function layoutOf(graph: OnnxGraph): Layout {
  const readers = readersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const placed = new Map<OnnxValue, View>();
  const readersAre = (value: OnnxValue): readonly OnnxNode[] => readers.get(value) ?? [];

  /** Whether everybody who reads a value could read it from a view. */
  const isReadable = (value: OnnxValue, view: View): boolean =>
    readersAre(value).every((node) => {
      if (!isViewNode(node)) return node.inputs.every((input, i) => input !== value || reads(node, i, view));
      return node.outputs.every((output) => {
        const next = viewThrough(node, output, view);
        return next !== null && isReadable(output, next);
      });
    });

  /** The place in a concatenation that a value is the part of; null where another already is, or it stands there twice. */
  const slotIn = (node: OnnxNode, value: OnnxValue): View | null => {
    const parts = node.inputs;
    const place = parts.indexOf(value);
    if (parts.lastIndexOf(value) !== place) return null;
    const axis = node.attrs['axis'] as number;
    const begin = parts.slice(0, place).reduce((sum, part) => sum + part.shape[axis]!, 0);
    const whole = node.outputs[0]!;
    return sliced(contiguous(whole), whole.shape, axis, begin, value.shape[axis]!);
  };

  /** The place in a concatenation that a value is read into; null where it is not. */
  const wanted = (value: OnnxValue): View | null => {
    const all = readersAre(value);
    const concat = all.find(({ op }) => op === 'Concat');
    if (concat !== undefined) return slotIn(concat, value);
    return all.length === 1 && all[0]!.op === 'Reshape' ? wanted(all[0]!.outputs[0]!) : null;
  };

  for (const node of graph.nodes) {
    const value = node.outputs[0]!;
    if (isViewNode(node) || outputs.has(value) || !(isProduct(node) || isRowNode(node))) continue;
    const view = wanted(value);
    if (view === null || (isProduct(node) && resultMatrix(node, view) === null)) continue;
    if (isReadable(value, view)) placed.set(value, view);
  }

  const views = new Map<OnnxValue, View>();
  const layout = (value: OnnxValue): View => {
    const known = views.get(value);
    if (known !== undefined) return known;
    const node = value.producer;
    const view =
      node !== null && isViewNode(node)
        ? viewThrough(node, value, layout(node.inputs[0]!))!
        : (placed.get(value) ?? contiguous(value));
    views.set(value, view);
    return view;
  };
  return layout;
}
