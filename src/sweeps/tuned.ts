/** Learning rates that a tuning sweep found: NAME.tuned.json beside the sweep file, written once and committed. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { bestLearningRate, nearestTuned } from '../fit/learningRate.js';
import { UsageError } from '../store/errors.js';
import { canonicalJson, writeJsonAtomic } from '../store/files.js';
import type { ModelSetup, RunRecord } from '../store/record.js';
import { flopsText } from './format.js';
import { type LearningRateSpec, PROTOCOL_KEYS, type SweepFile } from './schema.js';
import { type LoadedSweep, PACKAGE_SWEEPS } from './sweepFile.js';

const shapeSchema = z.strictObject({
  dModel: z.number().int(),
  nLayers: z.number().int(),
  nHeads: z.number().int(),
  dHead: z.number().int(),
  dFf: z.number().int(),
});

const tunedRateSchema = z.strictObject({
  arch: z.string(),
  shape: shapeSchema,
  budgetFlops: z.number(),
  learningRate: z.number().positive(),
  /** Vertex of the quadratic through the best rate and its neighbours, for the report; null where there is none. */
  vertexLearningRate: z.number().nullable(),
  /** Set where the best rate is the grid's smallest or largest: then the optimum was not bracketed. */
  edge: z.enum(['low', 'high']).nullable(),
  flags: z.array(z.string()),
  /** Loss on `val`; null where the trial diverged. */
  trials: z.array(
    z.strictObject({
      learningRate: z.number(),
      seed: z.number().int(),
      lossNats: z.number().nullable(),
      runKey: z.string(),
    }),
  ),
});

const tunedFileSchema = z.strictObject({
  format: z.literal(1),
  sweep: z.string(),
  chosenOn: z.literal('val'),
  /** Settings of the tuning sweep that its rates hold for. */
  protocol: z.record(z.string(), z.unknown()),
  rates: z.array(tunedRateSchema),
});

export type TunedFile = z.infer<typeof tunedFileSchema>;
export type TunedRate = z.infer<typeof tunedRateSchema>;
export type Shape = z.infer<typeof shapeSchema>;

/** The settings of a sweep that its tuned rates hold for. */
export function protocolOf(sweep: SweepFile): Record<string, unknown> {
  return Object.fromEntries(PROTOCOL_KEYS.map((key) => [key, sweep[key]]));
}

/** Where a sweep's tuned rates come from and how they are used. */
export type TunedSpec = Extract<LearningRateSpec, { tuned: unknown }>;

/** The tuning sweeps that rates are taken from. */
export const tuningNames = ({ tuned }: TunedSpec): readonly string[] =>
  typeof tuned === 'string' ? [tuned] : tuned;

/** Name of the tuning sweep that `tune:` stands for. */
export const tuningSweepName = (name: string): string => `${name}-lr`;

/** The tuned rates that a sweep uses, whether it names them or has them tuned itself; null where it uses none. */
export function tunedSpecOf({ name, learningRate }: SweepFile): TunedSpec | null {
  if (typeof learningRate !== 'object') return null;
  if ('tuned' in learningRate) return learningRate;
  if (!('tune' in learningRate)) return null;
  const { transfer, check } = learningRate;
  return { tuned: tuningSweepName(name), transfer, check };
}

