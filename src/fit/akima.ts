/** Akima's interpolation (Akima 1970): smooth, local, and without the overshoot of splines; for isoFLOP curves that are no parabola. */

/** A piecewise cubic through points by rising x. */
export interface Akima {
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Slope at each point. */
  readonly slopes: readonly number[];
}

/** The interpolant through 3 points or more; slopes beyond the ends continue the last differences (Akima's rule). */
export function akima(x: readonly number[], y: readonly number[]): Akima {
  const n = x.length;
  const inner = Array.from({ length: n - 1 }, (_, i) => (y[i + 1]! - y[i]!) / (x[i + 1]! - x[i]!));
  const first = inner[0]!;
  const second = inner[1] ?? first;
  const last = inner[n - 2]!;
  const lastButOne = inner[n - 3] ?? last;
  const m = [
    3 * first - 2 * second,
    2 * first - second,
    ...inner,
    2 * last - lastButOne,
    3 * last - 2 * lastButOne,
  ];
  const slopes = x.map((_, i) => {
    const [a, b, c, d] = [m[i]!, m[i + 1]!, m[i + 2]!, m[i + 3]!];
    const left = Math.abs(d - c);
    const right = Math.abs(b - a);
    return left + right < 1e-300 ? (b + c) / 2 : (left * b + right * c) / (left + right);
  });
  return { x, y, slopes };
}

/** Cubic coefficients of one interval in t = (X - x_i) / width. */
function cubic({ x, y, slopes }: Akima, i: number): [number, number, number, number] {
  const width = x[i + 1]! - x[i]!;
  const [s0, s1] = [slopes[i]! * width, slopes[i + 1]! * width];
  const rise = y[i + 1]! - y[i]!;
  return [y[i]!, s0, 3 * rise - 2 * s0 - s1, s0 + s1 - 2 * rise];
}

/** Value at X, inside the points. */
export function akimaAt(curve: Akima, X: number): number {
  let i = 0;
  while (i < curve.x.length - 2 && curve.x[i + 1]! < X) i++;
  const t = (X - curve.x[i]!) / (curve.x[i + 1]! - curve.x[i]!);
  const [c0, c1, c2, c3] = cubic(curve, i);
  return c0 + t * (c1 + t * (c2 + t * c3));
}

/** The lowest point of the curve, exact: the ends of each piece and the zeros of its derivative. */
export function akimaMinimum(curve: Akima): { readonly x: number; readonly y: number } {
  let best = { x: curve.x[0]!, y: curve.y[0]! };
  for (let i = 0; i + 1 < curve.x.length; i++) {
    const [c0, c1, c2, c3] = cubic(curve, i);
    const square = c2 * c2 - 3 * c1 * c3;
    // The numerically stable pair of roots of c1 + 2 c2 t + 3 c3 t^2.
    const q = -(c2 + Math.sign(c2 || 1) * Math.sqrt(Math.max(0, square)));
    const candidates = square < 0 ? [1] : [1, q / (3 * c3), c1 / q];
    for (const t of candidates) {
      if (!(t >= 0 && t <= 1)) continue;
      const y = c0 + t * (c1 + t * (c2 + t * c3));
      if (y < best.y) best = { x: curve.x[i]! + t * (curve.x[i + 1]! - curve.x[i]!), y };
    }
  }
  return best;
}
