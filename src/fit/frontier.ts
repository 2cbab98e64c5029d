/** What is shown of each architecture: its isoFLOP curves, its frontier with laws and band, and whether frontiers are parallel. */
import type {
  Frontier,
  Interval,
  IsoflopFit,
  Optimum,
  ParallelTest,
  PowerLaw,
  Residual,
} from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Group, Study } from './cells.js';
import { lawLackOfFit, parabolaLackOfFit, saturatingLaw } from './forms.js';
import { interpolate } from './isoflop.js';
import { fitPowerLaw, fitSharedExponent, lawAt, type LogPoint, meanRelativeError } from './powerLaw.js';
import { fitGroup, frontierPoints, type StudyFit, type Vertex } from './studyFit.js';

/** Fewer optimizer steps than this make a run's loss say little about its architecture. */
const FEW_STEPS = 200;

/** Share of a budget that compute may be off before it is worth a word: a step is less than 1% of any run. */
const OFF_BUDGET = 0.02;

/** Share of bootstrap draws with the minimum outside of the sampled sizes that is worth a word. */
const UNSURE_SHARE = 0.05;

const CURVE_POINTS = 41;
const BAND_POINTS = 25;

function optimumOf(study: Study, fit: BootstrappedFit, index: number, vertex: Vertex): Optimum {
  const group = study.groups[index]!;
  const at = (pick: (cell: Study['cells'][number]) => number): number =>
    Math.exp(
      interpolate(
        vertex.logSize,
        group.logSize,
        group.cells.map((cell) => Math.log(pick(study.cells[cell]!))),
      ),
    );
  const derived = (derive: (vertex: Vertex) => number): Interval =>
    intervalOf(fit, (draw) => (draw.vertices[index] ? derive(draw.vertices[index]) : null))!;
  const seconds: Record<string, number> = {};
  study.costs.forEach((cost, i) => {
    const logCost = vertex.logCost[i]!;
    if (cost.kind === 'seconds' && cost.hardware !== null && !Number.isNaN(logCost))
      seconds[cost.hardware] = Math.exp(logCost);
  });
  return {
    flopsPerToken: derived((v) => Math.exp(v.logSize)),
    lossNats: derived((v) => v.lossNats),
    flops: Math.exp(vertex.logCost[0]!),
    flopsMatmul: Number.isNaN(vertex.logCost[1]!) ? null : Math.exp(vertex.logCost[1]!),
    tokens: Math.exp(vertex.logCost[2]!),
    paramsNonEmbedding: at((cell) => cell.paramsNonEmbedding),
    paramsTotal: at((cell) => cell.paramsTotal),
    seconds,
  };
}

/** Sentences without numbers of their own, so that warnings can name all the budgets that one holds for. */
function flagsOf(study: Study, fit: BootstrappedFit, index: number, group: Group, best: number): string[] {
  const cells = group.cells.map((cell) => study.cells[cell]!);
  const flags: string[] = [];
  const { steps } = cells[best]!;
  if (steps !== null && steps < FEW_STEPS) flags.push(`The best run has fewer than ${FEW_STEPS} steps.`);
  if (cells.length >= 3 && best === 0)
    flags.push('The size with the lowest loss is the smallest one trained.');
  if (cells.length >= 3 && best === cells.length - 1) {
    flags.push('The size with the lowest loss is the largest one trained.');
  }
  if (cells.some(({ flops }) => Math.abs(flops / group.budgetFlops - 1) > OFF_BUDGET)) {
    flags.push(`The compute of a run is more than ${OFF_BUDGET * 100}% off its budget.`);
  }
  const atEdge = fit.draws.filter((draw) => draw.vertices[index]?.atEdge).length;
  if (atEdge > UNSURE_SHARE * fit.draws.length) {
    flags.push(
      `Seed noise alone may have put the minimum inside the sampled sizes (in more than ${UNSURE_SHARE * 100}% of the bootstrap draws it is not).`,
    );
  }
  return flags;
}

