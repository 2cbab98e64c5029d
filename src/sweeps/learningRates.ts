/** The learning rates of a sweep's cells: one number, a rule, a grid to be tried, or what a tuning sweep found. */
import type { ModelSetup } from '../store/record.js';
import type { LoadedSweep } from './sweepFile.js';
import { flopsText } from './format.js';
import { transferredRate } from './transfer.js';
import {
  findTuned,
  readTunedRates,
  shapeOfModel,
  tunedRate,
  tunedSpecOf,
  type TunedSpec,
  tuningSweepName,
} from './tuned.js';
import { gridOfSize } from './tuningGrid.js';

export interface LearningRates {
  /** Rates to train a cell at; null where they were not tuned. */
  readonly of: (label: string, model: ModelSetup, budgetFlops: number) => readonly number[] | null;
  /** What to know of the rates that were given out so far, in a sentence each. */
  readonly remarks: () => string[];
}

/** @throws UsageError where a sweep names tuned rates that can't be read or were tuned under other settings */
export function learningRates(loaded: LoadedSweep): LearningRates {
  const spec = loaded.sweep.learningRate;
  const remarks = (): string[] => [];
  if (typeof spec === 'number') return { of: () => [spec], remarks };
  if ('base' in spec) {
    return { of: (_, model) => [spec.base * Math.min(1, spec.referenceWidth / model.dModel)], remarks };
  }
  if ('grid' in spec) {
    const known = findTuned(loaded, loaded.sweep.name);
    return {
      of: (_, model, budgetFlops) => gridOfSize(loaded, spec, known, shapeOfModel(model), budgetFlops),
      remarks,
    };
  }
  if ('tune' in spec && findTuned(loaded, tuningSweepName(loaded.sweep.name)) === null) {
    const { grid } = spec.tune;
    return {
      of: () => [grid[grid.length >> 1]!],
      remarks: () => [
        'The learning rates are not tuned yet: the runs stand here with a rate from the middle of the grid, and will have other keys.',
      ],
    };
  }
  return tunedRates(loaded, tunedSpecOf(loaded.sweep)!);
}

function tunedRates(loaded: LoadedSweep, spec: TunedSpec): LearningRates {
  const { rates } = readTunedRates(loaded, spec);
  const atEdge = new Set<string>();
  const carriedTo = new Map<string, Set<string>>();
  return {
    of: (label, model, budgetFlops) => {
      const shape = shapeOfModel(model);
      const own = tunedRate(rates, label, shape, budgetFlops);
      if (own?.edge != null) {
        atEdge.add(
          `The tuned rate ${own.learningRate} of ${label}, ${sizeText(model)} is at the edge of its grid: not shown to be the best.`,
        );
      }
      const carried =
        own === null && spec.transfer === 'inverse-width'
          ? transferredRate(rates, label, shape, budgetFlops)
          : null;
      if (carried !== null) {
        const rule = `${sizeText(model)} not tuned; the rates of dModel ${carried.from.shape.dModel} at ${flopsText(carried.from.budgetFlops, 3)} FLOPs, times the ratio of the widths`;
        const named = carriedTo.get(rule) ?? new Set();
        carriedTo.set(rule, named.add(`${label} ${Number(carried.learningRate.toPrecision(4))}`));
      }
      const rate = own?.learningRate ?? carried?.learningRate;
      return rate === undefined ? null : (spec.factors ?? [1]).map((factor) => factor * rate);
    },
    remarks: () => [
      ...atEdge,
      ...[...carriedTo].map(([rule, named]) => `Learning rates of ${rule}: ${[...named].join(', ')}.`),
    ],
  };
}

const sizeText = ({ dModel, nLayers }: ModelSetup): string =>
  `dModel ${dModel}, ${nLayers} ${nLayers === 1 ? 'layer' : 'layers'}`;
