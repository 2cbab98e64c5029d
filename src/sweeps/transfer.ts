/**
 * Carrying tuned rates over: to sizes that were not tuned, by a stated rule, and to the largest budget, where half and
 * twice the rate are tried on each architecture's best size to see whether it still is the best.
 */
import { nearestTuned } from '../fit/learningRate.js';
import { canonicalJson } from '../store/files.js';
import type { RunRecord } from '../store/record.js';
import { endedRecord, readSweepRecord } from '../store/runDirectory.js';
import type { PlannedRun } from './expand.js';
import type { SweepFile } from './schema.js';
import type { LoadedSweep } from './sweepFile.js';
import type { Shape, TunedRate, TunedSpec } from './tuned.js';

/** Multiples of the tuned rate that are tried beside it. */
const FACTORS = [0.5, 2];

export const transferSweepName = (name: string): string => `${name}-transfer`;

/**
 * The rate of a size that was not tuned: that of the same architecture tuned nearest to its width and the run's budget,
 * times the ratio of the widths (Yang et al. 2022, Table 8: Adam's rate of hidden matrices is inversely proportional to
 * the width).
 *
 * @returns null where nothing was tuned for the architecture
 */
export function transferredRate(
  rates: readonly TunedRate[],
  arch: string,
  shape: Shape,
  budgetFlops: number,
): { readonly learningRate: number; readonly from: TunedRate } | null {
  const from = nearestTuned(
    rates.filter((rate) => rate.arch === arch),
    shape.dModel,
    budgetFlops,
  );
  if (from === null) return null;
  return { learningRate: (from.learningRate * from.shape.dModel) / shape.dModel, from };
}

/** Runs of a sweep with their records; one without a loss, since it diverged, is nobody's best. */
export type EndedRuns = readonly { readonly run: PlannedRun; readonly record: RunRecord | null }[];

/** The best runs, by `val`, of each architecture at its own largest budget, first seeds alone. */
function bestAtLargestBudget(ended: EndedRuns): PlannedRun[] {
  const labels = [...new Set(ended.map(({ run }) => run.architecture.label))];
  return labels.flatMap((label) => {
    const own = ended.filter(({ run }) => run.architecture.label === label);
    const largest = Math.max(...own.map(({ run }) => run.budgetFlops));
    const atLargest = own.filter(({ run }) => run.budgetFlops === largest);
    const seed = Math.min(...atLargest.map(({ run }) => run.setup.seed));
    const loss = (record: RunRecord | null): number => record?.final?.val.lossNats ?? Infinity;
    const [best] = atLargest
      .filter(({ run, record }) => run.setup.seed === seed && loss(record) < Infinity)
      .sort((a, b) => loss(a.record) - loss(b.record));
    return best === undefined ? [] : [best.run];
  });
}

/** The sweep that tries half and twice the tuned rate, once the runs that it is compared with have ended. */
export function transferSweep(loaded: LoadedSweep, ended: EndedRuns, rates: TunedSpec): LoadedSweep {
  const { sweep } = loaded;
  const name = transferSweepName(sweep.name);
  const cells: SweepFile['cells'] = bestAtLargestBudget(ended).map(
    ({ architecture: { preset, positions }, budgetFlops, sizeName, setup }) => ({
      architectures: [{ preset, positions }],
      budgets: [{ flops: budgetFlops, sizes: [sizeName], seeds: [setup.seed] }],
    }),
  );
  return {
    ...loaded,
    sweep: {
      ...sweep,
      name,
      title: `Whether the learning rates of ${sweep.name} hold at its largest budget`,
      baselines: [],
      cells,
      learningRate: { ...rates, check: false, factors: FACTORS },
    },
  };
}

/** A run at a multiple of the tuned rate beside the one at the rate itself; a loss is null where the run diverged. */
export interface TransferTrial {
  readonly arch: string;
  readonly budgetFlops: number;
  readonly dModel: number;
  readonly nLayers: number;
  readonly seed: number;
  readonly tunedLearningRate: number;
  readonly tunedValLossNats: number | null;
  readonly learningRate: number;
  readonly valLossNats: number | null;
  readonly runKey: string;
}

/** What the transfer check of a sweep has found so far, from the results; empty where it was not run. */
export function transferTrials(
  resultsDir: string,
  sweepName: string,
  runs: readonly PlannedRun[],
): TransferTrial[] {
  const check = readSweepRecord(resultsDir, transferSweepName(sweepName));
  const byAllButRate = new Map(runs.map((run) => [allButRate(run.keyParts), run]));
  return (check?.runs ?? []).flatMap(({ runKey }): TransferTrial[] => {
    const tried = endedRecord(resultsDir, runKey);
    const run = tried === null ? undefined : byAllButRate.get(allButRate(tried.keyParts));
    const tuned = run === undefined ? null : endedRecord(resultsDir, run.runKey);
    if (tried === null || run === undefined || tuned === null) return [];
    const { model, seed, optimizer } = tried.setup;
    return [
      {
        arch: run.architecture.label,
        budgetFlops: run.budgetFlops,
        dModel: model.dModel,
        nLayers: model.nLayers,
        seed,
        tunedLearningRate: tuned.setup.optimizer.learningRate,
        tunedValLossNats: tuned.final?.val.lossNats ?? null,
        learningRate: optimizer.learningRate,
        valLossNats: tried.final?.val.lossNats ?? null,
        runKey,
      },
    ];
  });
}

function allButRate(keyParts: Readonly<Record<string, unknown>>): string {
  const optimizer = keyParts['optimizer'] as Readonly<Record<string, unknown>>;
  return canonicalJson({ ...keyParts, optimizer: { ...optimizer, learningRate: null } });
}
