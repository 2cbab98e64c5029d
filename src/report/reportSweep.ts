/** From the name of a sweep to its report: loads the study, fits it, renders it. */
import { join } from 'node:path';
import type { Analysis } from '../fit/analysis.js';
import { analyse } from '../fit/analyse.js';
import { FitError } from '../fit/error.js';
import { loadStudy, type Study } from '../store/study.js';
import { renderReport, type RenderedReport } from './renderReport.js';
import { isTuningSweep } from './resolved.js';

export interface ReportSweepOptions {
  /** Folder of the results; `results` unless told. */
  readonly resultsDir?: string;
  /** Folder of the report; `reports/<sweep>` unless told. */
  readonly outDir?: string;
  /** Where the index lies, if not in the results folder. */
  readonly dbPath?: string;
  /** Draws behind the intervals; 2,000 unless told. */
  readonly bootstraps?: number;
}

export interface SweepReport extends RenderedReport {
  readonly analysis: Analysis;
}

/**
 * Renders the report of a sweep.
 *
 * @throws UsageError where there is no such sweep, or where the report can't be written
 */
export async function reportSweep(name: string, options: ReportSweepOptions = {}): Promise<SweepReport> {
  const { resultsDir = 'results', outDir = join('reports', name), dbPath, bootstraps } = options;
  const study = loadStudy(resultsDir, name, dbPath === undefined ? {} : { dbPath });
  const analysis = analysisOf(study, bootstraps === undefined ? {} : { bootstraps });
  return { ...(await renderReport({ study, analysis, outDir })), analysis };
}

/** The fits of a study; where nothing can be fitted, an analysis that says why and has nothing else. */
export function analysisOf(study: Study, options: { readonly bootstraps?: number } = {}): Analysis {
  const { baselines } = study.sweep;
  if (isTuningSweep(study)) {
    return emptyAnalysis(
      baselines,
      'This sweep tries several learning rates at each size, so it is shown as a tuning and not fitted.',
    );
  }
  try {
    return analyse(study.fitRows, { baselines, ...options });
  } catch (error) {
    if (!(error instanceof FitError)) throw error;
    return emptyAnalysis(baselines, error.message);
  }
}

function emptyAnalysis(baselines: readonly string[], reason: string): Analysis {
  return {
    options: { baselines, bootstraps: 0, seed: 0, level: 0.95 },
    cells: [],
    isoflop: [],
    frontier: [],
    parallel: [],
    speedup: [],
    heldOut: [],
    residuals: [],
    seedNoise: null,
    pairedNoise: null,
    leftOut: [],
    warnings: [reason],
  };
}