/** Every architecture and budget: the parabola, its minimum or the reason why there is none, and what to know about it. */
export function isoflopFits(study: Study, fit: BootstrappedFit): IsoflopFit[] {
  return study.groups.map((group, index): IsoflopFit => {
    const { parabola, curve, minimum } = fitGroup(study, group, study.losses);
    const means = group.cells.map((cell) => study.cells[cell]!.lossNats);
    const best = means.indexOf(Math.min(...means));
    const bestCell = study.cells[group.cells[best]!]!;
    const [smallest, largest] = [group.logSize[0]!, group.logSize.at(-1)!];
    const vertex = fit.point.vertices[index] ?? null;
    return {
      arch: group.arch,
      positions: group.positions,
      budgetFlops: group.budgetFlops,
      nSizes: group.cells.length,
      nRuns: group.rows.length,
      accepted: minimum.accepted,
      reason: minimum.accepted ? null : minimum.reason,
      flags: flagsOf(study, fit, index, group, best),
      parabola,
      lackOfFit: parabolaLackOfFit(study, group.cells, group.logSize, parabola),
      curve:
        curve === null
          ? []
          : Array.from({ length: CURVE_POINTS }, (_, i) => {
              const logSize = smallest + ((largest - smallest) * i) / (CURVE_POINTS - 1);
              return { flopsPerToken: Math.exp(logSize), lossNats: curve(logSize) };
            }),
      optimum: vertex && optimumOf(study, fit, index, vertex),
      bestCell: {
        size: bestCell.size,
        flopsPerToken: bestCell.flopsPerToken,
        lossNats: bestCell.lossNats,
        steps: bestCell.steps,
      },
    };
  });
}

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
    const own = fit.point.laws[index]![0];
    const band = !own
      ? []
      : Array.from(
          { length: BAND_POINTS },
          (_, i) => own.logMin + ((own.logMax - own.logMin) * i) / (BAND_POINTS - 1),
        );
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
      lackOfFit: lawLackOfFit(study, fit, groups),
      saturating: saturatingLaw(fit, groups),
      band: band.map((logFlops) => ({
        flops: Math.exp(logFlops),
        lossNats: intervalOf(fit, (draw) => {
          const drawn = draw.laws[index]![0];
          return drawn ? Math.exp(lawAt(drawn, logFlops)) : null;
        })!,
      })),
      optimalFlopsPerToken:
        law &&
        lawWithIntervals(
          fit,
          against((vertex) => vertex.logSize),
        ),
      optimalParamsNonEmbedding:
        law &&
        lawWithIntervals(
          fit,
          against((vertex, group) =>
            interpolate(
              vertex.logSize,
              group.logSize,
              group.cells.map((cell) => Math.log(study.cells[cell]!.paramsNonEmbedding)),
            ),
          ),
        ),
      optimalTokens:
        law &&
        lawWithIntervals(
          fit,
          against((vertex) => vertex.logCost[2]!),
        ),
    };
  });
}

/** One test for each family of positions with two architectures that have a law. */
export function parallelTests(study: Study, fit: BootstrappedFit): ParallelTest[] {
  return [...new Set(study.archs.map((entry) => entry.positions))].flatMap((positions): ParallelTest[] => {
    const members = study.archs.filter(
      (entry, i) => entry.positions === positions && fit.point.laws[i]![0] !== null,
    );
    const shared = (draw: StudyFit) =>
      fitSharedExponent(members.map(({ groups }) => frontierPoints(draw.vertices, groups, 0)));
    const drawn = new Map([fit.point, ...fit.draws].map((draw) => [draw, shared(draw)]));
    const point = drawn.get(fit.point);
    const sharedExponent = intervalOf(fit, (draw) => drawn.get(draw)?.exponent ?? null);
    if (!point || sharedExponent === null) return [];
    return [
      {
        positions,
        archs: members.map((entry) => entry.arch),
        sharedExponent,
        coefficients: members.map(({ arch }, i) => ({
          arch,
          coefficient: intervalOf(fit, (draw) => {
            const own = drawn.get(draw);
            return own ? Math.exp(own.logCoefficients[i]!) : null;
          })!,
        })),
        fStatistic: point.fStatistic,
        degreesOfFreedom: point.degreesOfFreedom,
        pValue: point.pValue,
        rejected: point.pValue === null ? null : point.pValue < 0.05,
      },
    ];
  });
}

/** Distance of every run in a group with a curve from it. */
export function residuals(study: Study): Residual[] {
  return study.groups.flatMap((group) => {
    const { curve } = fitGroup(study, group, study.losses);
    if (curve === null) return [];
    return group.rows.map((row, i): Residual => {
      const { id, arch, tokens, flops, lossNats } = study.rows[row]!;
      return {
        runId: id,
        arch,
        budgetFlops: group.budgetFlops,
        flopsPerToken: Math.exp(group.rowLogSize[i]!),
        tokens,
        flops,
        residualNats: lossNats - curve(group.rowLogSize[i]!),
      };
    });
  });
}
