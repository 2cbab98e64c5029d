/**
 * A frontier as speedups read it: off its power law, or, where that law is not what the optima lie on, off straight lines (in
 * log-log) between the optima themselves. A law that misses its optima has at no budget the loss that was measured there.
 */
import type { Frontier, FrontierReading, LackOfFit } from './analysis.js';
import { lawAt, lawReaches, type LogLaw, type LogPoint } from './powerLaw.js';
import type { StudyFit } from './studyFit.js';

/** Lack of fit at this level is a finding: many architectures and budgets go through such tests. */
export const SURPRISING = 0.01;

/** Loss against one cost at optimal size, both in logs. */
export type FrontierLine =
  | { readonly kind: 'law'; readonly law: LogLaw }
  /** At least two, by rising cost. */
  | { readonly kind: 'optima'; readonly points: readonly LogPoint[] };

/** How the frontier with this lack of fit is read. */
export function readingOf(lackOfFit: LackOfFit | null): FrontierReading {
  return lackOfFit !== null && lackOfFit.pValue < SURPRISING ? 'optima' : 'law';
}

/** How the frontier of each architecture of the study is read. */
export type Readings = readonly FrontierReading[];

export const readingsOf = (frontier: readonly Frontier[]): Readings => frontier.map(({ reading }) => reading);

/** The line of an architecture in a fit; null where fewer than two optima carry the cost. */
export function lineOf(
  fit: StudyFit,
  arch: number,
  cost: number,
  reading: FrontierReading,
): FrontierLine | null {
  const law = fit.laws[arch]![cost] ?? null;
  if (law === null) return null;
  return reading === 'law' ? { kind: 'law', law } : { kind: 'optima', points: fit.optima[arch]![cost]! };
}

/** ln of the costs between which the line was measured. */
export function rangeOf(line: FrontierLine): { readonly logMin: number; readonly logMax: number } {
  if (line.kind === 'law') return line.law;
  return { logMin: line.points[0]!.x, logMax: line.points.at(-1)!.x };
}

/** Optima under the line. */
export function pointsUnder(line: FrontierLine): number {
  return line.kind === 'law' ? line.law.nPoints : line.points.length;
}

/** ln loss at ln cost; beyond the optima on the outermost straight line. */
export function lossAt(line: FrontierLine, logCost: number): number {
  if (line.kind === 'law') return lawAt(line.law, logCost);
  const { points } = line;
  const next = points.findIndex(({ x }) => x >= logCost);
  const right = next < 0 ? points.length - 1 : Math.max(1, next);
  const [a, b] = [points[right - 1]!, points[right]!];
  return a.y + ((b.y - a.y) * (logCost - a.x)) / (b.x - a.x);
}

/** ln of the least cost at which the line has this ln loss, wherever that is; null where it never does. */
export function reaches(line: FrontierLine, logLoss: number): number | null {
  if (line.kind === 'law') return lawReaches(line.law, logLoss);
  const { points } = line;
  const within = points.findIndex(({ y }) => y <= logLoss);
  // Before the first optimum and after the last one on the outermost lines, if these fall.
  const right = within < 0 ? points.length - 1 : Math.max(1, within);
  const [a, b] = [points[right - 1]!, points[right]!];
  return b.y < a.y ? a.x + ((b.x - a.x) * (logLoss - a.y)) / (b.y - a.y) : null;
}
