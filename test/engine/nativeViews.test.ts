/** Views of native:cpu: where each element of a reshaped, transposed, cut, spread or shifted array lies. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, type OnnxValue } from '../../src/engine/onnx/graph.js';
import {
  broadcast,
  byRows,
  contiguous,
  distance,
  grouped,
  viewThrough,
  type View,
} from '../../src/engine/native/views.js';
import { sizeOf, type Shape } from '../../src/engine/tensors.js';

/** What a value holds: numbers of elements of the array that it is a view of, 0 for zeros. */
interface Held {
  readonly value: OnnxValue;
  readonly elements: readonly number[];
  readonly view: View;
}

/** Row-major coordinates of an element. */
const coordinates = (index: number, shape: Shape): number[] =>
  shape.map((dim, axis) => Math.floor(index / sizeOf(shape.slice(axis + 1))) % dim);
const indexOf = (place: readonly number[], shape: Shape): number =>
  place.reduce((index, at, axis) => index * shape[axis]! + at, 0);

/** Elements of a new shape, each found at the place that `from` gives, 0 where that is null. */
const gathered = (
  shape: Shape,
  { value, elements }: Held,
  from: (place: number[]) => number[] | null,
): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, i) => {
    const place = from(coordinates(i, shape));
    return place === null ? 0 : elements[indexOf(place, value.shape)]!;
  });

type Step = 'transpose' | 'reshape' | 'slice' | 'expand' | 'shift' | 'split';

interface Choice {
  readonly step: Step;
  /** Numbers that decide what of all that fits is done. */
  readonly draws: readonly number[];
}

function reshaped(shape: Shape, draws: readonly number[]): number[] {
  let rest = sizeOf(shape);
  const dims: number[] = [];
  for (const draw of draws.slice(0, 3)) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((n) => rest % n === 0);
    const dim = divisors[draw % divisors.length]!;
    dims.push(dim);
    rest /= dim;
  }
  return [...dims, rest];
}

/** The node of a step, and what its output holds by plain computation; null where the step does not go with the shape. */
function applied(
  builder: GraphBuilder,
  held: Held,
  { step, draws }: Choice,
): { output: OnnxValue; elements: number[] } | null {
  const { value } = held;
  const { shape } = value;
  const [first = 0, second = 0, third = 0] = draws;
  const axis = first % shape.length;
  switch (step) {
    case 'transpose': {
      const perm = shape.map((_, i) => i).sort((a, b) => draws[a]! - draws[b]! || a - b);
      const output = builder.transpose(value, perm);
      return {
        output,
        elements: gathered(output.shape, held, (place) => shape.map((_, i) => place[perm.indexOf(i)]!)),
      };
    }
    case 'reshape': {
      const output = builder.op('Reshape', [value], { shape: reshaped(shape, draws), dtype: 'float32' });
      return { output, elements: [...held.elements] };
    }
    case 'slice': {
      const begin = shape.map((dim, i) => (i === axis ? second % dim : 0));
      const size = shape.map((dim, i) => (i === axis ? 1 + (third % (dim - begin[i]!)) : dim));
      const output = builder.slice(value, begin, size);
      return { output, elements: gathered(size, held, (place) => place.map((at, i) => at + begin[i]!)) };
    }
    case 'split': {
      const length = shape[axis]!;
      if (length < 2) return null;
      const cut = 1 + (second % (length - 1));
      const parts = [cut, length - cut];
      const outputs = builder.node(
        'Split',
        [value],
        parts.map((dim) => ({ shape: shape.with(axis, dim), dtype: 'float32' as const })),
        { attrs: { axis } },
      );
      const part = third % 2;
      const output = outputs[part]!;
      return {
        output,
        elements: gathered(output.shape, held, (place) =>
          place.with(axis, place[axis]! + (part === 0 ? 0 : cut)),
        ),
      };
    }
    case 'expand': {
      const spread = [
        2 + (second % 2),
        ...shape.map((dim, i) => (dim === 1 && draws[i]! % 2 === 0 ? 3 : dim)),
      ];
      if (sizeOf(spread) > 600) return null;
      const output = builder.expand(value, spread);
      return {
        output,
        elements: gathered(spread, held, (place) => place.slice(1).map((at, i) => (shape[i] === 1 ? 0 : at))),
      };
    }
    case 'shift': {
      const by = (second % (2 * shape[0]! + 1)) - shape[0]!;
      const pads = [by, ...shape.slice(1).map(() => 0), -by, ...shape.slice(1).map(() => 0)];
      const output = builder.op('Pad', [value, builder.int64s(pads)], value);
      const elements = gathered(shape, held, ([row, ...rest]) =>
        row! - by >= 0 && row! - by < shape[0]! ? [row! - by, ...rest] : null,
      );
      return { output, elements };
    }
    default:
      return step satisfies never;
  }
}

