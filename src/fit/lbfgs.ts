/**
 * Limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5) with a line search for the strong Wolfe
 * conditions (3.5 and 3.6). For the handful of parameters of a scaling law; no library of the npm registry that is
 * kept up does it.
 */

/** Value at `x`; writes the gradient into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface MinimiseOptions {
  /** Pairs of steps and gradient changes remembered. */
  readonly memory?: number;
  readonly maxIterations?: number;
  /** Stop where an iteration lowers the value by less than this share of it. */
  readonly relativeTolerance?: number;
}

export interface Minimised {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** Whether it stopped because nothing more was gained, rather than at `maxIterations`. */
  readonly converged: boolean;
}

const SUFFICIENT_DECREASE = 1e-4;
const CURVATURE = 0.9;

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

interface Evaluated {
  readonly step: number;
  readonly value: number;
  readonly slope: number;
  readonly x: Float64Array;
  readonly gradient: Float64Array;
}

/** Minimum of the cubic through two values and slopes, kept away from the ends; the middle where it has none. */
function cubicStep(a: Evaluated, b: Evaluated): number {
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.step - b.step);
  const square = d1 * d1 - a.slope * b.slope;
  const d2 = Math.sign(b.step - a.step) * Math.sqrt(Math.max(0, square));
  const step = b.step - ((b.step - a.step) * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2);
  const low = Math.min(a.step, b.step);
  const width = Math.abs(b.step - a.step);
  return step > low + 0.05 * width && step < low + 0.95 * width ? step : low + width / 2;
}

/** A step along `direction` that satisfies the strong Wolfe conditions, or the best one found; null where nothing is lower. */
function lineSearch(
  objective: Objective,
  from: Evaluated,
  direction: Float64Array,
  first: number,
): Evaluated | null {
  const evaluate = (step: number): Evaluated => {
    const x = from.x.map((value, i) => value + step * direction[i]!);
    const gradient = new Float64Array(x.length);
    const value = objective(x, gradient);
    return {
      step,
      value: Number.isNaN(value) ? Infinity : value,
      slope: dot(gradient, direction),
      x,
      gradient,
    };
  };
  const enough = (at: Evaluated): boolean =>
    at.value <= from.value + SUFFICIENT_DECREASE * at.step * from.slope;
  const flat = (at: Evaluated): boolean => Math.abs(at.slope) <= -CURVATURE * from.slope;

  let low = from;
  let high: Evaluated | null = null;
  let current = evaluate(first);
  for (let i = 0; i < 30 && high === null; i++) {
    if (!enough(current) || (i > 0 && current.value >= low.value)) {
      high = current;
    } else if (flat(current)) {
      return current;
    } else if (current.slope >= 0) {
      high = low;
      low = current;
    } else {
      low = current;
      current = evaluate(2 * current.step);
    }
  }
  for (let i = 0; i < 40 && high !== null; i++) {
    const usable = Number.isFinite(high.value) && Number.isFinite(high.slope);
    current = evaluate(usable ? cubicStep(low, high) : (low.step + high.step) / 2);
    if (!enough(current) || current.value >= low.value) {
      high = current;
    } else {
      if (flat(current)) return current;
      if (current.slope * (high.step - low.step) >= 0) high = low;
      low = current;
    }
    if (Math.abs(high.step - low.step) <= 1e-15 * Math.max(1, low.step)) break;
  }
  return low === from ? null : low;
}

/** Local minimum from `start`. */
export function minimise(
  objective: Objective,
  start: Float64Array,
  options: MinimiseOptions = {},
): Minimised {
  const { memory = 10, maxIterations = 1000, relativeTolerance = 1e-13 } = options;
  const gradient = new Float64Array(start.length);
  const value = objective(start, gradient);
  let current: Evaluated = { step: 0, value, slope: 0, x: start, gradient };
  const history: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  let quiet = 0;
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const direction = current.gradient.map((g) => -g);
    const alphas: number[] = [];
    for (let i = history.length - 1; i >= 0; i--) {
      const { s, y, rho } = history[i]!;
      const alpha = rho * dot(s, direction);
      alphas[i] = alpha;
      for (let k = 0; k < y.length; k++) direction[k]! -= alpha * y[k]!;
    }
    const newest = history.at(-1);
    if (newest) {
      const scale = 1 / (newest.rho * dot(newest.y, newest.y));
      for (let k = 0; k < direction.length; k++) direction[k]! *= scale;
    }
    history.forEach(({ s, y, rho }, i) => {
      const beta = rho * dot(y, direction);
      for (let k = 0; k < s.length; k++) direction[k]! += (alphas[i]! - beta) * s[k]!;
    });

    let slope = dot(current.gradient, direction);
    if (!(slope < 0)) {
      history.length = 0;
      current.gradient.forEach((g, i) => (direction[i] = -g));
      slope = -dot(current.gradient, current.gradient);
      if (slope === 0) return { x: current.x, value: current.value, iterations: iteration, converged: true };
    }
    const from: Evaluated = { ...current, step: 0, slope };
    const first = history.length > 0 ? 1 : Math.min(1, 0.1 / Math.sqrt(-slope));
    const next = lineSearch(objective, from, direction, first);
    if (next === null) {
      // Along a stale direction nothing is lower: forget the past once before giving up.
      if (history.length === 0)
        return { x: current.x, value: current.value, iterations: iteration, converged: true };
      history.length = 0;
      continue;
    }
    // Not the difference of the points: a parameter held at -Infinity (a part that is absent) would make it NaN.
    const s = direction.map((d) => next.step * d);
    const y = next.gradient.map((g, i) => g - current.gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 1e-16 * dot(y, y)) {
      history.push({ s, y, rho: 1 / curvature });
      if (history.length > memory) history.shift();
    }
    const gain = current.value - next.value;
    current = next;
    quiet = gain <= relativeTolerance * Math.abs(next.value) ? quiet + 1 : 0;
    if (quiet >= 3) return { x: current.x, value: current.value, iterations: iteration + 1, converged: true };
  }
  return { x: current.x, value: current.value, iterations: maxIterations, converged: false };
}
