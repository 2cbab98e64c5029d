/** Small programs made up at random from the operations of the engine: broadcasts, reductions, moves and products in any order. */
import type { FunctionProgram } from '../../src/engine/executable.js';
import { sizeOf, type HostTensors, type Shape, type TensorSpec } from '../../src/engine/tensors.js';
import type { Tensors } from '../../src/engine/trace/trace.js';
import { causalConv, layerNorm, rmsNorm, tf } from '../../src/ops/index.js';
import type { Tensor } from '../../src/ops/tf.js';
import { uniformNumbers } from './harness.js';

/** Bits that a float has room for: as long as no value needs more, results are exact and may be compared, rounded and counted. */
const EXACT_BITS = 22;
const MAX_ELEMENTS = 4000;

type Kind = 'float' | 'int' | 'bool';

/** A value of a program: what makes it from those before it, and what is known of it. */
interface Value {
  readonly shape: Shape;
  readonly kind: Kind;
  /** Bits of the largest numerator; Infinity where values are rounded. */
  readonly bits: number;
  readonly make: (values: readonly Tensor[]) => Tensor;
  readonly about: string;
}

export interface RandomProgram {
  readonly program: FunctionProgram;
  readonly inputs: HostTensors;
  /** What its steps are, for whoever reads a failure. */
  readonly about: string;
}

interface Random {
  readonly below: (n: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  readonly chance: (p: number) => boolean;
}

function randomOf(seed: number): Random {
  const next = uniformNumbers(seed);
  const below = (n: number): number => Math.floor(next() * n);
  return { below, pick: (items) => items[below(items.length)]!, chance: (p) => next() < p };
}

const permutation = (random: Random, rank: number): number[] => {
  const axes = Array.from({ length: rank }, (_, i) => i);
  for (let i = rank - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  }
  return axes;
};

function otherShape(random: Random, size: number): number[] {
  const shape: number[] = [];
  let rest = size;
  while (rest > 1 && shape.length < 3) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0);
    const dim = random.pick(divisors);
    shape.push(dim);
    rest /= dim;
  }
  if (rest > 1) shape.push(rest);
  if (random.chance(0.3)) shape.splice(random.below(shape.length + 1), 0, 1);
  return shape;
}

const compatible = (a: Shape, b: Shape): boolean => {
  const rank = Math.max(a.length, b.length);
  let size = 1;
  for (let i = 1; i <= rank; i++) {
    const [x, y] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (x !== y && x !== 1 && y !== 1) return false;
    size *= Math.max(x, y);
  }
  return size <= MAX_ELEMENTS;
};

const broadcast = (a: Shape, b: Shape): number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i, rank = Math.max(a.length, b.length)) =>
    Math.max(a.at(i - rank) ?? 1, b.at(i - rank) ?? 1),
  );

const ROUNDED = Infinity;

/** Cases of `grow` that have gradients. */
const SMOOTH = [...Array.from({ length: 22 }, (_, i) => i), 31];

