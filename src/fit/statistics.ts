/** Means, deviations and quantiles of plain number arrays. */

/** A list of numbers, plain or typed. */
export type Numbers = readonly number[] | Float64Array;

export function mean(values: Numbers): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Sum of squared deviations from the mean. */
export function sumOfSquares(values: Numbers): number {
  const centre = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - centre) ** 2;
  return sum;
}

/** Sample standard deviation (n - 1); null for fewer than 2 values. */
export function standardDeviation(values: Numbers): number | null {
  return values.length < 2 ? null : Math.sqrt(sumOfSquares(values) / (values.length - 1));
}

/** Quantile of values already sorted, 0 <= p <= 1, linear between order statistics (type 7 of Hyndman and Fan 1996). */
export function quantileSorted(sorted: Numbers, p: number): number {
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  return below + 1 < sorted.length ? low + (position - below) * (sorted[below + 1]! - low) : low;
}

/** Middle of the values, or halfway between the two middle ones; a bootstrap asks for it some 100,000 times. */
export function median(values: Numbers): number {
  const copy = Float64Array.from(values);
  const half = copy.length >> 1;
  const high = select(copy, half);
  if (copy.length % 2 === 1) return high;
  let low = -Infinity;
  for (let i = 0; i < half; i++) if (copy[i]! > low) low = copy[i]!;
  return low + 0.5 * (high - low);
}

/** The value that sorting would put at `k`, with none above it before and none below it behind (Hoare 1961). */
function select(values: Float64Array, k: number): number {
  let [left, right] = [0, values.length - 1];
  while (left < right) {
    const pivot = values[(left + right) >> 1]!;
    let [i, j] = [left, right];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const held = values[i]!;
      values[i++] = values[j]!;
      values[j--] = held;
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else break;
  }
  return values[k]!;
}

/** Smallest and largest of any number of values (a spread argument list ends at about 100,000). */
export function rangeOf(values: Numbers): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
