/**
 * What `analyse` returns: one plain object that survives JSON (no NaN, no Infinity, no undefined).
 * Terms are those of the docs' section on fits; lists are flat and keyed by `arch`, so that they are tables as they stand.
 */
import type { Contrast, Speedup, Verdict } from './comparison.js';
import type { Interval } from './interval.js';

/** The finished runs of one architecture, budget and size; they differ by seed only. */
export interface Cell {
  readonly arch: string;
  readonly positions: string;
  readonly budgetFlops: number;
  /** Label of the size, equal across architectures: `64x2` is dModel 64 with 2 layers. */
  readonly size: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly paramsTotal: number;
  readonly paramsNonEmbedding: number;
  /** Null where the rows do not say. */
  readonly paramsOutput: number | null;
  readonly flopsPerToken: number;
  /** Mean training tokens of the runs. */
  readonly tokens: number;
  /** Mean optimizer steps; null where the rows do not say. */
  readonly steps: number | null;
  /** Mean training FLOPs, and matrix FLOPs (null where the rows do not say). */
  readonly flops: number;
  readonly flopsMatmul: number | null;
  /** Training seconds of a run by the timings of `hardware`; null where the size was not timed. */
  readonly seconds: number | null;
  readonly hardware: string | null;
  readonly runIds: readonly string[];
  readonly seeds: readonly number[];
  /** Loss of each run, in the order of `runIds`. */
  readonly losses: readonly number[];
  /** Mean over seeds, nats per token. */
  readonly lossNats: number;
  /** Sample standard deviation over seeds; null with one seed. */
  readonly lossStandardDeviation: number | null;
  readonly bitsPerByte: number | null;
}

