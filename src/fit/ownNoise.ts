/**
 * How far intervals rest on one noise for the whole study: the factors again with the noise between seeds that each family
 * of positions has by itself, where those noises differ.
 */
import type { OwnNoise } from './analysis.js';
import { bootstrapStudy, type BootstrapOptions } from './bootstrap.js';
import type { Study } from './cells.js';
import { noiseByGroup } from './noise.js';
import { SURPRISING, type Readings } from './reading.js';
import { speedupAtOptimalSize } from './factors.js';
import type { Pair } from './studyFit.js';

/** Null where families are not told apart by their noise (Bartlett's test), or nothing is drawn. */
export function ownNoiseOf(
  study: Study,
  readings: Readings,
  pairs: readonly Pair[],
  options: BootstrapOptions,
): OwnNoise | null {
  const noise = noiseByGroup(study.cells, ({ positions }) => positions);
  if (noise === null || noise.pValue >= SURPRISING || options.bootstraps === 0) return null;
  const fit = bootstrapStudy(study, { ...options, noiseGroupOf: ({ positions }) => positions });
  return {
    families: noise.groups.map(({ name, noise: { standardDeviation } }) => ({
      positions: name,
      standardDeviation,
    })),
    factors: pairs.flatMap((pair) => {
      const headline = speedupAtOptimalSize({ study, fit, readings }, pair, 0);
      if (headline === null) return [];
      const [arch, baseline] = [study.archs[pair.arch]!.arch, study.archs[pair.baseline]!.arch];
      return [{ arch, baseline, factor: headline.factor, verdict: headline.verdict }];
    }),
  };
}
