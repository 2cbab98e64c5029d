/** Einsum as matrix products, or as products of elements and their sums, which the passes and the loops over rows know. */
import { parseEinsum } from '../../ops/einsumEquation.js';
import type { GraphBuilder, OnnxValue } from '../onnx/graph.js';
import type { Rule, RuleSet } from '../passes/rewrite.js';
import { sizeOf } from '../tensors.js';

type Letters = readonly string[];

/** A value whose axes have letters. */
interface Lettered {
  readonly value: OnnxValue;
  readonly letters: Letters;
}

const sizesOf = (operands: readonly Lettered[]): Map<string, number> =>
  new Map(
    operands.flatMap(({ value, letters }) => letters.map((letter, axis) => [letter, value.shape[axis]!])),
  );

/** The sums over all letters that are not among those kept. */
function summed(builder: GraphBuilder, { value, letters }: Lettered, kept: Letters): Lettered {
  const axes = letters.flatMap((letter, axis) => (kept.includes(letter) ? [] : [axis]));
  return {
    value: builder.reduce('ReduceSum', value, axes, false),
    letters: letters.filter((letter) => kept.includes(letter)),
  };
}

/** The axes in the order of the letters. */
function arranged(builder: GraphBuilder, { value, letters }: Lettered, order: Letters): OnnxValue {
  const perm = order.map((letter) => letters.indexOf(letter));
  return perm.every((axis, i) => axis === i) ? value : builder.transpose(value, perm);
}

/** The axes in the order of the letters, with ones for those that it has not got. */
function spread(builder: GraphBuilder, operand: Lettered, order: Letters): OnnxValue {
  const own = order.filter((letter) => operand.letters.includes(letter));
  const sizes = sizesOf([operand]);
  return builder.reshape(
    arranged(builder, operand, own),
    order.map((letter) => sizes.get(letter) ?? 1),
  );
}

/** [batch, rows, columns], each of a group of letters; a batch keeps its axes. */
function matrices(
  builder: GraphBuilder,
  operand: Lettered,
  batch: Letters,
  rows: Letters,
  columns: Letters,
): OnnxValue {
  const sizes = sizesOf([operand]);
  const sizesIn = (letters: Letters): number[] => letters.map((letter) => sizes.get(letter)!);
  return builder.reshape(arranged(builder, operand, [...batch, ...rows, ...columns]), [
    ...sizesIn(batch),
    sizeOf(sizesIn(rows)),
    sizeOf(sizesIn(columns)),
  ]);
}

function product(builder: GraphBuilder, a: Lettered, b: Lettered, output: Letters): OnnxValue {
  const sizes = sizesOf([a, b]);
  const sizesIn = (letters: Letters): number[] => letters.map((letter) => sizes.get(letter)!);
  const batch = output.filter((letter) => a.letters.includes(letter) && b.letters.includes(letter));
  const rows = a.letters.filter((letter) => !b.letters.includes(letter));
  const columns = b.letters.filter((letter) => !a.letters.includes(letter));
  const inner = a.letters.filter((letter) => b.letters.includes(letter) && !batch.includes(letter));
  // Without a sum, or of vectors alone, a product of matrices would be a detour; and there is none of whole numbers.
  if (inner.length === 0 || (rows.length === 0 && columns.length === 0) || a.value.dtype !== 'float32') {
    const order = [...output, ...inner];
    const products = builder.binary('Mul', spread(builder, a, order), spread(builder, b, order));
    return summed(builder, { value: products, letters: order }, output).value;
  }
  const y = builder.op(
    'MatMul',
    [matrices(builder, a, batch, rows, inner), matrices(builder, b, batch, inner, columns)],
    { shape: [...sizesIn(batch), sizeOf(sizesIn(rows)), sizeOf(sizesIn(columns))], dtype: a.value.dtype },
  );
  const letters = [...batch, ...rows, ...columns];
  return arranged(builder, { value: builder.reshape(y, sizesIn(letters)), letters }, output);
}

const einsum: Rule = ({ builder, node, inputs }) => {
  const { operands, output } = parseEinsum(node.attrs['equation'] as string);
  const [a, b] = operands.map((letters, i): Lettered => ({ value: inputs[i]!, letters })) as [
    Lettered,
    Lettered?,
  ];
  if (b === undefined) {
    const sums = summed(builder, a, output);
    return [arranged(builder, sums, output)];
  }
  // What one operand alone has and the output has not, is summed up first.
  const own = (x: Lettered, other: Lettered): Lettered => summed(builder, x, [...output, ...other.letters]);
  return [product(builder, own(a, b), own(b, a), output)];
};

export const einsumRules: RuleSet = { Einsum: [einsum] };
