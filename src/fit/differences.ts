/** Differences of loss between two architectures where no law is needed: at one budget, and at equal size and seed. */
import type { BudgetDifference, Interval, PairedDifference } from './analysis.js';
import { type BootstrappedFit, intervalOf } from './bootstrap.js';
import type { Study } from './cells.js';
import { studentQuantile } from './distributions.js';
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
    const { low, high } = differenceNats;
    const verdict =
      low === null || high === null ? null : high < 0 ? 'better' : low > 0 ? 'worse' : 'not told apart';
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
  const cellsOf = (index: number) =>
    study.archs[index]!.groups.flatMap((group) => study.groups[group]!.cells.map((c) => study.cells[c]!));
  const others = cellsOf(pair.arch);
  return cellsOf(pair.baseline).flatMap((own): PairedDifference[] => {
    const other = others.find((cell) => arePaired(own, cell));
    const differences = other ? pairedDifferences(own, other) : [];
    if (differences.length === 0) return [];
    const value = mean(differences);
    const interval = (): Interval => {
      if (paired === null) return { value, low: null, high: null, level: 0.95 };
      const quantile = studentQuantile(0.975, paired.degreesOfFreedom);
      const half = (quantile * paired.standardDeviation) / Math.sqrt(differences.length);
      return { value, low: value - half, high: value + half, level: 0.95 };
    };
    return [
      {
        budgetFlops: own.budgetFlops,
        size: own.size,
        dModel: own.dModel,
        nLayers: own.nLayers,
        nSeeds: differences.length,
        differenceNats: interval(),
      },
    ];
  });
}
