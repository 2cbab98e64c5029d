/** What every part of a report reads: the study, its analysis and what follows from both (order, styles, families). */
import type { Analysis } from '../fit/analysis.js';
import type { Speedup } from '../fit/comparison.js';
import { isBaseline } from '../fit/warnings.js';
import type { RunRecord } from '../store/record.js';
import type { Study } from '../store/study.js';
import { archInfos, claimsOf, type ArchInfo, type Claim } from './families.js';
import { resolvedInfo, type ResolvedInfo } from './resolved.js';
import { seriesStyles, type SeriesStyle } from './theme.js';

export interface ReportInput {
  readonly study: Study;
  readonly analysis: Analysis;
}

export interface ReportContext extends ReportInput, ResolvedInfo {
  /** Architectures that have a run, family by family: its baselines first, then the others as the sweep lists them. */
  readonly archs: readonly ArchInfo[];
  readonly styles: ReadonlyMap<string, SeriesStyle>;
  /** Families of positions, that of the first baseline first: it is the headline's. */
  readonly families: readonly string[];
  /**
   * Comparisons by family and in the order of baselines, then of architectures, other baselines last. Of two baselines against each other
   * only the later one over the earlier one is kept: the other is its reciprocal.
   */
  readonly comparisons: readonly Speedup[];
  /** The comparisons by what they compare, which may be the same in several families. */
  readonly claims: readonly Claim[];
  readonly runsById: ReadonlyMap<string, RunRecord>;
}

/** Derives the order and the styles that all parts of a report share. */
export function reportContext(input: ReportInput): ReportContext {
  const { study, analysis } = input;
  const archs = archInfos(study);
  const { baselines } = study.sweep;
  const families = [...new Set(archs.map((a) => a.positions))];
  const rank = (arch: string): number => archs.findIndex((a) => a.arch === arch);
  const isReverse = (c: Speedup): boolean =>
    rank(c.arch) < rank(c.baseline) &&
    analysis.speedup.some((d) => d.arch === c.baseline && d.baseline === c.arch);
  const comparisons = analysis.speedup
    .filter((c) => !isReverse(c))
    .sort(
      (a, b) =>
        families.indexOf(a.positions) - families.indexOf(b.positions) ||
        rank(a.baseline) - rank(b.baseline) ||
        Number(isBaseline(a.arch, baselines)) - Number(isBaseline(b.arch, baselines)) ||
        rank(a.arch) - rank(b.arch),
    );
  return {
    ...input,
    ...resolvedInfo(study),
    archs,
    styles: seriesStyles(archs),
    families,
    comparisons,
    claims: claimsOf(archs, comparisons),
    runsById: new Map(study.runs.map((run) => [run.runKey, run])),
  };
}

/** Architectures of one family, in the report's order. */
export function archsOfFamily(context: ReportContext, positions: string): string[] {
  return context.archs.filter((a) => a.positions === positions).map((a) => a.arch);
}
