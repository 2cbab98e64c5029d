/** Differences of loss between two architectures where no law is needed: at one budget, and at equal size and seed. */
import type { Cell } from './analysis.js';
import type { Interval } from './interval.js';
import type { BudgetDifference, OtherSizeDifference, PairedDifference, Verdict } from './comparison.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { studentQuantile } from './distributions.js';
import { computeAtEqualLoss, type LossDifference } from './equalLoss.js';
import { arePaired, pairedDifferences, type PooledDeviation } from './noise.js';
import type { Pair } from './studyFit.js';
import { mean } from './statistics.js';

/** Loss of the architecture minus that of the baseline at every budget where both have an accepted minimum. */
export function budgetDifferences(study: Study, fit: BootstrappedFit, pair: Pair): BudgetDifference[] {
  return study.archs[pair.baseline]!.groups.flatMap((own): BudgetDifference[] => {
    const { budgetFlops } = study.groups[own]!;
    const other = study.archs[pair.arch]!.groups.find(
      (group) => study.groups[group]!.budgetFlops === budgetFlops,
    );
    const baselineLossNats = fit.point.vertices[own]?.lossNats;
    if (other === undefined || baselineLossNats === undefined) return [];
    const losses = (draw: BootstrappedFit['point']): [number, number] | null => {
      const a = draw.vertices[own];
      const b = draw.vertices[other];
      return a && b ? [a.lossNats, b.lossNats] : null;
    };
    const differenceNats = intervalOf(fit, (draw) => {
      const pairOfLosses = losses(draw);
      return pairOfLosses && pairOfLosses[1] - pairOfLosses[0];
    });
    const relativeDifference = intervalOf(fit, (draw) => {
      const pairOfLosses = losses(draw);
      return pairOfLosses && pairOfLosses[1] / pairOfLosses[0] - 1;
    });
    if (differenceNats === null || relativeDifference === null) return [];
    const verdict = lossVerdict(differenceNats);
    return [{ budgetFlops, baselineLossNats, differenceNats, relativeDifference, verdict }];
  });
}

/**
 * Mean difference at every budget and size over the seeds that both have. The interval is Student's t on the
 * standard deviation of paired differences, pooled over the two architectures' cells.
 */
export function sameSizeDifferences(
  study: Study,
  pair: Pair,
  paired: PooledDeviation | null,
): PairedDifference[] {
  const others = cellsOf(study, pair.arch);
  const ladder = cellsOf(study, pair.baseline);
  return ladder.flatMap((own): PairedDifference[] => {
    const other = others.find((cell) => arePaired(own, cell));
    const differences = other ? pairedDifferences(own, other) : [];
    if (differences.length === 0) return [];
    const error = paired && errorOf(paired, 1 / differences.length);
    const { budgetFlops, size, dModel, nLayers } = own;
    const difference = differenceOf(study, ladder, own, { value: mean(differences), error });
    return [{ budgetFlops, size, dModel, nLayers, nSeeds: differences.length, ...difference }];
  });
}

/** Differences of the architecture's sizes that the baseline lacks, at budgets where the baseline has one size. */
export function otherSizeDifferences(study: Study, pair: Pair): OtherSizeDifference[] {
  const ladder = cellsOf(study, pair.baseline);
  return cellsOf(study, pair.arch).flatMap((cell): OtherSizeDifference[] => {
    const [own, ...more] = ladder.filter((entry) => entry.budgetFlops === cell.budgetFlops);
    if (own === undefined || more.length > 0 || own.size === cell.size) return [];
    const [n, m] = [cell.losses.length, own.losses.length];
    const error = study.seedNoise && errorOf(study.seedNoise, 1 / n + 1 / m);
    const { budgetFlops, size, dModel, nLayers } = cell;
    const difference = differenceOf(study, ladder, own, { value: cell.lossNats - own.lossNats, error });
    return [
      { budgetFlops, size, baselineSize: own.size, dModel, nLayers, nSeeds: Math.min(n, m), ...difference },
    ];
  });
}

function cellsOf(study: Study, arch: number): Cell[] {
  return study.archs[arch]!.groups.flatMap((group) => study.groups[group]!.cells.map((c) => study.cells[c]!));
}

/** Standard error of a mean whose variance is `share` of one value's, and the quantile of its 95% interval. */
function errorOf({ standardDeviation, degreesOfFreedom }: PooledDeviation, share: number) {
  return {
    standardError: standardDeviation * Math.sqrt(share),
    quantile: studentQuantile(0.975, degreesOfFreedom),
  };
}

/** A difference with its interval, what it says, and the compute that it is worth along the baseline's cells of that size. */
function differenceOf(
  study: Study,
  cells: readonly Cell[],
  own: Cell,
  difference: LossDifference,
): Pick<PairedDifference, 'differenceNats' | 'verdict' | 'compute'> {
  const { value, error } = difference;
  const half = error && error.standardError * error.quantile;
  const differenceNats: Interval = {
    value,
    low: half === null ? null : value - half,
    high: half === null ? null : value + half,
    level: 0.95,
  };
  const ladder = cells.filter(({ size }) => size === own.size);
  const compute =
    ladder.length < 2
      ? null
      : computeAtEqualLoss(
          ladder.map((cell) => ({
            logFlops: Math.log(cell.flops),
            lossNats: cell.lossNats,
            seeds: cell.losses.length,
          })),
          ladder.indexOf(own),
          difference,
          study.seedNoise?.standardDeviation ?? 0,
        );
  return { differenceNats, verdict: lossVerdict(differenceNats), compute };
}

/** A lower loss is better; an interval that holds 0 tells nothing apart, and none tells nothing. */
function lossVerdict({ low, high }: Interval): Verdict | null {
  if (low === null || high === null) return null;
  if (high < 0) return 'better';
  return low > 0 ? 'worse' : 'not told apart';
}
