/** Rows with a known answer: at every budget the loss is exactly a parabola in ln(FLOPs per token) with its vertex on a power law. */
import type { FitRow } from '../../src/fit/row.js';

export interface Truth {
  readonly arch: string;
  readonly positions?: string;
  /** Loss at optimal size: a (C / 1e12)^-k. */
  readonly a: number;
  readonly k: number;
  /** Optimal FLOPs per token: 1e5 (C / 1e12)^sizeExponent. */
  readonly sizeExponent?: number;
  readonly curvature?: number;
  readonly matmulShare?: number;
  /** FLOPs a second, for timings on `hardware`. */
  readonly flopsPerSecond?: number;
  readonly hardware?: string;
}

export interface Design {
  readonly budgets: readonly number[];
  /** Sizes as factors of the FLOPs per token that are best at 1e12. */
  readonly sizes: readonly number[];
  readonly seeds: readonly number[];
}

/** Optimal loss of the truth. */
export function optimalLoss(truth: Truth, flops: number): number {
  return truth.a * (flops / 1e12) ** -truth.k;
}

/** `noise(seed, budget, size index)` is added to the loss. */
export function syntheticRows(
  truth: Truth,
  design: Design,
  noise: (seed: number, budget: number, size: number) => number = () => 0,
): FitRow[] {
  const { arch, positions = 'absolute', sizeExponent = 0.5, curvature = 0.2, matmulShare = 0.8 } = truth;
  return design.budgets.flatMap((budget) =>
    design.sizes.flatMap((factor, size) =>
      design.seeds.map((seed): FitRow => {
        const flopsPerToken = 1e5 * factor;
        const best = 1e5 * (budget / 1e12) ** sizeExponent;
        const id = `${arch}-${positions}-${budget}-${size}-${seed}`;
        const tokens = budget / flopsPerToken;
        const steps = tokens / 1024;
        return {
          id,
          sweep: 'synthetic',
          arch,
          positions,
          seed,
          trunk: id,
          dModel: 16 * (size + 1),
          nLayers: 2,
          paramsTotal: flopsPerToken / 3,
          paramsNonEmbedding: flopsPerToken / 6,
          paramsActive: flopsPerToken / 3,
          tokens,
          steps,
          flops: budget,
          flopsMatmul: budget * matmulShare,
          budgetFlops: budget,
          secondsPerStep: truth.flopsPerSecond === undefined ? null : budget / truth.flopsPerSecond / steps,
          hardware: truth.flopsPerSecond === undefined ? null : (truth.hardware ?? 'test machine'),
          lossNats:
            optimalLoss(truth, budget) +
            curvature * Math.log(flopsPerToken / best) ** 2 +
            noise(seed, budget, size),
          bitsPerByte: null,
          status: 'done',
        };
      }),
    ),
  );
}
