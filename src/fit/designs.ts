/** Designs to simulate: the quick sweep's and the reference study's, whose coverage is published, and any planned sweep. */
import { FitError } from './error.js';
import { fitPowerLaw } from './powerLaw.js';
import type { ArchTruth, SimulatedDesign, SimulatedNoise, SimulatedRun } from './simulate.js';
import { mean } from './statistics.js';

/** Noise of the pilot runs: over seeds .006 to .009 nats, paired .002 to .004. */
export const PILOT_NOISE: SimulatedNoise = { seedDeviation: 0.0075, pairedDeviation: 0.003, trunkShare: 0.5 };

/** Shape of a Chinchilla form near its optimum: with alpha .34 and beta .28 the third derivative is -.06 of the second. */
const SHAPE = { curvature: 0.08, skew: -0.06 } as const;

/** Loss of the baseline at 1e12 FLOPs and its exponent, as the pilot saw them. */
const BASELINE_LOSS = 3.9;
const EXPONENT = 0.07;

/** Training FLOPs per token of a small decoder with 2 layers, context 128 and vocabulary 1024: close enough for a grid. */
function flopsPerTokenOf(dModel: number): number {
  return 6 * (1024 * dModel + 2 * (12 * dModel ** 2 + 2 * 128 * dModel));
}

/** An architecture that needs `factor` times less compute than the baseline, at the same exponent. */
export function truthOf(arch: string, positions: string, factor: number): ArchTruth {
  return { arch, positions, a: BASELINE_LOSS * factor ** -EXPONENT, k: EXPONENT };
}

interface Budget {
  readonly flops: number;
  readonly widths: readonly number[];
  /** Widths trained with seeds 1 to `seeds` - 1 as well. */
  readonly repeated: readonly number[];
  readonly seeds: number;
}

function runsOf(
  archs: readonly ArchTruth[],
  budgets: readonly Budget[],
  sharedTrunks: boolean,
): SimulatedRun[] {
  return archs.flatMap(({ arch, positions }) =>
    budgets.flatMap(({ flops, widths, repeated, seeds }) =>
      widths.flatMap((dModel) =>
        Array.from({ length: repeated.includes(dModel) ? seeds : 1 }, (_, seed): SimulatedRun => ({
          arch,
          positions,
          dModel,
          nLayers: 2,
          flopsPerToken: flopsPerTokenOf(dModel),
          budgetFlops: flops,
          seed,
          trunk: sharedTrunks ? `${arch} ${dModel} ${seed}` : null,
        })),
      ),
    ),
  );
}

const family = (suffix: string, positions: string): ArchTruth[] => [
  truthOf(`transformer${suffix}`, positions, 1),
  truthOf(`transformer++${suffix}`, positions, 1.35),
  truthOf(`primer-ez${suffix}`, positions, 1.8),
  truthOf(`primer${suffix}`, positions, 1.6),
];

const quickArchs = family('', 'absolute');
const referenceArchs = [...family('', 'absolute'), ...family('@rotary', 'rotary')];

/** Three budgets with three sizes each, and a second seed at the two sizes nearest the optimum. */
export const quickDesign: SimulatedDesign = {
  name: 'quick',
  archs: quickArchs,
  runs: runsOf(
    quickArchs,
    [
      { flops: 1e11, widths: [24, 32, 48], repeated: [24, 32], seeds: 2 },
      { flops: 2.1e11, widths: [24, 32, 48], repeated: [32, 48], seeds: 2 },
      { flops: 4.5e11, widths: [32, 48, 64], repeated: [32, 48], seeds: 2 },
    ],
    false,
  ),
  baselines: ['transformer', 'transformer++'],
  bestFlopsPerToken: flopsPerTokenOf(58),
  sizeExponent: 0.5,
  ...SHAPE,
  noise: PILOT_NOISE,
};

/** Four budgets with five sizes each, two more seeds at the size nearest the optimum, and one trunk for each size. */
export const referenceDesign: SimulatedDesign = {
  name: 'reference',
  archs: referenceArchs,
  runs: runsOf(
    referenceArchs,
    [
      { flops: 3e11, widths: [16, 24, 32, 48, 64], repeated: [32], seeds: 3 },
      { flops: 1e12, widths: [24, 32, 48, 64, 96], repeated: [48], seeds: 3 },
      { flops: 3e12, widths: [32, 48, 64, 96, 128], repeated: [64], seeds: 3 },
      { flops: 1e13, widths: [48, 64, 96, 128, 192], repeated: [96], seeds: 3 },
    ],
    true,
  ),
  baselines: ['transformer', 'transformer++'],
  bestFlopsPerToken: flopsPerTokenOf(45),
  sizeExponent: 0.45,
  ...SHAPE,
  noise: PILOT_NOISE,
};

/**
 * A planned sweep as a design: every architecture but the baselines has the given speedup, and the optimum lies in the
 * middle of the sizes that the sweep trains at each budget.
 *
 * @throws FitError for a plan without runs of a baseline or of another architecture.
 */
export function designOfPlan(
  name: string,
  runs: readonly SimulatedRun[],
  baselines: readonly string[],
  factor: number,
  noise: SimulatedNoise,
): SimulatedDesign {
  if (!(factor > 0)) throw new FitError(`A speedup must be above 0, not ${factor}.`);
  const archs = [...new Map(runs.map((run) => [run.arch, run])).values()].map(({ arch, positions }) => {
    const base = baselines.includes(arch) || baselines.includes(arch.split('@')[0]!);
    return truthOf(arch, positions, base ? 1 : factor);
  });
  if (archs.length < 2) throw new FitError(`The plan ${name} has one architecture; a speedup needs two.`);
  const budgets = [...new Set(runs.map((run) => run.budgetFlops))];
  const middles = budgets.map((budget) => {
    const sizes = [
      ...new Set(runs.filter((run) => run.budgetFlops === budget).map((run) => run.flopsPerToken)),
    ];
    return { x: Math.log(budget / 1e12), y: mean(sizes.map(Math.log)) };
  });
  const law = fitPowerLaw(middles);
  return {
    name,
    runs,
    archs,
    baselines,
    bestFlopsPerToken: Math.exp(law?.logCoefficient ?? middles[0]?.y ?? 0),
    sizeExponent: law?.exponent ?? 0,
    ...SHAPE,
    noise,
  };
}

export const DESIGNS: Readonly<Record<string, SimulatedDesign>> = {
  'quick-design': quickDesign,
  'reference-design': referenceDesign,
};
