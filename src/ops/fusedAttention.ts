/** Attention with its backward pass written out, and in blocks of queries where it is causal: what the engine trains. */
import { tf, type Tensor } from './tf.js';
import { addMask, swapTimeAndHeads } from './attention.js';

/** Shorter blocks cost more in operations than the keys left out save (measured: docs/performance.md). */
const MIN_BLOCK = 128;
const MAX_BLOCKS = 4;

/** Into how many blocks of equal length causal attention divides its queries. */
export function queryBlocks(contextLength: number): number {
  let blocks = MAX_BLOCKS;
  while (blocks > 1 && (contextLength % blocks !== 0 || contextLength / blocks < MIN_BLOCK)) blocks--;
  return blocks;
}

/** Queries [from, to) with the keys that they may see: all, or those before `to`. */
interface Block {
  readonly from: number;
  readonly to: number;
  readonly keys: number;
}

function blocksOf(queries: number, keys: number, count: number): Block[] {
  if (count === 1) return [{ from: 0, to: queries, keys }];
  const length = queries / count;
  return Array.from({ length: count }, (_, i) => ({
    from: i * length,
    to: (i + 1) * length,
    keys: (i + 1) * length,
  }));
}

/** Rows [from, to) of the first dimension, which is time. */
function rows(x: Tensor, from: number, to: number): Tensor {
  return to - from === x.shape[0] ? x : tf.slice(x, from, to - from);
}

/** The part of a mask ([queries, keys] or [nHeads, queries, keys]) that a block sees. */
function maskOf(mask: Tensor, { from, to, keys }: Block): Tensor {
  const [queriesBefore, keysBefore] = mask.shape.slice(-2) as [number, number];
  if (to - from === queriesBefore && keys === keysBefore) return mask;
  const size = [...mask.shape.slice(0, -2), to - from, keys];
  return tf.slice(mask, [...mask.shape.slice(0, -2).map(() => 0), from, 0], size);
}

/** Zeros after the rows that there are, up to `length`. */
function padded(x: Tensor, length: number): Tensor {
  return x.shape[0] === length
    ? x
    : tf.pad(x, [[0, length - x.shape[0]], ...x.shape.slice(1).map((): [number, number] => [0, 0])]);
}

/** [time, heads, dHead] to [heads, dHead, time], and back from there. */
const columns = (x: Tensor): Tensor => tf.transpose(x, [1, 2, 0]);
const fromColumns = (x: Tensor): Tensor => tf.transpose(x, [2, 0, 1]);

/** Heads narrower than a vector register: products with them are faster the other way round, time being their columns. */
const NARROW = 16;

/** `weights x` of each head. @param weights [heads, queries, keys], x [keys, heads, dHead] @returns [queries, heads, dHead] */
const weightedSum = (weights: Tensor, x: Tensor): Tensor =>
  x.shape[2]! < NARROW
    ? fromColumns(tf.matMul(columns(x), weights, false, true))
    : swapTimeAndHeads(tf.matMul(weights, swapTimeAndHeads(x)));

/** `weights^T x` of each head, as `(x^T weights)^T`: it is x that is transposed, not the larger weights. */
const spread = (weights: Tensor, x: Tensor): Tensor => fromColumns(tf.matMul(columns(x), weights));

const inTime = (parts: Tensor[]): Tensor => (parts.length === 1 ? parts[0]! : tf.concat(parts, 0));
const total = (parts: Tensor[]): Tensor => parts.reduce((sum, part) => tf.add(sum, part));

/**
 * `softmax(scale q k^T + mask) v`. In the backward pass rowsum(P * dP) = rowsum(dO * O), which is dHead wide instead of
 * contextLength wide (Dao et al. 2022, appendix B).
 * @param q,k,v [time, heads, dHead]
 * @param blockCount of queries, each with the keys up to its last query; more than 1 only under a causal mask
 * @returns [time, heads, dHead]
 */
export function attendFused(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | null,
  scale: number,
  blockCount: number,
): Tensor {
  const scaled = (x: Tensor): Tensor => (scale === 1 ? x : tf.mul(x, scale));
  const blocks = blocksOf(q.shape[0], k.shape[0], blockCount);
  return tf.customGrad((...args) => {
    const [q, k, v] = args as [Tensor, Tensor, Tensor];
    const scoreMask = mask === null ? [] : [args[3] as Tensor];
    const save = args.at(-1) as unknown as (tensors: Tensor[]) => void;
    const probabilities = blocks.map((block) => {
      const [queries, keys] = [rows(q, block.from, block.to), rows(k, 0, block.keys)].map(swapTimeAndHeads);
      const scores = tf.matMul(scaled(queries!), keys!, false, true);
      return tf.softmax(scoreMask.reduce((sum, mask) => addMask(sum, maskOf(mask, block)), scores));
    });
    const output = inTime(blocks.map(({ keys }, i) => weightedSum(probabilities[i]!, rows(v, 0, keys))));
    save([q, k, v, output, ...probabilities, ...scoreMask]);
    return {
      value: output,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [q, k, v, output] = saved as [Tensor, Tensor, Tensor, Tensor];
        const mask = saved[4 + blocks.length];
        const rowSums = tf.sum(tf.mul(dy, output), 2, true);
        const parts = blocks.map((block, i) => {
          const ofBlock = (x: Tensor): Tensor => rows(x, block.from, block.to);
          const seen = (x: Tensor): Tensor => rows(x, 0, block.keys);
          const [dyHeads, vHeads, rowSumsOfHeads] = [ofBlock(dy), seen(v), ofBlock(rowSums)].map(
            swapTimeAndHeads,
          ) as [Tensor, Tensor, Tensor];
          const probabilities = saved[4 + i]!;
          const dProbabilities = tf.matMul(dyHeads, vHeads, false, true);
          const dScores = tf.mul(probabilities, tf.sub(dProbabilities, rowSumsOfHeads));
          return {
            dq: weightedSum(dScores, scaled(seen(k))),
            dk: padded(spread(dScores, scaled(ofBlock(q))), k.shape[0]),
            dv: padded(spread(probabilities, ofBlock(dy)), k.shape[0]),
            dScores,
          };
        });
        return [
          inTime(parts.map(({ dq }) => dq)),
          total(parts.map(({ dk }) => dk)),
          total(parts.map(({ dv }) => dv)),
          ...(mask === undefined
            ? []
            : [
                maskGradient(
                  parts.map(({ dScores }) => dScores),
                  mask,
                ),
              ]),
        ];
      },
    };
  })(q, k, v, ...(mask === null ? [] : [mask]));
}

/** The blocks' score gradients summed over sequences, zeros where a block left keys out. */
function maskGradient(dScores: readonly Tensor[], mask: Tensor): Tensor {
  const keysOfMask = mask.shape.at(-1)!;
  const nHeads = mask.rank === 2 ? 1 : mask.shape[0];
  const parts = dScores.map((block) => {
    const [heads, queries, keys] = block.shape as [number, number, number];
    const summed = tf.sum(tf.reshape(block, [heads / nHeads, nHeads, queries, keys]), 0);
    return tf.pad(summed, [
      [0, 0],
      [0, 0],
      [0, keysOfMask - keys],
    ]);
  });
  return tf.reshape(parts.length === 1 ? parts[0]! : tf.concat(parts, 1), mask.shape);
}
