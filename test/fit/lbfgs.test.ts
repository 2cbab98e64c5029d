import { describe, expect, it } from 'vitest';
import { minimise } from '../../src/fit/lbfgs.js';

describe('minimise', () => {
  it('finds the minimum of Rosenbrock in 10 dimensions', () => {
    const { x, value, converged } = minimise((p, gradient) => {
      gradient.fill(0);
      let sum = 0;
      for (let i = 0; i + 1 < p.length; i++) {
        const a = p[i + 1]! - p[i]! ** 2;
        const b = 1 - p[i]!;
        sum += 100 * a * a + b * b;
        gradient[i]! += -400 * a * p[i]! - 2 * b;
        gradient[i + 1]! += 200 * a;
      }
      return sum;
    }, new Float64Array(10).fill(-1.2));
    expect(converged).toBe(true);
    expect(value).toBeLessThan(1e-20);
    for (const coordinate of x) expect(coordinate).toBeCloseTo(1, 9);
  });

  it('solves an ill-conditioned quadratic', () => {
    const scales = [1, 1e3, 1e6];
    const { x } = minimise(
      (p, gradient) => {
        p.forEach((v, i) => (gradient[i] = scales[i]! * (v - i)));
        return p.reduce((sum, v, i) => sum + 0.5 * scales[i]! * (v - i) ** 2, 0);
      },
      Float64Array.of(50, -50, 50),
    );
    x.forEach((v, i) => expect(v).toBeCloseTo(i, 6));
  });

  it('walks back from where the objective is not a number', () => {
    const { x } = minimise((p, gradient) => {
      gradient[0] = 1 / (2 * Math.sqrt(p[0]!)) - 1 / p[0]!;
      return Math.sqrt(p[0]!) - Math.log(p[0]!);
    }, Float64Array.of(0.01));
    // d/dx: 1 / (2 sqrt x) = 1 / x at x = 4.
    expect(x[0]).toBeCloseTo(4, 6);
  });

  it('leaves a parameter alone that is held at -Infinity', () => {
    const { x } = minimise(
      (p, gradient) => {
        gradient[0] = 0;
        gradient[1] = 2 * (p[1]! - 3);
        return Math.exp(p[0]!) + (p[1]! - 3) ** 2;
      },
      Float64Array.of(-Infinity, 0),
    );
    expect([...x]).toEqual([-Infinity, expect.closeTo(3, 9)]);
  });
});
