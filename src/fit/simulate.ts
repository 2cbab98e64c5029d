/** Synthetic studies of known truth: what intervals are tested on, and what a sweep can be planned with before it is paid for. */
import { FitError } from './error.js';
import { randomStream } from './random.js';
import type { FitRow } from './row.js';

/** Truth of one architecture: loss at optimal size is a (C / 1e12)^-k. */
export interface SimulatedArch {
  readonly arch: string;
  readonly positions: string;
  readonly a: number;
  readonly k: number;
}

export interface SimulatedSize {
  readonly dModel: number;
  readonly nLayers: number;
  readonly flopsPerToken: number;
}

/** What is trained at one budget: every size with seed 0, and `repeated` sizes with seeds 1 to `seeds` - 1 as well. */
export interface SimulatedBudget {
  readonly flops: number;
  readonly sizes: readonly string[];
  readonly repeated: readonly string[];
  readonly seeds: number;
}

export interface SimulatedDesign {
  readonly name: string;
  readonly archs: readonly SimulatedArch[];
  readonly baselines: readonly string[];
  readonly sizes: Readonly<Record<string, SimulatedSize>>;
  readonly budgets: readonly SimulatedBudget[];
  /** Budgets of one size and seed are cool-downs of one trunk. */
  readonly sharedTrunks: boolean;
  /** FLOPs per token that are best at 1e12 FLOPs, and the exponent by which the best grows with compute. */
  readonly bestFlopsPerToken: number;
  readonly sizeExponent: number;
  /** Half the second derivative of loss in ln(FLOPs per token) at the optimum, and the third over the second. */
  readonly curvature: number;
  readonly skew: number;
  /** Standard deviation over seeds, and that of differences between architectures at equal seed, nats. */
  readonly seedDeviation: number;
  readonly pairedDeviation: number;
  /** Share of the noise's variance that budgets of one trunk have in common (only with shared trunks). */
  readonly trunkShare: number;
}

/** Loss without noise. */
export function trueLoss(
  design: SimulatedDesign,
  arch: SimulatedArch,
  flops: number,
  flopsPerToken: number,
): number {
  const u = Math.log(flopsPerToken / (design.bestFlopsPerToken * (flops / 1e12) ** design.sizeExponent));
  return trueOptimalLoss(arch, flops) + design.curvature * (u ** 2 + (design.skew * u ** 3) / 3);
}

export function trueOptimalLoss({ a, k }: SimulatedArch, flops: number): number {
  return a * (flops / 1e12) ** -k;
}

/** Baseline compute over architecture compute at the loss that the baseline has at `flops`. */
export function trueSpeedup(arch: SimulatedArch, baseline: SimulatedArch, flops: number): number {
  const needed = 1e12 * (arch.a / trueOptimalLoss(baseline, flops)) ** (1 / arch.k);
  return flops / needed;
}

/** Noise whose parts are drawn once for every key, in the order that they are asked for. */
function noiseSource(
  design: SimulatedDesign,
  seed: number,
  study: number,
): (arch: string, size: string, budget: number, run: number) => number {
  const random = randomStream(seed, study);
  const drawn = new Map<string, number>();
  const part = (key: string): number => {
    const known = drawn.get(key);
    if (known !== undefined) return known;
    const value = random.normal();
    drawn.set(key, value);
    return value;
  };
  const correlation = 1 - design.pairedDeviation ** 2 / (2 * design.seedDeviation ** 2);
  const trunk = design.sharedTrunks ? design.trunkShare : 0;
  const mixed = (owner: string, size: string, budget: number, run: number): number =>
    Math.sqrt(trunk) * part(`${owner} ${size} ${run}`) +
    Math.sqrt(1 - trunk) * part(`${owner} ${size} ${run} ${budget}`);
  return (arch, size, budget, run) =>
    design.seedDeviation *
    (Math.sqrt(correlation) * mixed('', size, budget, run) +
      Math.sqrt(1 - correlation) * mixed(arch, size, budget, run));
}

/**
 * Rows of study number `study`; the same numbers give the same rows.
 *
 * @throws FitError where the two deviations contradict each other or a budget names an unknown size.
 */
export function simulateRows(design: SimulatedDesign, seed: number, study: number): FitRow[] {
  if (!(
    design.seedDeviation > 0 &&
    design.pairedDeviation >= 0 &&
    design.pairedDeviation ** 2 <= 2 * design.seedDeviation ** 2
  )) {
    throw new FitError(
      'The paired deviation must lie between 0 and sqrt(2) times the seed deviation, which must be above 0.',
    );
  }
  const noise = noiseSource(design, seed, study);
  const rows: FitRow[] = [];
  for (const arch of design.archs) {
    for (const budget of design.budgets) {
      for (const name of budget.sizes) {
        const size = design.sizes[name];
        if (size === undefined)
          throw new FitError(
            `A budget of ${budget.flops} FLOPs names the size "${name}", which the design lacks.`,
          );
        const seeds = budget.repeated.includes(name) ? budget.seeds : 1;
        for (let run = 0; run < seeds; run++) {
          const { flopsPerToken, dModel, nLayers } = size;
          const id = `${arch.arch} ${name} ${budget.flops} ${run}`;
          const tokens = budget.flops / flopsPerToken;
          rows.push({
            id,
            sweep: design.name,
            arch: arch.arch,
            positions: arch.positions,
            seed: run,
            trunk: design.sharedTrunks ? `${arch.arch} ${name} ${run}` : id,
            dModel,
            nLayers,
            paramsTotal: flopsPerToken / 6,
            paramsNonEmbedding: flopsPerToken / 6,
            paramsActive: flopsPerToken / 6,
            tokens,
            steps: NaN,
            flops: budget.flops,
            flopsMatmul: NaN,
            budgetFlops: budget.flops,
            secondsPerStep: null,
            hardware: null,
            lossNats:
              trueLoss(design, arch, budget.flops, flopsPerToken) + noise(arch.arch, name, budget.flops, run),
            bitsPerByte: null,
            status: 'done',
          });
        }
      }
    }
  }
  return rows;
}
