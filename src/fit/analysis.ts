/**
 * What `analyse` returns: one plain object that survives JSON (no NaN, no Infinity, no undefined).
 * Terms are those of the docs' section on fits; lists are flat and keyed by `arch`, so that they are tables as they stand.
 */

/**
 * A number and its 95% bootstrap interval. `low` and `high` are both null where there is none: no seed is
 * repeated in the study, or more than a tenth of the bootstrap draws gave no value.
 */
export interface Interval {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly level: 0.95;
}

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
  /** AICc of this law minus that of the plain one; below 0 this one is the better description. */
  readonly aiccDifference: number;
  /** Likelihood-ratio test that E is 0 (half of a chi-squared tail, since E can't be negative). */
  readonly pValue: number;
}

/** What is counted on the axis of a frontier. Different costs, and seconds of different hardware, never meet in one ratio. */
export type CostKind = 'flops' | 'flopsMatmul' | 'seconds' | 'tokens';

/** What N counts; exponents differ by convention, so each names its own. In imported rows all are the one column given. */
export type ParamsConvention = 'non-embedding plus output matrix' | 'non-embedding' | 'total';

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
  /** Optima off the law against their bootstrap errors; null with fewer than 3 budgets or without repeated seeds. */
  readonly lackOfFit: LackOfFit | null;
  /** Only with 5 accepted budgets or more; fewer do not tell an irreducible loss from a slower power. */
  readonly saturating: SaturatingLaw | null;
  /** The law inside its measured range with its interval, for drawing. */
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

/** `better` and `worse` where the 95% interval of the factor leaves out 1; null where there is no interval. */
export type Verdict = 'better' | 'worse' | 'not told apart';

/**
 * The headline: cost of the baseline over cost of the architecture at equal loss, both at optimal size, at the loss
 * of the baseline's law at its largest accepted budget.
 */
export interface SpeedupAtOptimalSize {
  readonly cost: CostKind;
  /** Hardware string of the seconds; null for other costs. */
  readonly hardware: string | null;
  /** The loss both reach, and what the baseline spends for it (its largest accepted budget). */
  readonly lossNats: number;
  readonly baselineCost: number;
  /**
   * `=`: the architecture reaches the loss inside its measured range, and `factor` is the speedup.
   * `>`: it is below the loss already at its smallest budget. `<`: it does not reach it at its largest.
   * For `>` and `<` print the relation with `bound`; `factor` is then extrapolated and must be called so.
   */
  readonly relation: '=' | '>' | '<';
  /** Null where the relation is `=`. */
  readonly bound: number | null;
  readonly factor: Interval;
  /** Whether each end of the interval lies outside what the architecture's measured range allows. */
  readonly lowExtrapolated: boolean;
  readonly highExtrapolated: boolean;
  readonly verdict: Verdict | null;
  /** Accepted budgets under the two laws. */
  readonly nBudgets: { readonly arch: number; readonly baseline: number };
}

/** Speedup at one fixed size: the baseline's compute over the compute at which the architecture reaches the baseline's final loss. */
export interface FixedSizeSpeedup {
  readonly size: string;
  readonly dModel: number;
  readonly nLayers: number;
  /** The baseline's largest budget at this size; its mean final loss there. */
  readonly budgetFlops: number;
  readonly baselineFlops: number;
  readonly lossNats: number;
  /**
   * As in SpeedupAtOptimalSize, but nothing is extrapolated here: `factor` is null where the relation is `>` or `<`, and
   * one end of its interval is null where that end lies outside of what was measured (or both, without repeated seeds).
   */
  readonly relation: '=' | '>' | '<';
  readonly bound: number | null;
  readonly factor: Interval | null;
  readonly verdict: Verdict | null;
  /** Budgets at which the architecture was trained at this size. */
  readonly nBudgets: number;
}

/** Difference of loss (architecture minus baseline; negative is better for the architecture) at one budget, both at optimal size. */
export interface BudgetDifference {
  readonly budgetFlops: number;
  readonly baselineLossNats: number;
  readonly differenceNats: Interval;
  /** differenceNats / baselineLossNats. */
  readonly relativeDifference: Interval;
  readonly verdict: Verdict | null;
}

/**
 * The baseline's compute at the architecture's loss over the compute that both spent, at the baseline's size and from its
 * other budgets at that size. As in FixedSizeSpeedup nothing is extrapolated: `factor` is null where the relation is `>`
 * or `<`, and an end of its interval is null where it lies outside of what was measured.
 */
