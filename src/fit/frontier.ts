/** The frontier of each architecture: its power laws with intervals, and the band for drawing. */
import type { Cell, Frontier, FrontierReading, IsoflopFit, ParamsConvention, PowerLaw } from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Group, Study } from './cells.js';
import { saturatingLaw } from './forms.js';
import { interpolate } from './isoflop.js';
import { lawLackOfFit } from './lackOfFit.js';
import { fitPowerLaw, type LogPoint, meanRelativeError } from './powerLaw.js';
import { lineOf, lossAt, rangeOf, readingOf } from './reading.js';
import { frontierPoints, type StudyFit, type Vertex } from './studyFit.js';

const BAND_POINTS = 25;

/** Ways of counting N, the default first; null where a cell does not say. */
const PARAMS_CONVENTIONS: readonly {
  readonly convention: ParamsConvention;
  readonly count: (cell: Cell) => number | null;
}[] = [
  {
    convention: 'non-embedding plus output matrix',
    count: ({ paramsNonEmbedding, paramsOutput }) =>
      paramsOutput === null ? null : paramsNonEmbedding + paramsOutput,
  },
  { convention: 'non-embedding', count: (cell) => cell.paramsNonEmbedding },
  { convention: 'total', count: (cell) => cell.paramsTotal },
];

/** A power law with intervals of the points that `pointsOf` reads off a fit; null where the fit gives none. */
export function lawWithIntervals(
  fit: BootstrappedFit,
  pointsOf: (fit: StudyFit) => LogPoint[],
): PowerLaw | null {
  const points = pointsOf(fit.point);
  const law = fitPowerLaw(points);
  const drawn = new Map([fit.point, ...fit.draws].map((draw) => [draw, fitPowerLaw(pointsOf(draw))]));
  const coefficient = intervalOf(fit, (draw) => {
    const own = drawn.get(draw);
    return own ? Math.exp(own.logCoefficient) : null;
  });
  const exponent = intervalOf(fit, (draw) => drawn.get(draw)?.exponent ?? null);
  if (law === null || coefficient === null || exponent === null) return null;
  return {
    coefficient,
    exponent,
    nPoints: law.nPoints,
    range: [Math.exp(law.logMin), Math.exp(law.logMax)],
    inSampleError: meanRelativeError(law, points),
  };
}

/** The frontier of every architecture. */
export function frontiers(study: Study, fit: BootstrappedFit, isoflop: readonly IsoflopFit[]): Frontier[] {
  return study.archs.map(({ arch, positions, groups }, index): Frontier => {
    const accepted = groups.filter((group) => fit.point.vertices[group] !== null);
    /** Points of ln FLOPs against something read off the optimum. */
    const against =
      (read: (vertex: Vertex, group: Group) => number) =>
      (draw: StudyFit): LogPoint[] =>
        groups.flatMap((group) => {
          const vertex = draw.vertices[group];
          return vertex ? [{ x: vertex.logCost[0]!, y: read(vertex, study.groups[group]!) }] : [];
        });
    const law = lawWithIntervals(fit, (draw) => frontierPoints(draw.vertices, groups, 0));
    const lackOfFit = lawLackOfFit(study, fit.point.vertices, groups);
    const reading = readingOf(lackOfFit);
    const optimalParams = PARAMS_CONVENTIONS.flatMap(({ convention, count }) => {
      const counts = groups.flatMap((group) =>
        study.groups[group]!.cells.map((cell) => count(study.cells[cell]!)),
      );
      if (law === null || counts.includes(null)) return [];
      const paramsLaw = lawWithIntervals(
        fit,
        against((vertex, { logSize, cells }) =>
          interpolate(
            vertex.logSize,
            logSize,
            cells.map((cell) => Math.log(count(study.cells[cell]!)!)),
          ),
        ),
      );
      return paramsLaw === null ? [] : [{ convention, law: paramsLaw }];
    });
    return {
      arch,
      positions,
      points: accepted.map((group) => {
        const { budgetFlops, optimum } = isoflop[group]!;
        return { budgetFlops, flops: optimum!.flops, lossNats: optimum!.lossNats };
      }),
      law,
      reason: law
        ? null
        : `A law needs 2 budgets with an accepted minimum; ${arch} has ${accepted.length} of ${groups.length}.`,
      lackOfFit,
      reading,
      saturating: saturatingLaw(study, fit, groups),
      band: bandOf(fit, index, reading),
      optimalFlopsPerToken:
        law &&
        lawWithIntervals(
          fit,
          against((vertex) => vertex.logSize),
        ),
      optimalParamsNonEmbedding:
        optimalParams.find(({ convention }) => convention === 'non-embedding')?.law ?? null,
      optimalParams,
      optimalTokens:
        law &&
        lawWithIntervals(
          fit,
          against((vertex) => vertex.logCost[2]!),
        ),
    };
  });
}

/** The line that speedups read, with its interval: evenly over the measured range, and at every optimum, where it may turn. */
function bandOf(fit: BootstrappedFit, index: number, reading: FrontierReading): Frontier['band'] {
  const line = lineOf(fit.point, index, 0, reading);
  if (line === null) return [];
  const { logMin, logMax } = rangeOf(line);
  const even = Array.from(
    { length: BAND_POINTS },
    (_, i) => logMin + ((logMax - logMin) * i) / (BAND_POINTS - 1),
  );
  const turns = line.kind === 'optima' ? line.points.slice(1, -1).map(({ x }) => x) : [];
  return [...even, ...turns]
    .sort((a, b) => a - b)
    .map((logFlops) => ({
      flops: Math.exp(logFlops),
      lossNats: intervalOf(fit, (draw) => {
        const drawn = lineOf(draw, index, 0, reading);
        return drawn && Math.exp(lossAt(drawn, logFlops));
      })!,
    }));
}
