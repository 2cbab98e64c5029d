/** What `analyse` says of one architecture against another: the comparisons in `Analysis`, plain objects like the rest of it. */
import type { FrontierReading } from './analysis.js';
import type { Interval } from './interval.js';

/** What is counted on the axis of a frontier. Different costs, and seconds of different hardware, never meet in one ratio. */
export type CostKind = 'flops' | 'flopsMatmul' | 'seconds' | 'tokens';

/** `better` and `worse` where the 95% interval of the factor leaves out 1; null where there is no interval. */
export type Verdict = 'better' | 'worse' | 'not told apart';

/** How a factor stands to what was measured. */
interface Bounded {
  /** `=`: measured. `>`: the architecture is below the loss already at its smallest compute. `<`: it does not reach it. */
  readonly relation: '=' | '>' | '<';
  /** What the measured range allows to say; null where the relation is `=`. */
  readonly bound: number | null;
}

/**
 * A factor of compute of which nothing is extrapolated: null where the relation is `>` or `<`, and an end of its interval is
 * null where it lies outside of what was measured (both, without repeated seeds).
 */
export interface MeasuredFactor extends Bounded {
  readonly factor: Interval | null;
}

/** A factor as it is read off two frontiers, wherever that leads. */
export interface ReadFactor extends Bounded {
  /** Extrapolated where the relation is `>` or `<`, and must be called so: print the relation with `bound`. */
  readonly factor: Interval;
  /** Whether each end of the interval lies outside what the architecture's measured range allows. */
  readonly lowExtrapolated: boolean;
  readonly highExtrapolated: boolean;
}

/**
 * The headline: cost of the baseline over cost of the architecture at equal loss, both at optimal size, at the loss
 * of the baseline's frontier at its largest accepted budget. `Speedup.reading` says how the two frontiers are read.
 */
export interface SpeedupAtOptimalSize extends ReadFactor {
  readonly cost: CostKind;
  /** Hardware string of the seconds; null for other costs. */
  readonly hardware: string | null;
  /** The loss both reach, and what the baseline spends for it (its largest accepted budget). */
  readonly lossNats: number;
  readonly baselineCost: number;
  readonly verdict: Verdict | null;
  /** Accepted budgets under the two laws. */
  readonly nBudgets: { readonly arch: number; readonly baseline: number };
}

/** Speedup at one fixed size: the baseline's compute over the compute at which the architecture reaches the baseline's final loss. */
export interface FixedSizeSpeedup extends MeasuredFactor {
  readonly size: string;
  readonly dModel: number;
  readonly nLayers: number;
  /** The baseline's largest budget at this size that is not beyond the architecture's; its mean final loss there. */
  readonly budgetFlops: number;
  readonly baselineFlops: number;
  readonly lossNats: number;
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
  /**
   * The baseline's compute at the architecture's loss over the compute that both spent, at the baseline's size and from its
   * other budgets there; null where it was trained with one budget at this size.
   */
  readonly compute: MeasuredFactor | null;
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

/** How a factor changes with the baseline's compute, between two of its budgets. */
export interface FactorChange {
  readonly fromFlops: number;
  readonly toFlops: number;
  /** The factor at the larger budget over that at the smaller one; drawn together, so that what they share cancels. */
  readonly ratio: Interval;
}

/** The factor at one compute of the baseline. */
export interface SpeedupPoint extends ReadFactor {
  readonly baselineFlops: number;
  /** The baseline's budget where this is its optimum; null between them. */
  readonly budgetFlops: number | null;
  readonly lossNats: number;
  /** The architecture's compute for this loss lies outside its measured range: the relation is not `=`. */
  readonly extrapolated: boolean;
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
  /** Off the laws of both where both are laws, between the optima of both otherwise. */
  readonly reading: FrontierReading;
  /** Factor in FLOPs as a function of the baseline's compute, over the baseline's measured range. */
  readonly curve: readonly SpeedupPoint[];
  /** Null with fewer than two budgets at which nothing is extrapolated. */
  readonly change: FactorChange | null;
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
  /** The largest budget at which both factors can be read. */
  readonly budgetFlops: number;
  /** Factor in FLOPs of `other` over that of `first` there; drawn together, so that what they share cancels. */
  readonly ratio: Interval;
  /** `better` where the factor of `other` is the larger one; null without an interval. */
  readonly differs: Verdict | null;
}
