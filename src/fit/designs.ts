/** The designs whose intervals are checked by simulation: the quick sweep's and the reference study's. */
import type { SimulatedArch, SimulatedBudget, SimulatedDesign, SimulatedSize } from './simulate.js';

/** Training FLOPs per token of a small decoder with 2 layers, context 128 and vocabulary 1024: close enough for a grid. */
function smallDecoder(dModel: number, nLayers: number): SimulatedSize {
  return {
    dModel,
    nLayers,
    flopsPerToken: 6 * (1024 * dModel + nLayers * (12 * dModel ** 2 + 2 * 128 * dModel)),
  };
}

const sizes: Readonly<Record<string, SimulatedSize>> = {
  d16: smallDecoder(16, 2),
  d24: smallDecoder(24, 2),
  d32: smallDecoder(32, 2),
  d48: smallDecoder(48, 2),
  d64: smallDecoder(64, 2),
  d96: smallDecoder(96, 2),
  d128: smallDecoder(128, 2),
};

/** Noise of the pilot runs (seed .006 to .009, paired .002 to .004 nats) and the shape of a Chinchilla form near its optimum. */
const common = {
  sizes,
  baselines: ['transformer', 'transformer++'],
  bestFlopsPerToken: sizes['d32']!.flopsPerToken * 1.2,
  sizeExponent: 0.45,
  curvature: 0.08,
  skew: -0.06,
  seedDeviation: 0.0075,
  pairedDeviation: 0.003,
  trunkShare: 0.5,
} as const;

/** Factors over `transformer` of 1.35, 1.8 and 1.6 at equal exponents. */
function family(suffix: string, positions: string, k: number): SimulatedArch[] {
  const over = (factor: number): number => 3.9 * factor ** -k;
  return [
    { arch: `transformer${suffix}`, positions, a: 3.9, k },
    { arch: `transformer++${suffix}`, positions, a: over(1.35), k },
    { arch: `primer-ez${suffix}`, positions, a: over(1.8), k },
    { arch: `primer${suffix}`, positions, a: over(1.6), k },
  ];
}

/** Three budgets, three sizes each, a second seed at the two sizes nearest the optimum. */
export const quickDesign: SimulatedDesign = {
  ...common,
  name: 'quick',
  archs: family('', 'absolute', 0.07),
  budgets: [
    { flops: 1.5e11, sizes: ['d16', 'd24', 'd32'], repeated: ['d16', 'd24'], seeds: 2 },
    { flops: 3.5e11, sizes: ['d24', 'd32', 'd48'], repeated: ['d24', 'd32'], seeds: 2 },
    { flops: 8e11, sizes: ['d24', 'd32', 'd48'], repeated: ['d32', 'd48'], seeds: 2 },
  ],
  bestFlopsPerToken: sizes['d32']!.flopsPerToken * 1.1,
  sharedTrunks: false,
};

const referenceBudget = (flops: number, names: readonly string[], nearest: string): SimulatedBudget => ({
  flops,
  sizes: names,
  repeated: [nearest],
  seeds: 3,
});

/** Four budgets, five sizes each, two more seeds at the size nearest the optimum, one trunk for each size. */
export const referenceDesign: SimulatedDesign = {
  ...common,
  name: 'reference',
  archs: [...family('', 'absolute', 0.07), ...family('@rotary', 'rotary', 0.075)],
  budgets: [
    referenceBudget(3e11, ['d16', 'd24', 'd32', 'd48', 'd64'], 'd24'),
    referenceBudget(1e12, ['d16', 'd24', 'd32', 'd48', 'd64'], 'd32'),
    referenceBudget(3e12, ['d24', 'd32', 'd48', 'd64', 'd96'], 'd48'),
    referenceBudget(1e13, ['d32', 'd48', 'd64', 'd96', 'd128'], 'd64'),
  ],
  sharedTrunks: true,
};

export const DESIGNS: Readonly<Record<string, SimulatedDesign>> = {
  quick: quickDesign,
  reference: referenceDesign,
};
