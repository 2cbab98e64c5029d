/** Loss as a sum of an irreducible part and power laws, in log-sum-exp form, and the objectives it is fitted by. */
import type { Objective } from './lbfgs.js';

/**
 * What a fit minimises, over rows with weight w:
 * - `huber`: sum of w Huber(ln predicted - ln observed), delta 1e-3 unless told (Hoffmann et al. 2022);
 * - `asymmetric`: mean of w |predicted - observed|, times 10 where the prediction exceeds the observation;
 * - `leastSquares`: sum of w (predicted - observed)^2;
 * - `logLeastSquares`: sum of w (ln predicted - ln observed)^2.
 */
export type ObjectiveKind = 'huber' | 'asymmetric' | 'leastSquares' | 'logLeastSquares';

/** Weight of a prediction above its observation under `asymmetric`. */
export const OVERSHOOT_WEIGHT = 10;

/** Rows of a fit: (ln x - centre) / scale of each term, loss and weight. Exponents are in units of 1 / scale. */
export interface PowerSumData {
  readonly logX: readonly Float64Array[];
  readonly scales: readonly number[];
  readonly loss: Float64Array;
  readonly logLoss: Float64Array;
  readonly weight: Float64Array;
}

/**
 * Parameters of L = exp(e) + sum over terms of exp(c_t - alpha_t ln x_t), in the order e, c_1, alpha_1, c_2, alpha_2 ...
 */
export type PowerSumParameters = Float64Array;

/** ln of the predicted loss of one row, and the share of each part in it (the irreducible part first). */
export function predictLog(
  parameters: PowerSumParameters,
  logX: readonly number[],
  shares?: Float64Array,
): number {
  let largest = parameters[0]!;
  for (let t = 0; t < logX.length; t++) {
    largest = Math.max(largest, parameters[1 + 2 * t]! - parameters[2 + 2 * t]! * logX[t]!);
  }
  let sum = Math.exp(parameters[0]! - largest);
  if (shares) shares[0] = sum;
  for (let t = 0; t < logX.length; t++) {
    const part = Math.exp(parameters[1 + 2 * t]! - parameters[2 + 2 * t]! * logX[t]! - largest);
    if (shares) shares[t + 1] = part;
    sum += part;
  }
  if (shares) for (let t = 0; t <= logX.length; t++) shares[t]! /= sum;
  return largest + Math.log(sum);
}

export interface ObjectiveOptions {
  readonly kind: ObjectiveKind;
  /** Huber threshold on log loss. */
  readonly delta: number;
  /** Half-width of the parabola that rounds the corner of `asymmetric`; 0 is the objective itself. */
  readonly smoothing?: number;
  /** Which parameters may move; the others keep their start. */
  readonly free?: readonly boolean[];
}

/** Value and analytic gradient of an objective. */
export function powerSumObjective(data: PowerSumData, options: ObjectiveOptions): Objective {
  const { logX, loss, logLoss, weight } = data;
  const { kind, delta, smoothing = 0, free } = options;
  const nTerms = logX.length;
  const n = loss.length;
  const parts = new Float64Array(nTerms);
  // One division by n makes `asymmetric` the mean that it is defined as.
  const scale = kind === 'asymmetric' ? 1 / n : 1;

  return (parameters, gradient) => {
    gradient.fill(0);
    let total = 0;
    const irreducible = Math.exp(parameters[0]!);
    for (let i = 0; i < n; i++) {
      if (weight[i] === 0) continue;
      // Plain sums of exponentials: x is centred, so they are of the size of a loss. A step so wild that they overflow
      // gives a value that is not finite, from which the line search walks back.
      let predicted = irreducible;
      for (let t = 0; t < nTerms; t++) {
        const part = Math.exp(parameters[1 + 2 * t]! - parameters[2 + 2 * t]! * logX[t]![i]!);
        parts[t] = part;
        predicted += part;
      }
      let value: number;
      // Derivative of the row's value with respect to the predicted loss.
      let slope: number;
      switch (kind) {
        case 'huber': {
          const r = Math.log(predicted) - logLoss[i]!;
          const size = Math.abs(r);
          value = size <= delta ? 0.5 * r * r : delta * (size - 0.5 * delta);
          slope = (size <= delta ? r : delta * Math.sign(r)) / predicted;
          break;
        }
        case 'logLeastSquares': {
          const r = Math.log(predicted) - logLoss[i]!;
          value = r * r;
          slope = (2 * r) / predicted;
          break;
        }
        case 'leastSquares': {
          const r = predicted - loss[i]!;
          value = r * r;
          slope = 2 * r;
          break;
        }
        case 'asymmetric': {
          const r = predicted - loss[i]!;
          const side = r > 0 ? OVERSHOOT_WEIGHT : 1;
          const size = Math.abs(r);
          value = side * (size < smoothing ? (0.5 * r * r) / smoothing : size - 0.5 * smoothing);
          slope = side * (size < smoothing ? r / smoothing : Math.sign(r));
          break;
        }
        default:
          return kind satisfies never;
      }
      const w = weight[i]! * scale;
      total += w * value;
      const g = w * slope;
      gradient[0]! += g * irreducible;
      for (let t = 0; t < nTerms; t++) {
        const part = g * parts[t]!;
        gradient[1 + 2 * t]! += part;
        gradient[2 + 2 * t]! -= part * logX[t]![i]!;
      }
    }
    if (free) for (let k = 0; k < gradient.length; k++) if (!free[k]) gradient[k] = 0;
    return total;
  };
}
