/**
 * A comparison of a variant with baselines as a sweep like any other, and the tuning sweep for rates that are missing:
 * both are generated from a sweep that there is, written beside each other, and run by the usual scheduler.
 */
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { makeDirectory } from '../data/folders.js';
import { loadVariant, loadVariants } from '../models/loadVariant.js';
import { defaultPositions, fixedPositions } from '../models/registry.js';
import { UsageError } from '../store/errors.js';
import { writeFileAtomic } from '../store/files.js';
import { architecture, splitArchitectureName, type Architecture } from './architecture.js';
import { resolveArchitecture, sizeNamesOf } from './cells.js';
import { writeBaselineRates } from './compareRates.js';
import { comparisonRates } from './compareTuning.js';
import { flopsText } from './format.js';
import { didYouMean } from '../ops/nearest.js';
import { CATALOGUE } from './plan.js';
import type { SweepFile } from './schema.js';
import { findSweepFile, type LoadedSweep, readSweepFile, variantFilesOf } from './sweepFile.js';
import type { TunedFile } from './tuned.js';

type Budget = SweepFile['cells'][number]['budgets'][number];

export interface CompareRequest {
  /** The variant's file. */
  readonly file: string;
  /** The sweep whose budgets, sizes, seeds, rates and other settings are taken. */
  readonly sweep: string;
  /** The sweep's own where undefined. */
  readonly baselines: readonly string[] | undefined;
  /** The sweep's own where undefined. */
  readonly budgets: readonly number[] | undefined;
  readonly sizes: readonly string[] | undefined;
  /** Whether the variant's rates are tuned; where undefined, if the sweep's are. */
  readonly tune: boolean | undefined;
  readonly resultsDir: string;
}

