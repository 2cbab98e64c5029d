/** The one thing a fit reads: plain rows, one finished run each. `src/fit` knows nothing else of the project. */

/** What became of a run; only `done` enters a fit or a frontier, `diverged` counts as infinite loss in tuning. */
export type RunStatus = 'planned' | 'running' | 'interrupted' | 'done' | 'diverged' | 'failed';

/** One run as a fit sees it. Field names are read by programs and stay as they are. */
export interface FitRow {
  /** Run key, or any identifier unique among the rows. */
  readonly id: string;
  readonly sweep: string;
  /** Architecture label; runs with different positions have different labels, so they never share a frontier. */
  readonly arch: string;
  /** Family of positions the run belongs to: absolute, relative, rotary (or what a user's variant calls its own). */
  readonly positions: string;
  readonly seed: number;
  /** Bootstrap unit: runs that share a trunk carry the same value; an unbranched run is its own. */
  readonly trunk: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly paramsTotal: number;
  readonly paramsNonEmbedding: number;
  readonly paramsActive: number;
  /** Training tokens. */
  readonly tokens: number;
  /** Optimizer steps; NaN where an imported row does not say. */
  readonly steps: number;
  /** Training FLOPs by FLOP rule 1, all operations. */
  readonly flops: number;
  /** The matrix products among them; NaN where an imported row does not say. */
  readonly flopsMatmul: number;
  /** The budget that this run was planned for: the cell it belongs to. */
  readonly budgetFlops: number;
  /** Median from `isoloss time` for this (architecture, size), or null where it was not measured. */
  readonly secondsPerStep: number | null;
  /** Hardware string of that timing; seconds are compared only within one string. */
  readonly hardware: string | null;
  /** Held-out (test) loss at the last step, nats per token. */
  readonly lossNats: number;
  readonly bitsPerByte: number | null;
  readonly status: RunStatus;
}

/** A row that also knows what not every table of runs tells. */
export interface CountedFitRow extends FitRow {
  /** Relative standard error of `secondsPerStep`, which is taken as exact where this is not given. */
  readonly secondsError?: number;
  /** Parameters of the output matrix, tied or not, which laws in N count with the non-embedding ones by default. */
  readonly paramsOutput?: number;
}

/** Fits square losses, and multiply squares: those of larger ones would leave the range of numbers. */
export const LARGEST_LOSS = 1e50;
