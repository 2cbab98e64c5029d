/** Whether the tuned learning rates hold at the largest budget: half and twice the rate on each architecture's best size. */
import { nearestTuned } from '../fit/learningRate.js';
import type { ReportContext } from './context.js';
import type { Block } from './document.js';
import { counted, formatLoss, formatNumber, formatPowerOfTen, listInWords } from './format.js';
import type { TransferTrial } from './resolved.js';
import { rich, strong, type Rich } from './rich.js';
import { datasetOf, type Table } from './table.js';
import { signedNats } from './text.js';

/** A rate that wins by more than so many seed deviations says that the tuned one is not the best any more. */
const DEVIATIONS = 2;

export type TransferVerdict = 'holds' | 'failed' | 'not told';

export interface TransferResult {
  readonly arch: string;
  readonly verdict: TransferVerdict;
  readonly trials: readonly TransferTrial[];
}

/** One verdict an architecture, in the report's order; `not told` where the noise between seeds is unknown. */
export function transferResults({ transferCheck, analysis, archs }: ReportContext): TransferResult[] {
  const noise = analysis.seedNoise?.standardDeviation ?? null;
  return archs.flatMap(({ arch }) => {
    const trials = transferCheck.filter((trial) => trial.arch === arch);
    if (trials.length === 0) return [];
    const wins = noise !== null && trials.some((trial) => gainOf(trial) > DEVIATIONS * noise);
    return [{ arch, verdict: wins ? 'failed' : noise === null ? 'not told' : 'holds', trials }];
  });
}

/** By how much a multiple of the rate is better on `val`, nats; a run that diverged is infinitely bad. */
function gainOf({ tunedValLossNats, valLossNats }: TransferTrial): number {
  if (valLossNats === null) return -Infinity;
  return (tunedValLossNats ?? Infinity) - valLossNats;
}

/** What the check found, and its table; nothing where it was not made. */
export function transferBlocks(context: ReportContext): Block[] {
  const results = transferResults(context);
  if (results.length === 0) return [];
  const noise = context.analysis.seedNoise?.standardDeviation ?? null;
  const against =
    noise === null
      ? 'No seed is repeated, so a difference can not be told from noise.'
      : `A rate wins where its validation loss is lower by more than ${DEVIATIONS} seed standard deviations (${formatLoss(DEVIATIONS * noise)} nats).`;
  const failed = failedNames(results);
  const found =
    failed.length > 0
      ? rich`${strong('The transfer of learning rates has failed')} for ${listInWords(failed)}: another rate wins.`
      : noise === null
        ? rich``
        : rich`${strong('The tuned rates hold')} for ${listInWords(results.map(({ arch }) => arch))}: neither wins.`;
  return [
    { kind: 'heading', text: 'Do the tuned rates hold at the largest budget?' },
    {
      kind: 'prose',
      text: rich`Half and twice the tuned rate, on each architecture’s best size at its largest budget. ${against} ${found}`,
    },
    { kind: 'table', table: transferTable(results), file: 'transfer', collapsed: false },
  ];
}

/** A rate tuned at a budget further away than this, as a ratio, may not be the best any more: grids have steps of 2. */
const FAR_BUDGET = 4;

/** Runs whose rate was tuned far from their own budget, which a check at the largest one can't see. */
function farFromTuning({ tuning, study }: ReportContext): Rich[] {
  if (tuning === null) return [];
  const ratios = study.runs.map(({ arch, budgetFlops, setup }) => {
    const { dModel } = setup.model;
    const own = tuning.rates.filter((rate) => rate.arch === arch);
    // A width that was tuned takes its own rates; another one those nearest in width and budget together.
    const tuned = own.filter((rate) => rate.shape.dModel === dModel);
    const nearest = nearestTuned(tuned.length > 0 ? tuned : own, dModel, budgetFlops);
    return nearest === null ? 1 : Math.exp(Math.abs(Math.log(budgetFlops / nearest.budgetFlops)));
  });
  const far = ratios.filter((ratio) => ratio > FAR_BUDGET);
  if (far.length === 0) return [];
  return [
    rich`${strong('Learning rates.')} ${counted(far.length, 'run')} of ${ratios.length} ${far.length === 1 ? 'takes its rate' : 'take their rates'} from a tuning with more than ${FAR_BUDGET} times less or more compute than ${far.length === 1 ? 'its own' : 'their own'} (at most ${formatNumber(Math.max(...far), 2)} times). The best rate falls as a training gets longer.`,
  ];
}

/** For the list of what can't be concluded. */
export function transferLimits(context: ReportContext): Rich[] {
  const failed = failedNames(transferResults(context));
  const far = farFromTuning(context);
  if (failed.length === 0) return far;
  return [
    ...far,
    rich`${strong('Learning rates.')} At the largest budget half or twice the tuned rate is better for ${listInWords(failed)} by more than ${DEVIATIONS} seed standard deviations: the rule that carries rates over has failed there, and a comparison with ${failed.length === 1 ? 'it' : 'them'} is one of badly tuned rates.`,
  ];
}

function failedNames(results: readonly TransferResult[]): string[] {
  return results.filter(({ verdict }) => verdict === 'failed').map(({ arch }) => arch);
}

function transferTable(results: readonly TransferResult[]): Table {
  const rows = results.flatMap(({ arch, verdict, trials }) =>
    trials.map((trial) => ({
      arch,
      size: `${trial.dModel}x${trial.nLayers}`,
      budgetFlops: trial.budgetFlops,
      seed: trial.seed,
      tunedLearningRate: trial.tunedLearningRate,
      tunedValNats: trial.tunedValLossNats,
      learningRate: trial.learningRate,
      valNats: trial.valLossNats,
      difference:
        trial.valLossNats === null
          ? 'diverged'
          : trial.tunedValLossNats === null
            ? 'the tuned rate diverged'
            : signedNats(trial.valLossNats - trial.tunedValLossNats),
      verdict,
    })),
  );
  return {
    caption: 'Multiples of the tuned learning rates at the largest budget',
    dataset: datasetOf(
      [
        'arch',
        'size',
        'budgetFlops',
        'seed',
        'tunedLearningRate',
        'tunedValNats',
        'learningRate',
        'valNats',
        'difference',
        'verdict',
      ],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'size', label: 'Size' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'tunedLearningRate', label: 'Tuned rate', format: (rate) => formatNumber(rate, 3) },
      { field: 'tunedValNats', label: 'Val, nats', format: formatLoss },
      { field: 'learningRate', label: 'Tried rate', format: (rate) => formatNumber(rate, 3) },
      { field: 'valNats', label: 'Val, nats', format: formatLoss },
      { field: 'difference', label: 'Difference, nats' },
      { field: 'verdict', label: 'Transfer' },
    ],
  };
}