export interface ComputeAtEqualLoss {
  readonly relation: '=' | '>' | '<';
  readonly bound: number | null;
  readonly factor: Interval | null;
}

/** Difference of loss at the same budget, size and seeds (architecture minus baseline), which needs no fit at all. */
export interface PairedDifference {
  readonly budgetFlops: number;
  readonly size: string;
  readonly dModel: number;
  readonly nLayers: number;
  /** Seeds that both have. */
  readonly nSeeds: number;
  /** Mean over those seeds; interval by Student's t on the pair's pooled paired standard deviation. */
  readonly differenceNats: Interval;
  readonly verdict: Verdict | null;
  /** Null where the baseline was trained with one budget at this size. */
  readonly compute: ComputeAtEqualLoss | null;
}

/**
 * The same where the architecture has a size that the baseline does not, and the baseline has one size at the budget: that
 * size is compared with. Seeds are not pairs then, so the interval rests on the study's noise between seeds.
 */
export interface OtherSizeDifference extends PairedDifference {
  readonly baselineSize: string;
}

/** Absolute compute saved against loss: loss = coefficient * saved^exponent, over the measured range. */
export interface SavingsLaw {
  readonly coefficient: Interval;
  readonly exponent: Interval;
  /** Range of saved FLOPs that the law was read from. */
  readonly range: readonly [number, number];
  /** The paper's closed form a1 (1 - 1/b)^k with the shared exponent; null where parallel frontiers are rejected or untested. */
  readonly parallelCoefficient: number | null;
  /** That shared exponent (-k) of the two frontiers; null where the closed form is. */
  readonly parallelExponent: number | null;
}

/** What would be needed to tell the two apart, at the seed noise seen. */
export interface Power {
  /** Smallest factor that this study would have told from 1 (with a chance of 80%). */
  readonly detectableFactor: number;
  /** Seeds a cell, as a multiple of those there are, to tell `factor` from 1 with a chance of 80%; null where the factor is 1. */
  readonly seedsMultiple: number | null;
}

/** One architecture against one baseline of the same family of positions. */
export interface Speedup {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string;
  /** The headline first (cost `flops`), then the other costs that were measured. Empty where a law is missing; `reason` says why. */
  readonly atOptimalSize: readonly SpeedupAtOptimalSize[];
  readonly reason: string | null;
  /** FLOPs and matrix FLOPs give factors more than 1% apart, so both are to be shown. */
  readonly matmulDiffers: boolean;
  /** Factor in FLOPs as a function of the baseline's compute, over the baseline's measured range. */
  readonly curve: readonly {
    readonly baselineFlops: number;
    readonly lossNats: number;
    readonly factor: Interval;
    /** The architecture's compute for this loss lies outside its measured range. */
    readonly extrapolated: boolean;
  }[];
  /** (a_A/a_B)^(1/k) of parallel frontiers; null where parallelism is rejected (F test, or an exponent difference whose interval leaves out 0) or can't be tested. */
  readonly pureLawFactor: Interval | null;
  /** Exponent of the architecture minus that of the baseline; null where a law is missing. */
  readonly exponentDifference: Interval | null;
  /** p of the F test that the two frontiers are parallel; null without residual degrees of freedom. */
  readonly parallelPValue: number | null;
  readonly savings: SavingsLaw | null;
  readonly fixedSize: readonly FixedSizeSpeedup[];
  readonly atBudget: readonly BudgetDifference[];
  readonly sameSize: readonly PairedDifference[];
  readonly otherSize: readonly OtherSizeDifference[];
  /** Standard deviation of the difference at equal seed and data order, pooled over the pair's cells; null without repeated seeds. */
  readonly pairedStandardDeviation: number | null;
  readonly power: Power | null;
}

/** The same comparison in two families of positions: how much its factor depends on them. */
export interface Contrast {
  readonly first: { readonly arch: string; readonly baseline: string };
  readonly other: { readonly arch: string; readonly baseline: string };
  /** Headline factor in FLOPs of `other` over that of `first`; drawn together, so that what they share cancels. */
  readonly ratio: Interval;
  /** `better` where the factor of `other` is the larger one; null without an interval. */
  readonly differs: Verdict | null;
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
  /** Runs that did not enter, by architecture and status. */
  readonly leftOut: readonly { readonly arch: string; readonly status: string; readonly nRuns: number }[];
  /** Plain sentences about what to be careful with, in order of weight. */
  readonly warnings: readonly string[];
}
