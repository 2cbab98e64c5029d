/** A study with some of its architectures only, for `--baseline` and `--variants`. */
import { isBaseline } from '../fit/warnings.js';
import { didYouMean } from '../ops/nearest.js';
import { UsageError } from '../store/errors.js';
import type { Study } from '../store/study.js';
import { listInWords } from './format.js';

export interface Selection {
  /** Empty for those of the sweep. A preset's name stands for it in every family of positions. */
  readonly baselines: readonly string[];
  /** Empty for all others. */
  readonly variants: readonly string[];
}

/**
 * Leaves the runs of the architectures that are named, and compares with the baselines named.
 *
 * @throws UsageError for a name that no architecture of the study has
 */
export function restrictStudy(study: Study, { baselines, variants }: Selection): Study {
  if (baselines.length === 0 && variants.length === 0) return study;
  const present = new Set([
    ...study.sweep.runs.map((run) => run.arch),
    ...study.fitRows.map((row) => row.arch),
  ]);
  requireArchitectures([...baselines, ...variants], [...present], study.sweep.name);
  const chosen = baselines.length === 0 ? study.sweep.baselines : baselines;
  const isKept = (arch: string): boolean =>
    isBaseline(arch, chosen) || variants.length === 0 || isBaseline(arch, variants);
  const runs = study.runs.filter((run) => isKept(run.arch));
  const keys = new Set(runs.map((run) => run.runKey));
  const sweepRuns = study.sweep.runs.filter((run) => isKept(run.arch));
  const listed = new Set(sweepRuns.map((run) => run.runKey));
  const leftOut = [...present].filter((arch) => !isKept(arch));
  const noticed = study.sweep.resolved['notices'];
  const notices: unknown[] = Array.isArray(noticed) ? noticed : [];
  const notice =
    leftOut.length === 0
      ? `The baselines are those asked for here: ${listInWords(chosen)}.`
      : `This report was asked to leave out ${listInWords(leftOut)}, which the sweep has too; the baselines are ${listInWords(chosen)}.`;
  return {
    ...study,
    sweep: {
      ...study.sweep,
      baselines: [...chosen],
      runs: sweepRuns,
      resolved: { ...study.sweep.resolved, notices: [...notices, notice] },
    },
    runs,
    fitRows: study.fitRows.filter((row) => isKept(row.arch)),
    curves: Object.fromEntries(Object.entries(study.curves).filter(([key]) => keys.has(key))),
    timings: study.timings && {
      ...study.timings,
      timings: study.timings.timings.filter(({ arch }) => isKept(arch)),
    },
    missing: study.missing.filter((key) => listed.has(key)),
  };
}

/**
 * @param present architectures of the runs; a preset's name stands for it in every family of positions
 * @param source what the runs are of
 * @throws UsageError for a name that none of them has
 */
export function requireArchitectures(
  names: readonly string[],
  present: readonly string[],
  source: string,
): void {
  for (const name of names) {
    if (present.some((arch) => isBaseline(arch, [name]))) continue;
    const known = [...new Set([...present, ...present.map((arch) => arch.split('@')[0]!)])];
    throw new UsageError(
      `No run of ${source} is of ${name}.${didYouMean(name, known)} Its architectures are ${listInWords(present)}.`,
    );
  }
}
