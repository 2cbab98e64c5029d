/** Synthetic studies of known truth: what intervals are tested on, and what a sweep can be planned with before it is paid for. */
import { normalCdf } from './distributions.js';
import { FitError } from './error.js';
import { randomStream } from './random.js';
import type { FitRow } from './row.js';

/** Truth of one architecture: loss at optimal size is a (C / 1e12)^-k. */
export interface ArchTruth {
  readonly arch: string;
  readonly positions: string;
  readonly a: number;
  readonly k: number;
}

/** A run of a study before it has a loss. */
export interface SimulatedRun {
  readonly arch: string;
  readonly positions: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly flopsPerToken: number;
  readonly budgetFlops: number;
  readonly seed: number;
  /** Runs that share a trunk carry the same value; null for a run of its own. */
  readonly trunk: string | null;
}

/** Noise of a study, nats. */
export interface SimulatedNoise {
  /** Standard deviation over seeds, and that of differences between architectures at equal size, budget and seed. */
  readonly seedDeviation: number;
  readonly pairedDeviation: number;
  /** Share of the variance that the budgets of one trunk have in common. */
  readonly trunkShare: number;
  /** Share of the runs that end this many seed deviations higher, as one does that was close to instability; none unless given. */
  readonly outliers?: { readonly share: number; readonly deviations: number };
}

/** Runs, and the truth that their losses are drawn from. */
export interface SimulatedDesign {
  readonly name: string;
  readonly runs: readonly SimulatedRun[];
  readonly archs: readonly ArchTruth[];
  readonly baselines: readonly string[];
  /** FLOPs per token that are best at 1e12 FLOPs, and the exponent by which the best grows with compute. */
  readonly bestFlopsPerToken: number;
  readonly sizeExponent: number;
  /** Half the second derivative of loss in ln(FLOPs per token) at the optimum, and the third over the second. */
  readonly curvature: number;
  readonly skew: number;
  readonly noise: SimulatedNoise;
}

/** Loss of an architecture at its best size. */
export function trueOptimalLoss({ a, k }: ArchTruth, flops: number): number {
  return a * (flops / 1e12) ** -k;
}

/** Loss without noise. */
export function trueLoss(
  design: SimulatedDesign,
  arch: ArchTruth,
  flops: number,
  flopsPerToken: number,
): number {
  const u = Math.log(flopsPerToken / (design.bestFlopsPerToken * (flops / 1e12) ** design.sizeExponent));
  return trueOptimalLoss(arch, flops) + design.curvature * (u ** 2 + (design.skew * u ** 3) / 3);
}

/** Baseline compute over architecture compute at the loss that the baseline has at `flops`. */
export function trueSpeedup(arch: ArchTruth, baseline: ArchTruth, flops: number): number {
  const needed = 1e12 * (arch.a / trueOptimalLoss(baseline, flops)) ** (1 / arch.k);
  return flops / needed;
}

/**
 * Noise of one run: a part that architectures share at equal size and seed and one of its own, each of which may have
 * a part in common to the budgets of a trunk. Every part is drawn once, in the order that runs ask for it.
 */
function noiseSource(
  { seedDeviation, pairedDeviation, trunkShare, outliers }: SimulatedNoise,
  seed: number,
  study: number,
): (run: SimulatedRun) => number {
  const random = randomStream(seed, study);
  const drawn = new Map<string, number>();
  const part = (key: string): number => {
    const value = drawn.get(key) ?? random.normal();
    drawn.set(key, value);
    return value;
  };
  const correlation = Math.max(0, 1 - pairedDeviation ** 2 / (2 * seedDeviation ** 2));
  return (run) => {
    const place = `${run.dModel} ${run.nLayers} ${run.seed}`;
    const common = run.trunk === null ? 0 : trunkShare;
    const mixed = (owner: string): number =>
      Math.sqrt(common) * part(`${owner} ${place}`) +
      Math.sqrt(1 - common) * part(`${owner} ${place} ${run.budgetFlops}`);
    const isOutlier =
      outliers !== undefined &&
      normalCdf(part(`outlier ${run.arch} ${place} ${run.budgetFlops}`)) < outliers.share;
    return (
      seedDeviation *
      (Math.sqrt(correlation) * mixed('') +
        Math.sqrt(1 - correlation) * mixed(run.arch) +
        (isOutlier ? outliers.deviations : 0))
    );
  };
}

/**
 * Rows of study number `study`; the same numbers give the same rows.
 *
 * @throws FitError where the two deviations contradict each other or an architecture has no truth.
 */
export function simulateRows(design: SimulatedDesign, seed: number, study: number): FitRow[] {
  const { seedDeviation, pairedDeviation } = design.noise;
  if (!(
    seedDeviation > 0 &&
    pairedDeviation >= 0 &&
    pairedDeviation ** 2 <= 2 * seedDeviation ** 2 * (1 + 1e-9)
  )) {
    throw new FitError(
      'The paired deviation must lie between 0 and sqrt(2) times the seed deviation, which must be above 0.',
    );
  }
  const noise = noiseSource(design.noise, seed, study);
  return design.runs.map((run, i): FitRow => {
    const truth = design.archs.find(({ arch }) => arch === run.arch);
    if (truth === undefined)
      throw new FitError(`The design ${design.name} has runs of ${run.arch}, but no truth for it.`);
    const params = run.flopsPerToken / 6;
    return {
      id: `${i}`,
      sweep: design.name,
      arch: run.arch,
      positions: run.positions,
      seed: run.seed,
      trunk: run.trunk ?? `${i}`,
      dModel: run.dModel,
      nLayers: run.nLayers,
      paramsTotal: params,
      paramsNonEmbedding: params,
      paramsActive: params,
      tokens: run.budgetFlops / run.flopsPerToken,
      steps: NaN,
      flops: run.budgetFlops,
      flopsMatmul: NaN,
      budgetFlops: run.budgetFlops,
      secondsPerStep: null,
      hardware: null,
      lossNats: trueLoss(design, truth, run.budgetFlops, run.flopsPerToken) + noise(run),
      bitsPerByte: null,
      status: 'done',
    };
  });
}