/** The optimum of one architecture at one budget: the vertex of its parabola. */
export interface Optimum {
  readonly flopsPerToken: Interval;
  readonly lossNats: Interval;
  /** Training FLOPs at the optimum (the runs', which spend the budget to within one step). */
  readonly flops: number;
  /** Null where the rows do not say. */
  readonly flopsMatmul: number | null;
  readonly tokens: number;
  /** Interpolated in log size between the sampled sizes. */
  readonly paramsNonEmbedding: number;
  readonly paramsTotal: number;
  /** Training seconds at this size by hardware string; empty where its neighbours were not timed. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** Whether what a fit leaves over is more than noise between seeds explains. */
export interface LackOfFit {
  /** Mean square off the fit over the noise's mean square, and its degrees of freedom. */
  readonly fStatistic: number;
  readonly degreesOfFreedom: readonly [number, number];
  readonly pValue: number;
}

/** Loss against size at one budget for one architecture. */
export interface IsoflopFit {
  readonly arch: string;
  readonly positions: string;
  readonly budgetFlops: number;
  readonly nSizes: number;
  readonly nRuns: number;
  /** Only an accepted optimum enters the frontier and the laws. */
  readonly accepted: boolean;
  /** Why the optimum was not accepted, a sentence; null where it was. */
  readonly reason: string | null;
  /** Things to know about an accepted or a flagged fit, sentences ("The best run has fewer than 200 steps."). */
  readonly flags: readonly string[];
  /** loss = c0 + c1 u + c2 u^2 with u = ln(flopsPerToken) - center; null with fewer than 3 sizes, or under Akima's method. */
  readonly parabola: {
    readonly center: number;
    readonly coefficients: readonly [number, number, number];
  } | null;
  /** Cell means off the parabola against seed noise; null with fewer than 4 sizes or without repeated seeds. */
  readonly lackOfFit: LackOfFit | null;
  /** The fitted curve over the sampled sizes, for drawing; empty where there is none. */
  readonly curve: readonly { readonly flopsPerToken: number; readonly lossNats: number }[];
  /** Null where not accepted. */
  readonly optimum: Optimum | null;
  /** The cell with the lowest mean loss (an observation, not a fit). */
  readonly bestCell: {
    readonly size: string;
    readonly flopsPerToken: number;
    readonly lossNats: number;
    readonly steps: number | null;
  };
}

/** y = coefficient * x^exponent, fitted by least squares in logs. */
export interface PowerLaw {
  readonly coefficient: Interval;
  readonly exponent: Interval;
  /** Points fitted (accepted budgets). */
  readonly nPoints: number;
  /** Measured range of x; a value outside of it is extrapolated. */
  readonly range: readonly [number, number];
  /** Mean of |predicted / observed - 1| over the points fitted. */
  readonly inSampleError: number;
}

/** loss = E + coefficient C^exponent, and whether it describes the optima better than the law without E. */
export interface SaturatingLaw {
  readonly irreducibleLoss: Interval;
  readonly coefficient: Interval;
  readonly exponent: Interval;
  readonly nPoints: number;
  readonly inSampleError: number;
  /** AICc of this law minus that of the plain one; below 0 this one is the better description. Null with 5 points, too few for it. */
  readonly aiccDifference: number | null;
  /** Likelihood-ratio test that E is 0 (half of a chi-squared tail, since E can't be negative); too sure with few points. */
  readonly pValue: number;
  /** The same against the noise between seeds: by how much less the optima lie off this law than off the plain one. */
  readonly noisePValue: number | null;
}

/** What N counts; exponents differ by convention, so each names its own. In imported rows all are the one column given. */
export type ParamsConvention = 'non-embedding plus output matrix' | 'non-embedding' | 'total';

/**
 * How speedups read a frontier: off its power law, or off straight lines in log-log between its optima, where these lie
 * further off the law than seed noise explains (p < 0.01).
 */
export type FrontierReading = 'law' | 'optima';

/** Quality at optimal size against compute, one architecture. */
export interface Frontier {
  readonly arch: string;
  readonly positions: string;
  /** The accepted optima, by rising budget. */
  readonly points: readonly {
    readonly budgetFlops: number;
    readonly flops: number;
    readonly lossNats: Interval;
  }[];
  /** loss = a C^-k: `exponent` is -k, negative where more compute helps. Null with fewer than 2 accepted budgets. */
  readonly law: PowerLaw | null;
  /** Why there is no law, a sentence; null where there is one. */
  readonly reason: string | null;
  /** Optima off the law against their standard errors; null with fewer than 3 budgets or without repeated seeds. */
  readonly lackOfFit: LackOfFit | null;
  readonly reading: FrontierReading;
  /** Only with 5 accepted budgets or more; fewer do not tell an irreducible loss from a slower power. */
  readonly saturating: SaturatingLaw | null;
  /** The line that speedups read, inside its measured range and with its interval, for drawing. */
  readonly band: readonly { readonly flops: number; readonly lossNats: Interval }[];
  /** Power laws of the optimum against compute (FLOPs); null where `law` is null. */
  readonly optimalFlopsPerToken: PowerLaw | null;
  readonly optimalParamsNonEmbedding: PowerLaw | null;
  /** The same by every convention of counting parameters that the rows allow, the default first. */
  readonly optimalParams: readonly { readonly convention: ParamsConvention; readonly law: PowerLaw }[];
  readonly optimalTokens: PowerLaw | null;
}

/** Are the frontiers of one family of positions parallel lines in log-log? */
export interface ParallelTest {
  readonly positions: string;
  /** Architectures with a law, the others have no say. */
  readonly archs: readonly string[];
  /** The exponent (-k) of the fit that shares it, and each architecture's coefficient in that fit. */
  readonly sharedExponent: Interval;
  readonly coefficients: readonly { readonly arch: string; readonly coefficient: Interval }[];
  /** F test of one slope for each architecture against one for all; null without residual degrees of freedom. */
  readonly fStatistic: number | null;
  readonly degreesOfFreedom: readonly [number, number];
  readonly pValue: number | null;
  /** pValue < 0.05; null where there is no test. */
  readonly rejected: boolean | null;
}

/** The law fitted without the largest budgets, asked to predict them. */
export interface HeldOutPrediction {
  readonly arch: string;
  readonly positions: string;
  /** The budget predicted, and the budgets that the law was fitted on. */
  readonly budgetFlops: number;
  readonly fittedBudgets: readonly number[];
  /** The interval includes the noise of the observation. */
  readonly predicted: Interval;
  readonly observed: number;
  /** predicted / observed - 1. */
  readonly relativeError: number;
  /** Mean |relative error| on the budgets fitted, shown beside the held-out one. */
  readonly inSampleError: number;
  /** Whether the interval holds the observed value; null without an interval. */
  readonly covered: boolean | null;
}

/** A fitted value beside its observation, for residual plots against size, tokens and compute. */
export interface Residual {
  readonly runId: string;
  readonly arch: string;
  readonly budgetFlops: number;
  readonly flopsPerToken: number;
  readonly tokens: number;
  readonly flops: number;
  /** Observed minus the isoFLOP curve, nats. */
  readonly residualNats: number;
}

/**
 * The factors again, drawn with the noise between seeds that each family of positions has by itself: all other intervals take
 * one noise for the study.
 */
export interface OwnNoise {
  readonly families: readonly { readonly positions: string; readonly standardDeviation: number }[];
  /** The headline factors in FLOPs; ends may be extrapolated as those of the headline are. */
  readonly factors: readonly {
    readonly arch: string;
    readonly baseline: string;
    readonly factor: Interval;
    readonly verdict: Verdict | null;
  }[];
}

/** Everything the fits say about a set of runs. */
export interface Analysis {
  readonly options: {
    readonly baselines: readonly string[];
    readonly bootstraps: number;
    readonly seed: number;
    readonly isoflopMethod?: 'parabola' | 'akima';
    readonly level: 0.95;
  };
  readonly cells: readonly Cell[];
  readonly isoflop: readonly IsoflopFit[];
  readonly frontier: readonly Frontier[];
  readonly parallel: readonly ParallelTest[];
  /** Every other architecture over each baseline, within a family of positions. */
  readonly speedup: readonly Speedup[];
  /** The comparisons that were asked for in `contrasts`. */
  readonly contrasts: readonly Contrast[];
  readonly heldOut: readonly HeldOutPrediction[];
  readonly residuals: readonly Residual[];
  /** Seed noise pooled over all cells with repeated seeds, nats; null without any, and then no number has an interval. */
  readonly seedNoise: {
    readonly standardDeviation: number;
    readonly degreesOfFreedom: number;
    readonly nCells: number;
  } | null;
  /** The same for differences between architectures at equal seed and data order. */
  readonly pairedNoise: { readonly standardDeviation: number; readonly degreesOfFreedom: number } | null;
  /** Only where families of positions differ in the noise of their seeds (Bartlett, p < 0.01). */
  readonly ownNoise: OwnNoise | null;
  /** Runs that did not enter, by architecture and status. */
  readonly leftOut: readonly { readonly arch: string; readonly status: string; readonly nRuns: number }[];
  /** Plain sentences about what to be careful with, in order of weight. */
  readonly warnings: readonly string[];
}
