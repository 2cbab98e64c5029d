/** From rows to everything that is said about them: the entry that reports and the command line use. */
import { bootstrapStudy } from './bootstrap.js';
import type { Analysis } from './analysis.js';
import { buildStudy, type IsoflopMethod } from './cells.js';
import { type ComparisonName, contrastsOf } from './contrasts.js';
import { FitError } from './error.js';
import { frontiers } from './frontier.js';
import { heldOutPredictions } from './heldOut.js';
import { isoflopFits, residuals } from './isoflopFits.js';
import { parallelTests } from './parallel.js';
import { ownNoiseOf } from './ownNoise.js';
import { readingsOf } from './reading.js';
import type { CountedFitRow } from './row.js';
import { compare } from './speedup.js';
import type { Pair } from './studyFit.js';
import { isBaseline, warningsOf } from './warnings.js';

export interface AnalyseOptions {
  /** Labels of the architectures to compare with; `transformer` also names `transformer@rotary` in its family. */
  readonly baselines: readonly string[];
  /** Bootstrap draws; 2,000 unless told. */
  readonly bootstraps?: number;
  /** Seed of the bootstrap; equal rows and seed give equal numbers. */
  readonly seed?: number;
  /** How the optimal size is found; `parabola` unless told. */
  readonly isoflopMethod?: IsoflopMethod;
  /** Comparisons of two families whose factors are to be set against each other. */
  readonly contrasts?: readonly { readonly first: ComparisonName; readonly other: ComparisonName }[];
}

/** A bootstrap of more rows than this takes longer than anyone waits. */
const MOST_BOOTSTRAPPED_ROWS = 20_000;

/**
 * Fits everything to finished runs: isoFLOP minima, frontiers and their laws, speedups of every other architecture
 * over each baseline of the same positions, held-out predictions, and intervals for all of them.
 *
 * @throws FitError where the rows contradict themselves (see `buildStudy`) or none is finished.
 */
export function analyse(rows: readonly CountedFitRow[], options: AnalyseOptions): Analysis {
  const { baselines, bootstraps = 2000, seed = 0, isoflopMethod = 'parabola', contrasts = [] } = options;
  if (!Number.isInteger(bootstraps) || bootstraps < 0) {
    throw new FitError(`bootstraps must be a whole number of draws, not ${bootstraps}.`);
  }
  const study = buildStudy(rows, isoflopMethod);
  if (study.rows.length === 0) {
    throw new FitError(`None of the ${rows.length} runs is finished, so there is nothing to fit.`);
  }
  const affordable = study.rows.length <= MOST_BOOTSTRAPPED_ROWS;
  const drawing = { bootstraps: affordable ? bootstraps : 0, seed };
  const fit = bootstrapStudy(study, drawing);
  const isoflop = isoflopFits(study, fit);
  const frontier = frontiers(study, fit, isoflop);
  const reader = { study, fit, readings: readingsOf(frontier) };
  const parallel = parallelTests(study, fit);
  const pairs = study.archs.flatMap((baseline, b) =>
    isBaseline(baseline.arch, baselines)
      ? study.archs.flatMap((arch, a): Pair[] =>
          a !== b && arch.positions === baseline.positions ? [{ arch: a, baseline: b }] : [],
        )
      : [],
  );
  const speedup = pairs.map((pair) => compare(reader, pair));
  const heldOut = heldOutPredictions(study, fit);
  const ownNoise = ownNoiseOf(study, reader.readings, pairs, drawing);
  return {
    options: { baselines, bootstraps, seed, isoflopMethod, level: 0.95 },
    cells: study.cells,
    isoflop,
    frontier,
    parallel,
    speedup,
    contrasts: contrastsOf(reader, contrasts),
    heldOut,
    residuals: residuals(study),
    seedNoise: study.seedNoise,
    pairedNoise: study.pairedNoise,
    ownNoise,
    leftOut: study.leftOut,
    warnings: [
      ...(affordable
        ? []
        : [
            `${study.rows.length} runs are too many for a bootstrap (the most is ${MOST_BOOTSTRAPPED_ROWS}), so no number has an interval.`,
          ]),
      ...warningsOf(study, baselines, { isoflop, frontier, parallel, speedup, heldOut, ownNoise }),
    ],
  };
}
