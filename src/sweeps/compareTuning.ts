/** Learning rates of a comparison: the base sweep's rule, or tuned ones, and the tuning sweep for those that are missing. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nearestTuned } from '../fit/learningRate.js';
import { UsageError } from '../store/errors.js';
import type { Architecture } from './architecture.js';
import { modelOf } from './expand.js';
import { CATALOGUE } from './plan.js';
import type { SweepFile } from './schema.js';
import { findSweepFile, type LoadedSweep, readSweepFile } from './sweepFile.js';
import {
  readTunedRates,
  sameShape,
  type Shape,
  shapeOfModel,
  tunedRate,
  tunedSpecOf,
  type TunedFile,
  type TunedRate,
  type TunedSpec,
} from './tuned.js';
import { tuningSweepOf } from './tuningSweep.js';

/** An architecture without a rate at a size and budget at which the first baseline has one. */
export interface MissingRate {
  readonly arch: string;
  readonly shape: Shape;
  /** The first baseline's, taken where nothing is tuned. */
  readonly borrowed: TunedRate;
}

export type ComparisonRates =
  | { readonly kind: 'rule'; readonly note: string }
  | {
      readonly kind: 'tuned';
      readonly note: string;
      readonly spec: Pick<TunedSpec, 'acceptDifferent' | 'transfer'>;
      readonly tuned: TunedFile;
      readonly missing: readonly MissingRate[];
      /** The tuning sweep to generate; null where rates are borrowed. */
      readonly tuning: SweepFile | null;
    };

/**
 * Where learning rates come from: the base sweep's rule, taken as it is; or tuned ones, and then what has none is tuned on
 * the same grid, sizes, budgets and seeds as the first baseline was.
 *
 * @param tune whether the variant is tuned; where undefined, if the sweep's rates are
 * @param all baselines first
 * @throws UsageError where the sweep has no rates that a comparison can take
 */
export function comparisonRates(
  tune: boolean | undefined,
  base: LoadedSweep,
  all: readonly Architecture[],
  sizeNames: ReadonlySet<string>,
  budgets: readonly number[],
): ComparisonRates {
  const { learningRate, name } = base.sweep;
  if (typeof learningRate === 'object' && 'grid' in learningRate) {
    throw new UsageError(`${name} is a tuning sweep; compare on the grid of a sweep that uses its rates.`);
  }
  const spec = tunedSpecOf(base.sweep);
  if (spec === null) {
    if (tune === true) {
      throw new UsageError(
        `The rates of ${name} are not tuned, and tuning the variant alone would be unfair: compare without --tune.`,
      );
    }
    return { kind: 'rule', note: `learning rates by the rule of ${name}, the same for all` };
  }
  const { sweeps, files, rates } = readTunedRates(base, spec);
  const names = sweeps.join(', ');
  const reference = all[0]!;
  const trials = trialsOf(base.sweep, spec, rates, reference, sizeNames, budgets);
  const missing = all.flatMap((arch) =>
    trials.flatMap(({ size, rate }): MissingRate[] => {
      const shape = shapeOfModel(modelOf(base.sweep, arch, base.sweep.sizes[size]!, CATALOGUE));
      const own = tunedRate(rates, arch.label, shape, rate.budgetFlops);
      return own?.budgetFlops === rate.budgetFlops ? [] : [{ arch: arch.label, shape, borrowed: rate }];
    }),
  );
  const { acceptDifferent, transfer } = spec;
  const shared: Omit<Extract<ComparisonRates, { kind: 'tuned' }>, 'tuning' | 'note'> = {
    kind: 'tuned',
    spec: { transfer, ...(acceptDifferent === undefined ? {} : { acceptDifferent }) },
    tuned: { ...files[0]!, rates: [...rates] },
    missing,
  };
  const without = [...new Set(missing.map(({ arch }) => arch))];
  if (missing.length === 0) return { ...shared, tuning: null, note: `learning rates of ${names}` };
  if (tune === false) {
    return {
      ...shared,
      tuning: null,
      note: `${without.join(', ')} at the tuned rates of ${reference.label}, not tuned`,
    };
  }
  const own = files.find((file) => file.rates.some(({ arch }) => arch === reference.label)) ?? files[0]!;
  const tuningBase = (tuningSweepOf(base, CATALOGUE) ?? readSweepFile(tuningFile(base, own.sweep), CATALOGUE))
    .sweep;
  return {
    ...shared,
    tuning: tuningOf(tuningBase, base.sweep, without, trials),
    note: `${without.join(', ')} tuned as ${reference.label} was: the same grid (${own.sweep}), sizes, budgets and seeds`,
  };
}