/** The C expression for a distance, computed as C does. */
const evaluated = (expression: string, r: number): number =>
  expression === '0'
    ? 0
    : expression.split(' + ').reduce((sum, term) => {
        const [, divisor = '1', modulus, stride] = /^\(r(?: \/ (\d+))?\)(?: % (\d+))? \* (\d+)L$/.exec(term)!;
        const quotient = Math.floor(r / Number(divisor));
        return sum + (modulus === undefined ? quotient : quotient % Number(modulus)) * Number(stride);
      }, 0);

/** The elements of a view, read by rows as the loops of a step read them; null where rows are not evenly spaced. */
function readByRows(view: View, rows: number, columns: number): number[] | null {
  const access = byRows(view, rows, columns);
  if (access === null) return null;
  return Array.from({ length: rows * columns }, (_, e) => {
    const [r, c] = [Math.floor(e / columns), e % columns];
    const at = evaluated(distance(access.rows, 'r'), r) - view.shift;
    if (view.shift !== 0 && (at < 0 || at >= rows * columns)) return 0;
    return view.offset + at + c * access.stride + 1;
  });
}

const CHOICE = fc.record({
  step: fc.constantFrom<Step>('transpose', 'reshape', 'slice', 'expand', 'shift', 'split'),
  draws: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
});

describe('views', () => {
  it('put every element where plain computation has it, whatever they go through', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.array(CHOICE, { minLength: 1, maxLength: 6 }),
        (shape, choices) => {
          const builder = new GraphBuilder(false);
          const root = builder.input('x', { shape, dtype: 'float32' });
          let held: Held = {
            value: root,
            elements: Array.from({ length: sizeOf(shape) }, (_, i) => i + 1),
            view: contiguous(root),
          };
          for (const choice of choices) {
            if (held.value.shape.length > 5) break;
            const made = applied(builder, held, choice);
            if (made === null || made.output === held.value) continue;
            const view = viewThrough(made.output.producer!, made.output, held.view);
            // What is no view is copied to an array of its own.
            if (view === null) continue;
            held = { value: made.output, elements: made.elements, view };
            const size = sizeOf(made.output.shape);
            for (const columns of new Set([
              1,
              size,
              ...made.output.shape.map((_, axis) => sizeOf(made.output.shape.slice(axis))),
            ])) {
              const read = readByRows(view, size / columns, columns);
              // By single elements everything can be read.
              if (columns === 1) expect(read).not.toBeNull();
              if (read !== null) {
                expect(read).toEqual(made.elements);
                compared++;
              }
            }
          }
        },
      ),
      { numRuns: 1500, seed: 1 },
    );
    expect(compared).toBeGreaterThan(3000);
  });

  it('are spread as NumPy spreads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean()), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        (dims, missing) => {
          const to = dims.map(([dim]) => dim);
          const from = dims
            .map(([dim, isSpread]) => (isSpread ? 1 : dim))
            .slice(Math.min(missing, dims.length));
          const root = new GraphBuilder(false).input('x', { shape: from, dtype: 'float32' });
          const view = broadcast(contiguous(root), from, to)!;
          const expected = Array.from({ length: sizeOf(to) }, (_, i) => {
            const place = coordinates(i, to).slice(to.length - from.length);
            return (
              indexOf(
                place.map((at, axis) => (from[axis] === 1 ? 0 : at)),
                from,
              ) + 1
            );
          });
          expect(readByRows(view, sizeOf(to), 1)).toEqual(expected);
        },
      ),
      { numRuns: 300, seed: 2 },
    );
  });

  it('are grouped by the dimensions of a shape, or not at all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.integer({ min: 2, max: 6 }), stride: fc.nat(50) }), { maxLength: 4 }),
        fc.array(fc.nat(1000), { minLength: 3, maxLength: 3 }),
        (factors, draws) => {
          const size = sizeOf(factors.map((factor) => factor.size));
          const shape = reshaped([size], draws);
          const groups = grouped(factors, shape);
          if (groups === null) return;
          expect(groups.map((group) => sizeOf(group.map((factor) => factor.size)))).toEqual(shape);
          const all = (list: readonly { size: number; stride: number }[]): number[] =>
            Array.from({ length: size }, (_, e) => evaluated(distance(list, 'r'), e));
          expect(all(groups.flat())).toEqual(all(factors));
        },
      ),
      { numRuns: 500, seed: 3 },
    );
  });
});
