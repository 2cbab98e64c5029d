/**
 * A sweep's grid over the isoFLOP curves it is predicted to have: by a law fitted to runs that have ended on the same
 * data, or by the published one of Hoffmann et al. 2022, whose losses are another corpus's and only its shape is of use.
 */
import { FitError } from '../fit/error.js';
import { parametricLoss, type ParametricRow, type ParametricValues } from '../fit/parametric.js';
import { fitParametric } from '../fit/parametricFit.js';
import type { GridPoint, PredictedGrid } from '../fit/predictedCurves.js';
import type { RunRecord } from '../store/record.js';
import { listRuns, listSweepFolders, readableRecord } from '../store/runDirectory.js';
import type { PlannedRun } from './expand.js';
import type { SweepPreview } from './plan.js';

/** Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models", section D.3: nats on MassiveText. */
const CHINCHILLA: ParametricValues = { E: 1.69, A: 406.4, alpha: 0.34, B: 410.7, beta: 0.28 };
const CHINCHILLA_TEXT =
  'the published law of Hoffmann et al. 2022 (E 1.69, A 406.4, alpha 0.34, B 410.7, beta 0.28), fitted to far larger ' +
  'models on other text: it shows the shape of the curves, not the losses to expect';

/** Five values can't be told from fewer runs. */
const MIN_RUNS = 12;

const CURVE_POINTS = 41;

/** How far the curves go on beyond the sizes of the grid, as a factor. */
const BEYOND = 2;

/** Predicts the isoFLOP curves of a plan. Bootstraps nothing: a picture needs no intervals. */
export async function predictedGrid(plan: SweepPreview): Promise<PredictedGrid> {
  const fitted = await fittedLaw(plan);
  const values = fitted?.values ?? CHINCHILLA;
  const flopsPerToken = flopsPerTokenOf(plan.runs);
  const budgetFlops = [...new Set(plan.runs.map((run) => run.budgetFlops))].sort((a, b) => a - b);
  const budgets = budgetFlops.map((budget) => {
    const runs = plan.runs.filter((run) => run.budgetFlops === budget);
    const sizes = runs.map(paramsOf);
    const [low, high] = [Math.min(...sizes) / BEYOND, Math.max(...sizes) * BEYOND];
    const curve = Array.from({ length: CURVE_POINTS }, (_, i): GridPoint => {
      const params = low * (high / low) ** (i / (CURVE_POINTS - 1));
      return { params, lossNats: parametricLoss(values, params, budget / flopsPerToken(params)) };
    });
    const points = new Map(
      runs.map((run) => {
        const params = paramsOf(run);
        const point = { params, lossNats: parametricLoss(values, params, run.tokens), size: run.sizeName };
        return [`${run.sizeName} ${params}`, point];
      }),
    );
    return { budgetFlops: budget, curve, points: [...points.values()] };
  });
  return {
    law: fitted?.text ?? CHINCHILLA_TEXT,
    isMeasured: fitted !== null,
    budgets,
    optima: budgets.map(({ budgetFlops, curve, points }) => {
      const best = curve.reduce((a, b) => (b.lossNats < a.lossNats ? b : a));
      const sizes = points.map(({ params }) => params);
      const below = best.params < Math.min(...sizes);
      const above = best.params > Math.max(...sizes);
      const place = below ? 'below the smallest size' : above ? 'above the largest size' : 'inside the grid';
      return { budgetFlops, ...best, place };
    }),
  };
}

const paramsOf = ({ cost, setup }: PlannedRun): number =>
  cost.paramsNonEmbedding + setup.model.vocabSize * setup.model.dModel;

/**
 * Training FLOPs a token by parameters: between the sweep's models on a line in log scale, beyond them in proportion.
 */
function flopsPerTokenOf(runs: readonly PlannedRun[]): (params: number) => number {
  const models = new Map(runs.map((run) => [paramsOf(run), run.cost.flopsPerStep / run.tokensPerStep]));
  const known = [...models].sort(([a], [b]) => a - b);
  return (params) => {
    const above = known.findIndex(([size]) => size >= params);
    const [nearSize, nearFlops] = known[above === -1 ? known.length - 1 : Math.max(0, above)]!;
    if (above <= 0) return (nearFlops * params) / nearSize;
    const [size, flops] = known[above - 1]!;
    const share = Math.log(params / size) / Math.log(nearSize / size);
    return flops * (nearFlops / flops) ** share;
  };
}

/** A law of the runs that have ended on the same tokens; null where they are too few or too much alike. */
async function fittedLaw(plan: SweepPreview): Promise<{ values: ParametricValues; text: string } | null> {
  const { corpus } = plan;
  if (corpus === null) return null;
  const byArchitecture = new Map<string, ParametricRow[]>();
  for (const record of doneRecords(plan.resultsDir)) {
    const { setup, final } = record;
    const { vocabSize, contextLength, dModel } = setup.model;
    const isSame =
      (record.keyParts['streams'] as { train?: string } | undefined)?.train === corpus.train.sha256 &&
      vocabSize === plan.loaded.sweep.vocabSize &&
      contextLength === plan.loaded.sweep.contextLength;
    const loss = final?.test.lossNats ?? null;
    if (!isSame || loss === null) continue;
    const params = record.paramsNonEmbedding + vocabSize * dModel;
    const rows = byArchitecture.get(record.arch) ?? [];
    byArchitecture.set(record.arch, [...rows, { params, tokens: record.tokens, loss, unit: record.trunk }]);
  }
  const most = [...byArchitecture].sort(([, a], [, b]) => b.length - a.length)[0];
  if (most === undefined || most[1].length < MIN_RUNS) return null;
  const [arch, rows] = most;
  try {
    const { values } = await fitParametric(rows, { bootstraps: 0 });
    const text = `a law fitted to ${rows.length} runs of ${arch} that have ended on the same tokens`;
    return { values, text };
  } catch (error) {
    if (error instanceof FitError) return null;
    throw error;
  }
}

function doneRecords(resultsDir: string): RunRecord[] {
  return listSweepFolders(resultsDir)
    .flatMap((folder) => listRuns(resultsDir, folder))
    .flatMap(({ directory }) => readableRecord(directory) ?? [])
    .filter(({ status }) => status === 'done');
}