/** Whether rates were tuned under the very settings of a sweep. */
export function matchesProtocol(sweep: SweepFile, tuned: TunedFile): boolean {
  return canonicalJson(protocolOf(sweep)) === canonicalJson(tuned.protocol);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The shape of a model: what a rate is tuned for, together with the architecture. */
export function shapeOfModel(model: ModelSetup): Shape {
  const { dModel, nLayers, nHeads, dHead, dFf } = model;
  return { dModel, nLayers, nHeads, dHead, dFf };
}

/**
 * Where a tuning sweep's rates are written: beside its file; for a predefined sweep that is run from elsewhere,
 * in `./sweeps`, since the package's own folder is not the user's.
 */
export function tunedPath(sweep: LoadedSweep, cwd: string = process.cwd()): string {
  const own = dirname(sweep.path);
  const foreign = own === PACKAGE_SWEEPS && PACKAGE_SWEEPS.includes('node_modules');
  return join(foreign ? join(cwd, 'sweeps') : own, `${sweep.sweep.name}.tuned.json`);
}

/** A run of a tuning sweep that has ended, under the names that the sweep gives it. */
export interface TuningTrial {
  readonly arch: string;
  readonly budgetFlops: number;
  readonly record: RunRecord;
}

/**
 * Chooses the rate of each architecture, size and budget from the ended runs of a tuning sweep.
 *
 * @param runs diverged ones included
 * @throws UsageError where all trials of an architecture, size and budget diverged
 */
export function chooseRates(sweep: SweepFile, runs: readonly TuningTrial[]): TunedFile {
  const groups = new Map<string, TuningTrial[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.arch, shapeOfModel(run.record.setup.model), run.budgetFlops]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const rates = [...groups.values()].map((group): TunedRate => {
    const { arch, budgetFlops, record } = group[0]!;
    const shape = shapeOfModel(record.setup.model);
    const trials = group
      .map(({ record: { setup, status, final, runKey } }) => ({
        learningRate: setup.optimizer.learningRate,
        seed: setup.seed,
        lossNats: status === 'done' ? (final?.val.lossNats ?? null) : null,
        runKey,
      }))
      .sort((a, b) => a.learningRate - b.learningRate || a.seed - b.seed);
    try {
      const { learningRate, vertexLearningRate, edge, flags } = bestLearningRate(trials);
      return { arch, shape, budgetFlops, learningRate, vertexLearningRate, edge, flags: [...flags], trials };
    } catch (error) {
      throw new UsageError(`No rate for ${arch}, dModel ${shape.dModel}: ${(error as Error).message}`);
    }
  });
  return { format: 1, sweep: sweep.name, chosenOn: 'val', protocol: protocolOf(sweep), rates };
}

/**
 * Writes the rates that a finished tuning sweep found.
 *
 * @returns the path written and the file's content
 */
export function writeTuned(
  sweep: LoadedSweep,
  runs: readonly TuningTrial[],
): { path: string; tuned: TunedFile } {
  const tuned = chooseRates(sweep.sweep, runs);
  const path = tunedPath(sweep);
  writeJsonAtomic(path, tuned);
  return { path, tuned };
}

/** Where a sweep's tuned rates may lie: beside its file; for a predefined sweep in `./sweeps` first. */
function tunedPaths(sweep: LoadedSweep, name: string, cwd: string): string[] {
  const own = dirname(sweep.path);
  const folders = own === PACKAGE_SWEEPS ? [join(cwd, 'sweeps'), own] : [own];
  return [...new Set(folders.map((folder) => join(folder, `${name}.tuned.json`)))];
}

/** The rates that a sweep names, or null where they have not been tuned yet. @throws UsageError as `readTuned` */
export function findTuned(
  sweep: LoadedSweep,
  name: string,
  cwd: string = process.cwd(),
): (TunedFile & { path: string }) | null {
  return tunedPaths(sweep, name, cwd).some((path) => existsSync(path)) ? readTuned(sweep, name, cwd) : null;
}

/** Reads the rates that a sweep names. @throws UsageError where there are none, or where they can't be read */
export function readTuned(
  sweep: LoadedSweep,
  name: string,
  cwd: string = process.cwd(),
): TunedFile & { path: string } {
  const paths = tunedPaths(sweep, name, cwd);
  const path = paths.find((candidate) => existsSync(candidate));
  const place = sweep.at(['learningRate', 'tuned']);
  if (path === undefined) {
    throw new UsageError(
      `${place}  there is no ${paths.join(' or ')} yet. \`isoloss run ${name}\` makes it.`,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `${path} can't be read: ${(error as Error).message}. \`isoloss run ${name}\` writes it again.`,
    );
  }
  const parsed = tunedFileSchema.safeParse(content);
  if (!parsed.success) {
    throw new UsageError(
      `${path} is not a file of tuned rates:\n${z.prettifyError(parsed.error)}\n\`isoloss run ${name}\` writes it again.`,
    );
  }
  requireOneRateEach(parsed.data, path);
  return { ...parsed.data, path };
}

/** @throws UsageError where a cell has two rates: nobody can tell which one was found */
function requireOneRateEach({ rates, sweep }: TunedFile, path: string): void {
  const seen = new Map<string, TunedRate>();
  for (const rate of rates) {
    const key = cellKey(rate);
    const first = seen.get(key);
    if (first !== undefined) {
      const { arch, shape, budgetFlops, learningRate } = rate;
      throw new UsageError(
        `${path} has two rates for ${arch}, dModel ${shape.dModel}, ${shape.nLayers} layers, ${flopsText(budgetFlops)} FLOPs: ` +
          `${first.learningRate} and ${learningRate}. Remove one of them, or write the file again: isoloss run ${sweep}`,
      );
    }
    seen.set(key, rate);
  }
}

/** What a rate is tuned for. */
const cellKey = ({ arch, shape, budgetFlops }: TunedRate): string =>
  canonicalJson([arch, shape, budgetFlops]);

/**
 * Checks that rates were tuned under the settings that they are used with.
 *
 * @throws UsageError naming the settings that differ, unless the sweep accepts them
 */
export function checkProtocol(
  sweep: LoadedSweep,
  tuned: TunedFile & { path: string },
  accepted: readonly string[],
): void {
  const own = protocolOf(sweep.sweep);
  const differing = PROTOCOL_KEYS.filter(
    (key) =>
      !accepted.includes(key) && canonicalJson(own[key]) !== canonicalJson(tuned.protocol[key] ?? null),
  );
  if (differing.length === 0) return;
  const list = differing
    .map(
      (key) =>
        `  ${key}: ${canonicalJson(own[key])} here, ${canonicalJson(tuned.protocol[key] ?? null)} when tuned`,
    )
    .join('\n');
  throw new UsageError(
    `${sweep.at(['learningRate', 'tuned'])}  the rates of ${basename(tuned.path)} were tuned under other settings:\n${list}\n` +
      `Make them equal and tune again, or say that you accept it: learningRate: { tuned: ${tuned.sweep}, acceptDifferent: [${differing.join(', ')}] }`,
  );
}

/** The rates that a sweep uses, with the tuning sweeps that they come from. */
export interface TunedRates {
  readonly sweeps: readonly string[];
  readonly files: readonly TunedFile[];
  /** One for each architecture, shape and budget: that of the first sweep that tuned it. */
  readonly rates: readonly TunedRate[];
}

/**
 * Reads the rates that a sweep uses, from one tuning sweep or several.
 *
 * @throws UsageError as `readTuned` and `checkProtocol`
 */
export function readTunedRates(sweep: LoadedSweep, spec: TunedSpec): TunedRates {
  const sweeps = tuningNames(spec);
  const files = sweeps.map((name) => {
    const { path, ...file } = readTuned(sweep, name);
    checkProtocol(sweep, { ...file, path }, spec.acceptDifferent ?? []);
    return file;
  });
  const rates = new Map<string, TunedRate>();
  for (const rate of files.flatMap((file) => file.rates)) {
    const key = cellKey(rate);
    if (!rates.has(key)) rates.set(key, rate);
  }
  return { sweeps, files, rates: [...rates.values()] };
}

/**
 * What was tuned for an architecture and shape: where that was at several budgets, at the one nearest to the run's, since
 * the best rate falls as a training gets longer; of two as near the larger one. Null where nothing was tuned.
 */
export function tunedRate(
  rates: readonly TunedRate[],
  arch: string,
  shape: Shape,
  budgetFlops: number,
): TunedRate | null {
  return nearestTuned(
    rates.filter((rate) => rate.arch === arch && sameShape(rate.shape, shape)),
    shape.dModel,
    budgetFlops,
  );
}
