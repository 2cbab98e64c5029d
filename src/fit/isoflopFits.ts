/** What is shown of each architecture at each budget: its isoFLOP curve, the optimum with intervals, flags and residuals. */
import type { IsoflopFit, Optimum, Residual } from './analysis.js';
import type { Interval } from './interval.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Group, Study } from './cells.js';
import { parabolaLackOfFit } from './lackOfFit.js';
import { interpolate } from './isoflop.js';
import { rangeOf } from './statistics.js';
import { fitGroup, type Vertex } from './studyFit.js';

/** Fewer optimizer steps than this make a run's loss say little about its architecture. */
const FEW_STEPS = 200;

/** Share of a budget that compute may be off before it is worth a word: a step is less than 1% of any run. */
const OFF_BUDGET = 0.02;

/** Share of bootstrap draws with the minimum outside of the sampled sizes that is worth a word. */
const UNSURE_SHARE = 0.05;

/** Seed standard deviations that a minimum may lie below every size that was trained before it is worth a word. */
const BELOW_DEVIATIONS = 2;

/** Points of a curve for drawing. */
const CURVE_POINTS = 41;

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
  const vertex = fit.point.vertices[index];
  const noise = study.seedNoise?.standardDeviation ?? Infinity;
  if (vertex != null && cells[best]!.lossNats - vertex.lossNats > BELOW_DEVIATIONS * noise) {
    flags.push(
      `The minimum of the curve lies more than ${BELOW_DEVIATIONS} seed standard deviations below every size that was trained: how good the best size is, the curve says and no run.`,
    );
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
    const best = means.indexOf(rangeOf(means)[0]);
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
