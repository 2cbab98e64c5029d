/** All that is fitted to one set of losses: the same function gives the answer and, on resampled losses, its bootstrap. */
import { akima, akimaAt, akimaMinimum } from './akima.js';
import type { Group, Study } from './cells.js';
import {
  findMinimum,
  fitParabola,
  insideSizes,
  interpolate,
  type Minimum,
  type Parabola,
  parabolaAt,
} from './isoflop.js';
import { fitPowerLaw, type LogLaw, type LogPoint } from './powerLaw.js';
import { mean } from './statistics.js';

/** With fewer sizes an interpolation finds its minimum at one of them. */
const SIZES_FOR_AKIMA = 5;

/**
 * Compute this close (in ln) to the end of a measured range counts as inside: a budget is spent to within one step,
 * and 100 steps are the least that any run is worth.
 */
export const RANGE_TOLERANCE = 0.01;

export const isSameBudget = (a: number, b: number): boolean => Math.abs(Math.log(a / b)) <= RANGE_TOLERANCE;

/** Two architectures of one family, as indices into `Study.archs`. */
export interface Pair {
  readonly arch: number;
  readonly baseline: number;
}

/** An accepted optimum: what it costs is interpolated in logs between the sampled sizes. */
export interface Vertex {
  readonly logSize: number;
  readonly lossNats: number;
  /** ln of each of the study's costs; NaN where a neighbouring size was not measured. */
  readonly logCost: readonly number[];
  /** Only in a bootstrap draw: its parabola has no minimum inside the sampled sizes, and this is its lowest end. */
  readonly atEdge: boolean;
}

export interface StudyFit {
  /** Mean loss of each of the study's cells. */
  readonly cellMeans: Float64Array;
  /** The accepted optimum of each of the study's groups, or null. */
  readonly vertices: readonly (Vertex | null)[];
  /** Loss at optimal size against each cost, for each architecture of the study; null where fewer than 2 optima carry that cost. */
  readonly laws: readonly (readonly (LogLaw | null)[])[];
  /** The optima under each of these laws, by rising cost. */
  readonly optima: readonly (readonly (readonly LogPoint[])[])[];
}

/** Loss against ln(FLOPs per token) in one group. */
export interface GroupFit {
  readonly parabola: Parabola | null;
  /** The fitted curve inside the sampled sizes; null where there are too few sizes for one. */
  readonly curve: ((logSize: number) => number) | null;
  readonly minimum: Minimum;
}

/** The curve of one group and its minimum, by the study's method. */
export function fitGroup(study: Study, group: Group, losses: Float64Array): GroupFit {
  const [smallest, largest] = [group.logSize[0]!, group.logSize.at(-1)!];
  if (study.isoflopMethod === 'akima') {
    const means = group.cells.map((cell) => mean(study.rowsOfCell[cell]!.map((row) => losses[row]!)));
    return fitAkima(group.logSize, means);
  }
  const own = group.rows.map((row) => losses[row]!);
  const noise = study.seedNoise?.standardDeviation ?? 0;
  const parabola = fitParabola(group.rowLogSize, own, group.cells.length, noise);
  return {
    parabola,
    curve: parabola && ((logSize) => parabolaAt(parabola, logSize)),
    minimum: findMinimum(parabola, smallest, largest),
  };
}

function fitAkima(logSize: readonly number[], means: readonly number[]): GroupFit {
  if (logSize.length < SIZES_FOR_AKIMA) {
    const reason = `Fewer than ${SIZES_FOR_AKIMA} sizes were trained, which is too few for an interpolation to find a minimum.`;
    return { parabola: null, curve: null, minimum: { accepted: false, reason } };
  }
  const curve = akima(logSize, means);
  const { x, y } = akimaMinimum(curve);
  return {
    parabola: null,
    curve: (at) => akimaAt(curve, at),
    minimum: insideSizes(x, y, logSize[0]!, logSize.at(-1)!),
  };
}

/** Points (ln cost, ln loss) of an architecture's accepted optima, by rising budget. */
export function frontierPoints(
  vertices: readonly (Vertex | null)[],
  groups: readonly number[],
  cost: number,
): LogPoint[] {
  return groups.flatMap((group) => {
    const vertex = vertices[group];
    if (!vertex || !(vertex.lossNats > 0)) return [];
    const x = vertex.logCost[cost]!;
    return Number.isNaN(x) ? [] : [{ x, y: Math.log(vertex.lossNats) }];
  });
}

/** What a bootstrap draws beside the losses, and what it draws around. */
export interface DrawContext {
  /** The fit to the measured losses. */
  readonly point: StudyFit;
  /** Errors of ln seconds by cell; null where seconds are taken as exact. */
  readonly secondsErrors: Float64Array | null;
}

/** ln of what each cell of the group costs, by the study's costs. */
function logCosts(study: Study, group: Group, errors: Float64Array | null): readonly (readonly number[])[] {
  if (errors === null) return group.logCost;
  return group.logCost.map((values, cost) =>
    study.costs[cost]!.kind === 'seconds'
      ? values.map((value, i) => value + errors[group.cells[i]!]!)
      : values,
  );
}

/** The optimum of a group, or null where it is not accepted. A draw takes the lowest end instead. */
function vertexOf(
  study: Study,
  group: Group,
  losses: Float64Array,
  draw: DrawContext | undefined,
): Vertex | null {
  const { curve, minimum } = fitGroup(study, group, losses);
  const costs = logCosts(study, group, draw?.secondsErrors ?? null);
  const toVertex = (logSize: number, lossNats: number, atEdge: boolean): Vertex => ({
    logSize,
    lossNats,
    logCost: costs.map((values) => interpolate(logSize, group.logSize, values)),
    atEdge,
  });
  if (minimum.accepted) return toVertex(minimum.logSize, minimum.lossNats, false);
  if (draw === undefined || curve === null) return null;
  const ends = [group.logSize[0]!, group.logSize.at(-1)!] as const;
  const [left, right] = [curve(ends[0]), curve(ends[1])];
  return left < right ? toVertex(ends[0], left, true) : toVertex(ends[1], right, true);
}

/**
 * Fits the study to these losses, one for each of its rows.
 *
 * @param draw - where the losses are a draw of a bootstrap. Then the same budgets are under the laws as in the fit to the
 * measured losses, and where a draw's minimum leaves the sampled sizes, its lowest end inside them stands for it: dropping
 * such draws would keep only those that look well-behaved.
 */
export function fitStudy(study: Study, losses: Float64Array, draw?: DrawContext): StudyFit {
  const sums = new Float64Array(study.cells.length);
  for (let i = 0; i < losses.length; i++) sums[study.cellOfRow[i]!]! += losses[i]!;
  const cellMeans = sums.map((sum, cell) => sum / study.cells[cell]!.losses.length);

  const vertices = study.groups.map((group, index) =>
    draw?.point.vertices[index] === null ? null : vertexOf(study, group, losses, draw),
  );
  const points = study.archs.map(({ groups }) =>
    study.costs.map((_, cost) => frontierPoints(vertices, groups, cost)),
  );
  const laws = points.map((ofArch) => ofArch.map(fitPowerLaw));
  const optima = points.map((ofArch) => ofArch.map((ofCost) => ofCost.sort((a, b) => a.x - b.x)));
  return { cellMeans, vertices, laws, optima };
}
