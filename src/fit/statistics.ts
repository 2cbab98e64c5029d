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

export function median(values: Numbers): number {
  return quantileSorted(Float64Array.from(values).sort(), 0.5);
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
