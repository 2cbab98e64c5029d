/** Everything that can be fitted to a set of runs, as one object: what `isoloss fit --json` prints. */
import { analyse } from './analyse.js';
import type { Analysis } from './analysis.js';
import type { IsoflopMethod } from './cells.js';
import { FitError } from './error.js';
import { type OptimaLaws, optimaLaws } from './optima.js';
import { fitOverTraining, type OverTrainingFit } from './overTraining.js';
import { fitParametric, type ParametricFit, type ParametricOptions } from './parametricFit.js';
import type { RunSet } from './runSet.js';

export interface FitRunsOptions extends ParametricOptions {
  readonly baselines?: readonly string[];
  /** Form in N and D: the Chinchilla form unless told. */
  readonly form?: 'chinchilla' | 'over-training';
  /** How the optimal size of a budget is found; `parabola` unless told. */
  readonly isoflopMethod?: IsoflopMethod;
  /** The rows are optima already, one a budget: fit their laws against compute and nothing else. */
  readonly optima?: boolean;
}

export interface FitReport {
  readonly source: string;
  readonly paramsConvention: string;
  readonly columns: RunSet['columns'];
  readonly nRows: number;
  readonly dropped: RunSet['dropped'];
  /** The fit in N and D of the only architecture; null where there are several (`parametricByArch`) or none could be made. */
  readonly parametric: ParametricFit | OverTrainingFit | null;
  readonly parametricByArch: Readonly<Record<string, ParametricFit | OverTrainingFit>>;
  readonly optima: readonly OptimaLaws[];
  readonly isoflop: Analysis['isoflop'];
  readonly frontier: Analysis['frontier'];
  readonly parallel: Analysis['parallel'];
  readonly speedup: Analysis['speedup'];
  readonly heldOut: Analysis['heldOut'];
  readonly seedNoise: Analysis['seedNoise'];
  readonly pairedNoise: Analysis['pairedNoise'];
  readonly ownNoise: Analysis['ownNoise'];
  readonly warnings: readonly string[];
}

/** Fits the runs. A form that can't be fitted is a warning with its reason, unless nothing at all can be fitted. */
export async function fitRuns(set: RunSet, options: FitRunsOptions = {}): Promise<FitReport> {
  const { baselines = [], form = 'chinchilla', optima = false } = options;
  const warnings = [...set.notes, ...(optima ? [] : set.isoflopNotes)];
  if (set.dropped.length > 0) {
    const lines = set.dropped.slice(0, 5).map(({ line, reason }) => `line ${line}: ${reason}`);
    const more = set.dropped.length > 5 ? '; and so on' : '';
    warnings.push(
      `${set.dropped.length} ${set.dropped.length === 1 ? 'row was' : 'rows were'} dropped (${lines.join('; ')}${more}).`,
    );
  }
  const nRows = [...set.points.values()].reduce((sum, points) => sum + points.length, 0);
  const failures: FitError[] = [];

  const fits = new Map<string, ParametricFit | OverTrainingFit>();
  for (const [arch, rows] of optima ? [] : set.parametric) {
    const label = set.parametric.size > 1 ? `${arch}: ` : '';
    try {
      const { fit } =
        form === 'chinchilla' ? await fitParametric(rows, options) : fitOverTraining(rows, options);
      fits.set(arch, fit);
      warnings.push(...fit.warnings.map((warning) => label + warning));
    } catch (error) {
      if (!(error instanceof FitError)) throw error;
      failures.push(error);
      warnings.push(`${label}no fit in N and D. ${error.message}`);
    }
  }

  let analysis: Analysis | null = null;
  if (!optima && set.rows.length > 0) {
    const { bootstraps, seed, isoflopMethod } = options;
    try {
      analysis = analyse(set.rows, {
        baselines,
        ...(bootstraps === undefined ? {} : { bootstraps }),
        ...(seed === undefined ? {} : { seed }),
        ...(isoflopMethod === undefined ? {} : { isoflopMethod }),
      });
      warnings.push(...analysis.warnings);
    } catch (error) {
      if (!(error instanceof FitError)) throw error;
      failures.push(error);
      warnings.push(`No isoFLOP fit. ${error.message}`);
    }
  }
  const laws = optima ? [...set.points].map(([arch, points]) => optimaLaws(arch, points)) : [];
  const [first] = failures;
  if (first !== undefined && fits.size === 0 && analysis === null) throw first;
  return {
    source: set.source,
    paramsConvention: set.paramsConvention,
    columns: set.columns,
    nRows,
    dropped: set.dropped,
    parametric: (set.parametric.size === 1 ? [...fits.values()][0] : undefined) ?? null,
    // An architecture may have any name, `__proto__` too, which a plain assignment would lose.
    parametricByArch: Object.fromEntries(fits),
    optima: laws,
    isoflop: analysis?.isoflop ?? [],
    frontier: analysis?.frontier ?? [],
    parallel: analysis?.parallel ?? [],
    speedup: analysis?.speedup ?? [],
    heldOut: analysis?.heldOut ?? [],
    seedNoise: analysis?.seedNoise ?? null,
    pairedNoise: analysis?.pairedNoise ?? null,
    ownNoise: analysis?.ownNoise ?? null,
    warnings,
  };
}