/** Adds one value to those there are, or none where what was drawn does not fit them. */
function grow(random: Random, values: readonly Value[], isSmooth: boolean): Value | null {
  const of = (test: (value: Value) => boolean): number | null => {
    const found = values.flatMap((value, i) => (test(value) ? [i] : []));
    return found.length === 0 ? null : random.chance(0.5) ? found.at(-1)! : random.pick(found);
  };
  const exact = ({ bits }: Value): boolean => bits <= EXACT_BITS;
  const unary = (
    about: string,
    fn: (x: Tensor) => Tensor,
    test: (value: Value) => boolean,
    bits: (b: number) => number,
  ): Value | null => {
    const i = of(test);
    if (i === null) return null;
    const x = values[i]!;
    return { ...x, bits: bits(x.bits), make: (all) => fn(all[i]!), about: `${about}(${i})` };
  };
  /** Another shape of the same values. */
  const moved = (about: string, i: number, shape: Shape, fn: (x: Tensor) => Tensor): Value => ({
    ...values[i]!,
    shape,
    make: (all) => fn(all[i]!),
    about: `${about}(${i})`,
  });
  const isFloat = ({ kind }: Value): boolean => kind === 'float';
  const isNumber = ({ kind }: Value): boolean => kind !== 'bool';
  const hasAxes = ({ shape }: Value): boolean => shape.length > 0;

  switch (isSmooth ? random.pick(SMOOTH) : random.below(32)) {
    case 0:
    case 1:
    case 2: {
      const i = of(isFloat)!;
      const j = of((value) => isFloat(value) && compatible(values[i]!.shape, value.shape));
      if (j === null) return null;
      const [a, b] = [values[i]!, values[j]!];
      const op = random.pick(
        isSmooth
          ? (['add', 'sub', 'mul', 'add', 'mul'] as const)
          : (['add', 'sub', 'mul', 'maximum', 'minimum'] as const),
      );
      const bits =
        op === 'mul'
          ? a.bits + b.bits
          : op === 'add' || op === 'sub'
            ? Math.max(a.bits, b.bits) + 3
            : Math.max(a.bits, b.bits);
      return {
        shape: broadcast(a.shape, b.shape),
        kind: 'float',
        bits: bits > EXACT_BITS ? ROUNDED : bits,
        make: (all) => tf[op](all[i]!, all[j]!),
        about: `${op}(${i},${j})`,
      };
    }
    case 3:
      return random.chance(0.5)
        ? unary('neg', tf.neg, isFloat, (b) => b)
        : unary('relu', tf.relu, isFloat, (b) => b);
    case 4:
      return unary('tanh', tf.tanh, isFloat, () => ROUNDED);
    case 5:
      return unary('sigmoid', tf.sigmoid, isFloat, () => ROUNDED);
    case 6: {
      const factor = random.pick([0, 1, -1, 2, 0.5]);
      return unary(
        `mul${factor}`,
        (x) => tf.mul(x, factor),
        isFloat,
        (b) => (b + 1 > EXACT_BITS ? ROUNDED : b + 1),
      );
    }
    case 7:
    case 8:
    case 9: {
      const i = of((value) => isFloat(value) && hasAxes(value));
      if (i === null) return null;
      const x = values[i]!;
      const axes = permutation(random, x.shape.length).slice(0, 1 + random.below(x.shape.length));
      const keep = random.chance(0.5);
      const op = random.pick(
        isSmooth ? (['sum', 'mean', 'sum'] as const) : (['sum', 'mean', 'max', 'min'] as const),
      );
      const shape = keep
        ? x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
        : x.shape.filter((_, axis) => !axes.includes(axis));
      const count = sizeOf(axes.map((axis) => x.shape[axis]!));
      const bits = op === 'mean' ? ROUNDED : op === 'sum' ? x.bits + Math.ceil(Math.log2(count)) : x.bits;
      return {
        shape,
        kind: 'float',
        bits: bits > EXACT_BITS ? ROUNDED : bits,
        make: (all) => tf[op](all[i]!, axes, keep),
        about: `${op}[${axes.join()}]${keep ? 'k' : ''}(${i})`,
      };
    }
    case 10:
    case 11: {
      const i = of((value) => value.shape.length > 1 && isNumber(value));
      if (i === null) return null;
      const perm = permutation(random, values[i]!.shape.length);
      return moved(
        `transpose[${perm.join()}]`,
        i,
        perm.map((axis) => values[i]!.shape[axis]!),
        (x) => tf.transpose(x, perm),
      );
    }
    case 12:
    case 13: {
      const i = of(() => true)!;
      const shape = otherShape(random, sizeOf(values[i]!.shape));
      return moved(`reshape[${shape.join()}]`, i, shape, (x) => tf.reshape(x, shape));
    }
    case 14: {
      const i = of((value) => hasAxes(value) && isNumber(value));
      if (i === null) return null;
      const begin = values[i]!.shape.map((dim) => random.below(dim));
      const size = values[i]!.shape.map((dim, axis) => 1 + random.below(dim - begin[axis]!));
      return moved(`slice[${begin.join()};${size.join()}]`, i, size, (x) => tf.slice(x, begin, size));
    }
    case 15: {
      const i = of((value) => hasAxes(value) && isFloat(value));
      if (i === null) return null;
      const a = values[i]!;
      const axis = random.below(a.shape.length);
      const j = of(
        (value) =>
          isFloat(value) &&
          value.shape.length === a.shape.length &&
          value.shape.every((dim, k) => k === axis || dim === a.shape[k]),
      )!;
      const parts = random.chance(0.3) ? [i, j, i] : [i, j];
      const length = parts.reduce((sum, part) => sum + values[part]!.shape[axis]!, 0);
      const shape = a.shape.with(axis, length);
      if (sizeOf(shape) > MAX_ELEMENTS) return null;
      return {
        shape,
        kind: 'float',
        bits: Math.max(a.bits, values[j]!.bits),
        make: (all) =>
          tf.concat(
            parts.map((part) => all[part]!),
            axis,
          ),
        about: `concat${axis}(${parts.join()})`,
      };
    }
    case 16:
    case 17: {
      const i = of((value) => isFloat(value) && value.shape.length >= 2);
      if (i === null) return null;
      const a = values[i]!;
      const [turnA, turnB] = [random.chance(0.5), random.chance(0.5)];
      const k = a.shape.at(turnA ? -2 : -1)!;
      const j = of(
        (value) =>
          isFloat(value) &&
          value.shape.length === a.shape.length &&
          value.shape.at(turnB ? -1 : -2) === k &&
          value.shape.slice(0, -2).every((dim, axis) => dim === a.shape[axis]),
      );
      if (j === null) return null;
      const b = values[j]!;
      const shape = [...a.shape.slice(0, -2), a.shape.at(turnA ? -1 : -2)!, b.shape.at(turnB ? -2 : -1)!];
      if (sizeOf(shape) > MAX_ELEMENTS) return null;
      const bits = a.bits + b.bits + Math.ceil(Math.log2(k));
      return {
        shape,
        kind: 'float',
        bits: bits > EXACT_BITS ? ROUNDED : bits,
        make: (all) => tf.matMul(all[i]!, all[j]!, turnA, turnB),
        about: `matMul${turnA ? 'T' : ''}${turnB ? 'T' : ''}(${i},${j})`,
      };
    }
    case 18: {
      const i = of((value) => isFloat(value) && hasAxes(value) && value.shape.at(-1)! > 1);
      if (i === null) return null;
      const { shape } = values[i]!;
      const width = shape.at(-1)!;
      const fn = random.pick<readonly [string, (x: Tensor) => Tensor]>([
        ['softmax', (x) => tf.softmax(x)],
        ['logSoftmax', (x) => tf.logSoftmax(x)],
        ['rmsNorm', (x) => rmsNorm(x, tf.ones([width]))],
        ['layerNorm', (x) => layerNorm(x, tf.ones([width]), tf.zeros([width]))],
      ]);
      return { ...values[i]!, bits: ROUNDED, make: (all) => fn[1](all[i]!), about: `${fn[0]}(${i})` };
    }
    case 19: {
      const i = of((value) => isFloat(value) && hasAxes(value));
      if (i === null) return null;
      const pads = values[i]!.shape.map((): [number, number] => [random.below(2), random.below(3)]);
      const shape = values[i]!.shape.map((dim, axis) => dim + pads[axis]![0] + pads[axis]![1]);
      if (sizeOf(shape) > MAX_ELEMENTS) return null;
      return moved(`pad${JSON.stringify(pads)}`, i, shape, (x) => tf.pad(x, pads));
    }
    case 20: {
      const i = of((value) => isFloat(value) && hasAxes(value));
      if (i === null) return null;
      const axis = random.below(values[i]!.shape.length);
      const [exclusive, reverse] = [random.chance(0.5), random.chance(0.5)];
      const bits = values[i]!.bits + Math.ceil(Math.log2(values[i]!.shape[axis]!));
      return {
        ...values[i]!,
        bits: bits > EXACT_BITS ? ROUNDED : bits,
        make: (all) => tf.cumsum(all[i]!, axis, exclusive, reverse),
        about: `cumsum${axis}${exclusive ? 'e' : ''}${reverse ? 'r' : ''}(${i})`,
      };
    }
    case 21: {
      const i = of((value) => isFloat(value) && hasAxes(value));
      if (i === null) return null;
      const { shape } = values[i]!;
      const axis = random.below(shape.length);
      const rows = Array.from({ length: 1 + random.below(5) }, () => random.below(shape[axis]!));
      const picked = shape.with(axis, rows.length);
      return moved(`gather${axis}[${rows.join()}]`, i, picked, (x) =>
        tf.gather(x, tf.tensor1d(rows, 'int32'), axis),
      );
    }
    case 22:
    case 23: {
      const i = of((value) => isFloat(value) && exact(value));
      if (i === null) return null;
      const j = of((value) => isFloat(value) && exact(value) && compatible(values[i]!.shape, value.shape));
      if (j === null) return null;
      const op = random.pick(['greater', 'greaterEqual', 'less', 'equal', 'notEqual'] as const);
      return {
        shape: broadcast(values[i]!.shape, values[j]!.shape),
        kind: 'bool',
        bits: 1,
        make: (all) => tf[op](all[i]!, all[j]!),
        about: `${op}(${i},${j})`,
      };
    }
    case 24: {
      const i = of(({ kind }) => kind === 'bool');
      if (i === null) return null;
      const { shape } = values[i]!;
      const j = of(
        (value) =>
          isFloat(value) &&
          compatible(shape, value.shape) &&
          broadcast(shape, value.shape).length === shape.length &&
          broadcast(shape, value.shape).every((dim, axis) => dim === shape[axis]),
      );
      if (j === null) return null;
      const other = random.pick([0, 1, -1]);
      return {
        shape,
        kind: 'float',
        bits: values[j]!.bits,
        make: (all) => tf.where(all[i]!, tf.broadcastTo(all[j]!, [...shape]), tf.fill([...shape], other)),
        about: `where(${i},${j},${other})`,
      };
    }
    case 25: {
      const i = of((value) => exact(value));
      if (i === null) return null;
      const dtype = random.pick(['int32', 'float32', 'bool'] as const);
      const kind = ({ int32: 'int', float32: 'float', bool: 'bool' } as const)[dtype];
      return { ...values[i]!, kind, make: (all) => tf.cast(all[i]!, dtype), about: `cast${dtype}(${i})` };
    }
    case 26: {
      const i = of(({ kind }) => kind === 'int');
      if (i === null) return null;
      const j = of(({ kind, shape }) => kind === 'int' && compatible(values[i]!.shape, shape));
      if (j === null) return null;
      const op = random.pick(['add', 'sub', 'maximum', 'minimum', 'mod', 'floorDiv'] as const);
      const bits = Math.max(values[i]!.bits, values[j]!.bits) + 1;
      // Of zeros as divisors everybody makes something else.
      const safe = (x: Tensor): Tensor =>
        op === 'mod' || op === 'floorDiv'
          ? tf.where(tf.equal(x, tf.scalar(0, 'int32')), tf.fill(x.shape, -3, 'int32'), x)
          : x;
      return {
        shape: broadcast(values[i]!.shape, values[j]!.shape),
        kind: 'int',
        bits,
        make: (all) => tf[op](all[i]!, safe(all[j]!)),
        about: `${op}Int(${i},${j})`,
      };
    }
    case 27: {
      const i = of((value) => isFloat(value) && exact(value) && hasAxes(value));
      if (i === null) return null;
      const axis = random.below(values[i]!.shape.length);
      const op = random.pick(['argMax', 'argMin'] as const);
      return {
        shape: values[i]!.shape.filter((_, k) => k !== axis),
        kind: 'int',
        bits: 8,
        make: (all) => tf[op](all[i]!, axis),
        about: `${op}${axis}(${i})`,
      };
    }
    case 28: {
      const op = random.pick(['floor', 'ceil', 'round', 'sign', 'abs'] as const);
      return unary(
        op,
        tf[op],
        (value) => isFloat(value) && exact(value),
        (b) => b,
      );
    }
    case 29: {
      const i = of((value) => value.kind === 'int' && sizeOf(value.shape) < 200);
      if (i === null) return null;
      const depth = 2 + random.below(4);
      return {
        shape: [...values[i]!.shape, depth],
        kind: 'float',
        bits: 4,
        make: (all) => tf.oneHot(tf.cast(all[i]!, 'int32'), depth, 1, 0, 'float32'),
        about: `oneHot${depth}(${i})`,
      };
    }
    case 30: {
      const i = of((value) => isNumber(value) && hasAxes(value) && sizeOf(value.shape) < 500);
      if (i === null) return null;
      const reps = values[i]!.shape.map(() => 1 + random.below(2));
      return moved(
        `tile[${reps.join()}]`,
        i,
        values[i]!.shape.map((dim, axis) => dim * reps[axis]!),
        (x) => tf.tile(x, reps),
      );
    }
    default: {
      const i = of((value) => isFloat(value) && value.shape.length === 2);
      if (i === null) return null;
      const [rows, channels] = values[i]!.shape as [number, number];
      const batch = random.pick([1, 2, 3].filter((n) => rows % n === 0));
      return {
        ...values[i]!,
        bits: ROUNDED,
        make: (all) => causalConv(all[i]!, tf.fill([3, channels], 0.5), batch),
        about: `causalConv${batch}(${i})`,
      };
    }
  }
}

