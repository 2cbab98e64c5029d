/** Which values have to be in memory: those that are read elsewhere than in the loop that makes them. */
import type { OnnxGraph, OnnxValue } from '../onnx/graph.js';
import type { Unit } from './fuse.js';
import { isRowNode, readersOf } from './layout.js';
import { isViewNode } from './views.js';

/** Values that are read by another unit than the one that makes them, or go out of the step. */
export function storedValues(graph: OnnxGraph, units: readonly Unit[]): (value: OnnxValue) => boolean {
  const unitOf = new Map(units.flatMap((unit) => unit.nodes.map((node) => [node, unit])));
  const readers = readersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const isRead = (value: OnnxValue, by: (unit: Unit) => boolean): boolean =>
    outputs.has(value) ||
    (readers.get(value) ?? []).some((node) =>
      isViewNode(node) ? node.outputs.some((next) => isRead(next, by)) : by(unitOf.get(node)!),
    );
  const known = new Map<OnnxValue, boolean>();
  return (value) => {
    const found = known.get(value);
    if (found !== undefined) return found;
    const own = unitOf.get(value.producer!)!;
    const stored =
      own.kind === 'single' || !isRowNode(value.producer!) || isRead(value, (unit) => unit !== own);
    known.set(value, stored);
    return stored;
  };
}
