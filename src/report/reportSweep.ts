/** From the name of a sweep to its report: loads the study, fits it, renders it. */
import { join } from 'node:path';
import type { Analysis } from '../fit/analysis.js';
import { analyse } from '../fit/analyse.js';
import { FitError } from '../fit/error.js';
import { loadStudy, type Study } from '../store/study.js';
import { contrastPairs } from './families.js';
import { sweepStyles } from './across/chart.js';
import { sweepsDocument } from './across/sweepsReport.js';
import { reportContext, type ReportInput } from './context.js';
import { documentFiles, renderReport, type RenderedReport } from './renderReport.js';
import { restrictStudy, type Selection } from './restrict.js';
import { writeReportFolder } from './writeReport.js';
import { UsageError } from '../store/errors.js';
import { isTuningSweep } from './resolved.js';

export interface ReportSweepOptions {
  /** Folder of the results; `results` unless told. */
  readonly resultsDir?: string;
  /** Folder of the report; `reports/<sweep>` unless told, `reports/<sweep>-and-<sweep>` of several. */
  readonly outDir?: string;
  /** Where the index lies, if not in the results folder. */
  readonly dbPath?: string;
  /** Draws behind the intervals; 2,000 unless told. */
  readonly bootstraps?: number;
  /** Also figures as PDF and tables as LaTeX. */
  readonly paper?: boolean;
  /** Compare with these, or show these only, in place of what the sweep names. */
  readonly selection?: Selection;
}

export interface SweepReport extends RenderedReport {
  readonly analysis: Analysis;
}

/** Loads and fits a sweep, restricted to a selection. @throws UsageError where there is no such sweep or name */
export function loadInput(name: string, options: ReportSweepOptions = {}): ReportInput {
  const { resultsDir = 'results', dbPath, bootstraps, selection = NO_SELECTION } = options;
  const whole = loadStudy(resultsDir, name, dbPath === undefined ? {} : { dbPath });
  const study = restrictStudy(whole, selection);
  return { study, analysis: analysisOf(study, bootstraps === undefined ? {} : { bootstraps }) };
}

const NO_SELECTION: Selection = { baselines: [], variants: [] };

/**
 * Renders the report of a sweep.
 *
 * @throws UsageError where there is no such sweep, or where the report can't be written
 */
export async function reportSweep(name: string, options: ReportSweepOptions = {}): Promise<SweepReport> {
  const { outDir = join('reports', name), paper = false } = options;
  const input = loadInput(name, options);
  return { ...(await renderReport({ ...input, outDir, paper })), analysis: input.analysis };
}

export interface SweepsReport extends RenderedReport {
  readonly analyses: Readonly<Record<string, Analysis>>;
}

/**
 * Renders the report that sets several sweeps side by side.
 *
 * @throws UsageError as `reportSweep`, or where a sweep is named twice
 */
export async function reportSweeps(
  names: readonly string[],
  options: ReportSweepOptions = {},
): Promise<SweepsReport> {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UsageError(`The sweep ${twice} is named twice; a sweep always agrees with itself.`);
  const contexts = names.map((name) => reportContext(loadInput(name, options)));
  const document = sweepsDocument(contexts);
  const { outDir = join('reports', document.name), paper = false } = options;
  const files = await documentFiles(document, sweepStyles(contexts), paper);
  const paths = writeReportFolder(outDir, files);
  const analyses = Object.fromEntries(contexts.map(({ study, analysis }) => [study.sweep.name, analysis]));
  return { ...paths, document, files: files.map((file) => file.path), analyses };
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
    return analyse(study.fitRows, { baselines, contrasts: contrastPairs(study), ...options });
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
    contrasts: [],
    heldOut: [],
    residuals: [],
    seedNoise: null,
    pairedNoise: null,
    ownNoise: null,
    leftOut: [],
    warnings: [reason],
  };
}