/** @param isSmooth of differentiable operations alone, with gradients by its inputs among its results */
export function randomProgram(seed: number, isSmooth: boolean): RandomProgram {
  const random = randomOf(seed);
  const dims = [1, 2, 3, 4, 5, 7, 16];
  const shapes: Shape[] = Array.from({ length: 3 }, (_, i) =>
    i === 0 || random.chance(0.5) ? Array.from({ length: 1 + random.below(3) }, () => random.pick(dims)) : [],
  );
  // Shapes that go together: one that broadcasts to the first, and one with its axes changed.
  shapes.push(shapes[0]!.map((dim) => (random.chance(0.5) ? dim : 1)));
  shapes.push(permutation(random, shapes[0]!.length).map((axis) => shapes[0]![axis]!));
  const specs = shapes.map((shape, i): TensorSpec => ({ name: `x${i}`, shape, dtype: 'float32' }));
  const inputs = Object.fromEntries(
    specs.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, () => (random.below(17) - 8) / 4),
    ]),
  );
  const values: Value[] = specs.map(({ name, shape }, i) => ({
    shape,
    kind: 'float',
    bits: 5,
    make: (all) => all[i]!,
    about: `${name}[${shape.join()}]`,
  }));
  const target = values.length + 4 + random.below(14);
  for (let tries = 0; values.length < target && tries < 400; tries++) {
    const value = grow(random, values, isSmooth);
    if (value !== null && sizeOf(value.shape) <= MAX_ELEMENTS && value.shape.length <= 5) values.push(value);
  }
  const results = [
    values.length - 1,
    ...Array.from({ length: 1 + random.below(3) }, () => random.below(values.length)),
  ];
  const compute = (tensors: Tensors): Tensor[] => {
    const all = specs.map(({ name }) => tensors[name]!);
    for (const { make } of values.slice(specs.length)) all.push(make(all));
    return results.map((i) => all[i]!);
  };
  const about = `seed ${seed}: ${values.map((value, i) => `${i}=${value.about}:${value.shape.join('x')}`).join(' ')} -> ${results.join()}`;
  const fn = (tensors: Tensors): Record<string, Tensor> => {
    const ys = compute(tensors).map((y, i) => [`y${i}`, y] as const);
    if (!isSmooth) return Object.fromEntries(ys);
    const gradients = tf.grads((...xs) => {
      const named = Object.fromEntries(specs.map(({ name }, i) => [name, xs[i]!]));
      return compute(named)
        .map((y, i) => tf.sum(tf.mul(tf.mul(y, y), 0.25 + i)))
        .concat(xs.map((x) => tf.sum(tf.mul(x, 0.5))))
        .reduce((sum, y) => tf.add(sum, y));
    })(specs.map(({ name }) => tensors[name]!));
    return Object.fromEntries([
      ...ys,
      ...specs.map(({ name }, i) => [`gradient/${name}`, gradients[i]!] as const),
    ]);
  };
  return { program: { inputs: specs, fn }, inputs, about };
}