/** A size, by its name in the base sweep, and a rate that was tuned for the first baseline at it. */
interface Trial {
  readonly size: string;
  readonly rate: TunedRate;
}

/**
 * What was tuned for the first baseline at the sizes of a comparison, and at those whose rates others of its sizes take.
 * @throws UsageError where a size has no rate
 */
function trialsOf(
  sweep: SweepFile,
  { transfer }: TunedSpec,
  rates: readonly TunedRate[],
  reference: Architecture,
  sizeNames: ReadonlySet<string>,
  budgets: readonly number[],
): Trial[] {
  const shapes = Object.entries(sweep.sizes).map(
    ([size, spec]) => [size, shapeOfModel(modelOf(sweep, reference, spec, CATALOGUE))] as const,
  );
  const own = rates.filter(({ arch }) => arch === reference.label);
  const tuned = new Set<string>();
  for (const [size, shape] of shapes.filter(([name]) => sizeNames.has(name))) {
    const carriers =
      transfer === 'none' ? [] : budgets.map((flops) => nearestTuned(own, shape.dModel, flops)?.shape);
    const sources = own.some((rate) => sameShape(rate.shape, shape))
      ? [size]
      : carriers.flatMap(
          (carrier) => shapes.find(([, other]) => carrier && sameShape(other, carrier))?.[0] ?? [],
        );
    if (sources.length === 0) {
      throw new UsageError(
        `${sweep.name} has no tuned rate for ${reference.label} at size ${size}; name other sizes with --sizes.`,
      );
    }
    for (const source of sources) tuned.add(source);
  }
  return shapes
    .filter(([size]) => tuned.has(size))
    .flatMap(([size, shape]) =>
      own.filter((rate) => sameShape(rate.shape, shape)).map((rate) => ({ size, rate })),
    );
}

/** Beside the sweep that uses it, or wherever sweeps are found. */
function tuningFile(base: LoadedSweep, name: string): string {
  const beside = join(dirname(base.path), `${name}.yaml`);
  return existsSync(beside) ? beside : findSweepFile(name);
}

/** The grid of a tuning sweep for what is missing, at the sizes, budgets and seeds at which the first baseline was tuned. */
function tuningOf(
  tuning: SweepFile,
  base: SweepFile,
  missing: readonly string[],
  trials: readonly Trial[],
): SweepFile {
  const used = new Set(trials.map(({ size }) => size));
  const budgets = new Map<string, { flops: number; sizes: string[]; seeds: number[] }>();
  for (const { size, rate } of trials) {
    const seeds = seedsOf(rate);
    const key = JSON.stringify([rate.budgetFlops, seeds]);
    const sizes = budgets.get(key)?.sizes ?? [];
    budgets.set(key, { flops: rate.budgetFlops, sizes: [...sizes, size], seeds });
  }
  return {
    ...tuning,
    baselines: [],
    sizes: Object.fromEntries(Object.entries(base.sizes).filter(([name]) => used.has(name))),
    cells: [{ architectures: [...missing], budgets: [...budgets.values()] }],
  };
}

/** Seeds of a rate's trials; a rate that was taken over from another architecture has none. */
function seedsOf({ trials }: TunedRate): number[] {
  return trials.length === 0 ? [0] : [...new Set(trials.map(({ seed }) => seed))];
}
