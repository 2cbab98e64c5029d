/** Speedup at one fixed size, by the finished runs of that size; log loss is interpolated in log compute, never beyond. */
import type { Interval } from './interval.js';
import type { FixedSizeSpeedup, Verdict } from './comparison.js';
import type { BootstrappedFit } from './bootstrap.js';
import type { Study } from './cells.js';
import { grouped } from './grouped.js';
import { quantileSorted } from './statistics.js';
import { type Pair, RANGE_TOLERANCE } from './studyFit.js';

/** ln of a ratio of computes that are one budget: sizes take whole steps. */
const SAME_BUDGET = 0.02;

/** ln of the factor where it is measured, or the bound that the measured compute sets. */
interface Crossing {
  readonly relation: '=' | '>' | '<';
  readonly logFactor: number;
}

/** Where the architecture's curve (points of ln FLOPs, ln loss by rising FLOPs) first comes down to the loss. */
function findCrossing(
  curve: readonly (readonly [number, number])[],
  logLoss: number,
  logBaselineFlops: number,
): Crossing {
  const [firstX, firstY] = curve[0]!;
  if (firstY < logLoss) return { relation: '>', logFactor: logBaselineFlops - firstX };
  for (let i = 1; i < curve.length; i++) {
    const [x0, y0] = curve[i - 1]!;
    const [x1, y1] = curve[i]!;
    if (y1 > logLoss) continue;
    const fraction = y0 === y1 ? 0 : (y0 - logLoss) / (y0 - y1);
    return { relation: '=', logFactor: logBaselineFlops - x0 - fraction * (x1 - x0) };
  }
  return { relation: '<', logFactor: logBaselineFlops - curve.at(-1)![0] };
}

/** A bound of (almost) the same compute is a bound of 1, strictly: the other did not get there with as much. */
function atLeastSign(bound: number, sign: 1 | -1): number {
  return (Math.abs(bound) < RANGE_TOLERANCE ? 0 : bound) + sign * 1e-9;
}

/** Quantile of values among which infinities stand for "outside of what was measured"; null where it is one of them. */
function censoredQuantile(values: readonly number[], p: number): number | null {
  const sorted = Float64Array.from(values).sort();
  const q = quantileSorted(sorted, p);
  return Number.isFinite(q) ? q : null;
}

const expOf = (x: number | null): number | null => (x === null ? null : Math.exp(x));

function intervalAndVerdict(
  point: Crossing,
  draws: readonly Crossing[],
): { factor: Interval | null; verdict: Verdict | null } {
  let low: number | null = null;
  let high: number | null = null;
  if (draws.length > 0) {
    const smallest = {
      '=': (c: Crossing) => c.logFactor,
      '>': (c: Crossing) => atLeastSign(c.logFactor, 1),
      '<': () => -Infinity,
    };
    const greatest = {
      '=': (c: Crossing) => c.logFactor,
      '>': () => Infinity,
      '<': (c: Crossing) => atLeastSign(c.logFactor, -1),
    };
    low = censoredQuantile(
      draws.map((c) => smallest[c.relation](c)),
      0.025,
    );
    high = censoredQuantile(
      draws.map((c) => greatest[c.relation](c)),
      0.975,
    );
  }
  const verdict = low !== null && low > 0 ? 'better' : high !== null && high < 0 ? 'worse' : 'not told apart';
  return {
    factor:
      point.relation === '='
        ? {
            value: Math.exp(point.logFactor),
            low: expOf(low),
            high: expOf(high),
            level: 0.95,
          }
        : null,
    verdict: draws.length === 0 ? null : verdict,
  };
}

/** The two architectures' cells of each size that both have, by rising budget. */
function commonSizes(study: Study, pair: Pair): { size: string; baseline: number[]; arch: number[] }[] {
  const bySize = (index: number): Map<string, number[]> => {
    const cells = study.archs[index]!.groups.flatMap((group) => study.groups[group]!.cells);
    return grouped(cells.map((cell) => [study.cells[cell]!.size, cell]));
  };
  const archSizes = bySize(pair.arch);
  return [...bySize(pair.baseline)].flatMap(([size, baseline]) => {
    const arch = archSizes.get(size);
    return arch ? [{ size, baseline, arch }] : [];
  });
}

/**
 * For every size that both have and that the architecture was trained at with two budgets or more: the compute of the
 * baseline's largest run, of those that are not beyond the architecture's, over the compute at which the architecture
 * reaches the loss that this run ends at. Beyond, there would be a bound that speaks of the budgets that were chosen.
 */
export function fixedSizeSpeedups(study: Study, fit: BootstrappedFit, pair: Pair): FixedSizeSpeedup[] {
  return commonSizes(study, pair).flatMap(({ size, baseline, arch }): FixedSizeSpeedup[] => {
    if (arch.length < 2) return [];
    const furthest = study.cells[arch.at(-1)!]!.flops;
    const within = baseline.filter((c) => Math.log(study.cells[c]!.flops / furthest) <= SAME_BUDGET);
    const last = within.at(-1);
    if (last === undefined) return [];
    const cell = study.cells[last]!;
    const cross = ({ cellMeans }: BootstrappedFit['point']): Crossing =>
      findCrossing(
        arch.map((c) => [Math.log(study.cells[c]!.flops), Math.log(cellMeans[c]!)] as const),
        Math.log(cellMeans[last]!),
        Math.log(cell.flops),
      );
    const point = cross(fit.point);
    const { factor, verdict } = intervalAndVerdict(point, fit.draws.map(cross));
    return [
      {
        size,
        dModel: cell.dModel,
        nLayers: cell.nLayers,
        budgetFlops: cell.budgetFlops,
        baselineFlops: cell.flops,
        lossNats: cell.lossNats,
        relation: point.relation,
        bound: point.relation === '=' ? null : Math.exp(point.logFactor),
        factor,
        verdict,
        nBudgets: arch.length,
      },
    ];
  });
}