/** The sweeps of a comparison, written and ready to run. */
export interface Comparison {
  /** Name of the comparison's sweep. */
  readonly name: string;
  readonly path: string;
  /** The sweep that settings and sizes come from. */
  readonly sweep: SweepFile;
  /** Tuning sweep to run before; null where every rate is known. */
  readonly tuning: { readonly path: string; readonly base: TunedFile } | null;
  /** Labels of the variant, one for each family of positions. */
  readonly variants: readonly string[];
  /** Labels of the baselines. */
  readonly baselines: readonly string[];
  /** What was decided, in a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Writes the sweeps of a comparison under `results/compare-NAME`.
 * @throws UsageError or ModelError where the comparison can't be made as asked for; nothing is then written
 */
export async function prepareComparison(request: CompareRequest): Promise<Comparison> {
  const { definition, file } = await loadVariant(request.file);
  const basePath = findSweepFile(request.sweep);
  const baseVariants = variantFilesOf(basePath);
  await loadVariants(baseVariants);
  const base = readSweepFile(basePath, CATALOGUE);
  const baselines = baselinesOf(request, base, definition.name);
  const variants = variantsOf(definition.name, file, baselines);
  const all = [...baselines, ...variants];
  const budgets = gridOf(request, base, baselines);
  const sizeNames = new Set(
    budgets.flatMap((budget) => [...sizeNamesOf(base.sweep, budget), ...(budget.repeat?.sizes ?? [])]),
  );
  const name = `compare-${definition.name}`;
  const folder = join(request.resultsDir, name);
  const head = {
    corpus: movedCorpus(base, folder),
    variants: [...new Set([file, ...baseVariants])].map((path) => relative(folder, path)),
  };
  const rates = comparisonRates(
    request.tune,
    base,
    all,
    sizeNames,
    budgets.map(({ flops }) => flops),
  );
  const notes = [
    `grid of ${base.sweep.name}: ${budgets.map(({ flops, sizes }) => `${flopsText(flops)} (${sizes === 'auto' ? sizes : sizes.join(', ')})`).join('; ')}`,
    rates.note,
  ];
  makeDirectory(folder);
  const tunedName = `${name}-lr`;
  const sweep = {
    ...base.sweep,
    ...head,
    name,
    title: `${definition.name} against ${baselines.map(({ label }) => label).join(', ')}`,
    description: definition.description ?? `A comparison on the grid of ${base.sweep.name}.`,
    baselines: baselines.map(({ label }) => label),
    learningRate: rates.kind === 'rule' ? base.sweep.learningRate : { ...rates.spec, tuned: tunedName },
    sizes: Object.fromEntries(Object.entries(base.sweep.sizes).filter(([size]) => sizeNames.has(size))),
    cells: [{ architectures: all.map(({ label }) => label), budgets }],
  };
  const path = writeSweep(folder, sweep);
  const comparison = {
    name,
    path,
    sweep: base.sweep,
    variants: labels(variants),
    baselines: labels(baselines),
    notes,
  };
  if (rates.kind === 'rule') return { ...comparison, tuning: null };
  if (rates.missing.length === 0 || rates.tuning === null) {
    writeBaselineRates(folder, tunedName, rates.tuned, rates.missing, sweep.corpus);
    return { ...comparison, tuning: null };
  }
  const tuningSweep = { ...rates.tuning, ...head, name: tunedName, title: `Learning rates for ${name}` };
  return { ...comparison, tuning: { path: writeSweep(folder, tuningSweep), base: rates.tuned } };
}

const labels = (architectures: readonly Architecture[]): string[] => architectures.map(({ label }) => label);

function writeSweep(folder: string, sweep: { readonly name: string }): string {
  const path = join(folder, `${sweep.name}.yaml`);
  const comment = '# Generated by `isoloss compare`, which writes it again.\n';
  writeFileAtomic(path, comment + stringify(sweep, { lineWidth: 110 }));
  return path;
}

/** A path is relative to the sweep file's folder, which is another one now; a name stays. */
function movedCorpus(base: LoadedSweep, folder: string): string {
  const { corpus } = base.sweep;
  const path = resolve(dirname(base.path), corpus);
  const isPath = /[/\\*?]/.test(corpus) || existsSync(path);
  return isPath ? relative(resolve(folder), path) : corpus;
}

/** A baseline without positions of its own is taken in the variant's. */
function baselinesOf({ baselines }: CompareRequest, base: LoadedSweep, variant: string): Architecture[] {
  const names = baselines ?? base.sweep.baselines;
  if (names.length === 0) {
    throw new UsageError(`Sweep ${base.sweep.name} names no baselines; name them with --baselines A,B.`);
  }
  const known = CATALOGUE.architectureNames();
  const resolved = names.map((name) => {
    const { preset, positions } = splitArchitectureName(name);
    if (!known.includes(preset)) {
      throw new UsageError(`There is no architecture "${preset}".${didYouMean(preset, known)}`);
    }
    if (preset === variant) throw new UsageError(`${variant} can't be its own baseline.`);
    return resolveArchitecture(
      positions === undefined ? { preset, positions: defaultPositions(variant) } : name,
      CATALOGUE,
    );
  });
  return [...new Map(resolved.map((entry) => [entry.label, entry])).values()];
}

/** The variant in every family of positions that a baseline has. */
function variantsOf(name: string, file: string, baselines: readonly Architecture[]): Architecture[] {
  const fixed = fixedPositions(name);
  return [...new Set(baselines.map(({ positions }) => positions))].map((positions) => {
    if (fixed !== null && positions !== fixed) {
      throw new UsageError(
        `${name} (${file}) has ${fixed} positions, and a speedup is within one family: give its baselines as PRESET@${fixed}.`,
      );
    }
    return architecture(name, positions, CATALOGUE);
  });
}

/** A budget that the base sweep has not takes the sizes of one within this factor of it. */
const NEAR_BUDGET = 1.5;

/** The budgets of the base sweep, from the block that has most of them for any of the baselines. */
function gridOf(request: CompareRequest, base: LoadedSweep, baselines: readonly Architecture[]): Budget[] {
  const { sweep } = base;
  const wanted = new Set(labels(baselines));
  const blockLabels = (block: SweepFile['cells'][number]): string[] =>
    labels(block.architectures.map((entry) => resolveArchitecture(entry, CATALOGUE)));
  const fitting = sweep.cells.filter((block) => blockLabels(block).some((label) => wanted.has(label)));
  const block = (fitting.length > 0 ? fitting : sweep.cells).reduce((best, candidate) =>
    candidate.budgets.length > best.budgets.length ? candidate : best,
  );
  const known = Object.keys(sweep.sizes);
  for (const size of request.sizes ?? []) {
    if (!known.includes(size)) {
      throw new UsageError(
        `There is no size "${size}" in ${sweep.name}.${didYouMean(size, known)} There are ${known.join(', ')}.`,
      );
    }
  }
  const all = block.budgets.map((budget): Budget => {
    if (request.sizes === undefined) return budget;
    const { sizes } = request;
    const repeated = budget.repeat?.sizes.filter((size) => sizes.includes(size)) ?? [];
    const { repeat, ...rest } = budget;
    return {
      ...rest,
      sizes: [...sizes],
      ...(repeat !== undefined && repeated.length > 0 ? { repeat: { ...repeat, sizes: repeated } } : {}),
    };
  });
  return (request.budgets ?? all.map(({ flops }) => flops)).map((flops) => {
    const found = all.find((budget) => budget.flops === flops);
    if (found !== undefined) return found;
    if (request.sizes !== undefined) return { flops, sizes: [...request.sizes], seeds: [0] };
    const apart = (budget: Budget): number => Math.abs(Math.log(budget.flops / flops));
    const nearest = all.reduce((best, budget) => (apart(budget) < apart(best) ? budget : best));
    // The best size moves slowly with compute: so near, the sizes and seeds are those of the neighbour.
    if (apart(nearest) <= Math.log(NEAR_BUDGET)) return { ...nearest, flops };
    throw new UsageError(
      `${sweep.name} has no budget of ${flopsText(flops)} FLOPs, so its sizes there are unknown; ` +
        `it has ${all.map((budget) => flopsText(budget.flops)).join(', ')}. Name sizes with --sizes A,B,C.`,
    );
  });
}
