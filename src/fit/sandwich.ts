/** Covariance of an M-estimate of the parametric form: H^-1 M H^-1 (Huber 1967), from per-row gradients. */
import type { ParametricProblem } from './parametric.js';
import { fixedParameters } from './parametric.js';
import { predictLog, type PowerSumParameters } from './powerSum.js';
import { solve } from './powerSumFit.js';

/**
 * Covariance of (ln E, ln A, alpha, ln B, beta); rows and columns of parameters held are 0. Null for the asymmetric
 * objective, whose slope jumps at every row, and where the rows do not determine the parameters.
 */
export function sandwichCovariance(
  { data, centres, spec }: ParametricProblem,
  parameters: PowerSumParameters,
): number[][] | null {
  if (spec.objective === 'asymmetric') return null;
  const fixed = fixedParameters({ data, centres, spec });
  const free = Array.from(parameters, (_, k) => k).filter((k) => !fixed.has(k));
  const n = free.length;
  const hessian = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const meat = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const shares = new Float64Array(3);
  for (let i = 0; i < data.loss.length; i++) {
    const x = [data.logX[0]![i]!, data.logX[1]![i]!];
    const logPredicted = predictLog(parameters, x, shares);
    const jacobian = [shares[0]!, shares[1]!, -shares[1]! * x[0]!, shares[2]!, -shares[2]! * x[1]!];
    // On raw loss the derivative is that of the prediction itself, not of its logarithm.
    const raw = spec.objective === 'leastSquares';
    const predicted = Math.exp(logPredicted);
    const residual = raw ? predicted - data.loss[i]! : logPredicted - data.logLoss[i]!;
    const inside = spec.objective !== 'huber' || Math.abs(residual) <= spec.delta;
    const psi = inside ? residual : spec.delta * Math.sign(residual);
    const w = data.weight[i]!;
    const scale = raw ? predicted : 1;
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < n; b++) {
        const product = jacobian[free[a]!]! * jacobian[free[b]!]! * scale * scale;
        if (inside) hessian[a]![b]! += w * product;
        meat[a]![b]! += (w * psi) ** 2 * product;
      }
    }
  }
  const inverse = Array.from({ length: n }, (_, k) =>
    solve(
      hessian,
      Array.from({ length: n }, (_, i) => (i === k ? 1 : 0)),
    ),
  );
  if (inverse.some((column) => column === null)) return null;
  const h = inverse as number[][];
  const covariance = Array.from({ length: 5 }, () => new Array<number>(5).fill(0));
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      let sum = 0;
      for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) sum += h[a]![i]! * meat[i]![k]! * h[k]![b]!;
      covariance[free[a]!]![free[b]!] = sum;
    }
  }
  // From the search's units to those of the form: alpha = a / scale, ln A = c + alpha centre.
  const jacobian = Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (_, k) => Number(i === k)));
  centres.forEach((centre, t) => {
    jacobian[1 + 2 * t]![2 + 2 * t] = centre / data.scales[t]!;
    jacobian[2 + 2 * t]![2 + 2 * t] = 1 / data.scales[t]!;
  });
  const times = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] =>
    a.map((row) => b[0]!.map((_, k) => row.reduce((sum, value, i) => sum + value * b[i]![k]!, 0)));
  const transposed = jacobian[0]!.map((_, k) => jacobian.map((row) => row[k]!));
  const result = times(times(jacobian, covariance), transposed);
  return result.flat().every(Number.isFinite) ? result : null;
}
