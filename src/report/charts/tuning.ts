/** Learning-rate tuning: validation loss against the rate, a panel a size and budget, the chosen rate filled. */
import type { ReportContext } from '../context.js';
import { formatLoss, formatPowerOfTen, listInWords } from '../format.js';
import type { TuningRate } from '../resolved.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import {
  FORMAT,
  ofKind,
  paddedDomain,
  seriesEncoding,
  SHOWN,
  tip,
  TITLE_ABOVE,
  type Chart,
} from './chart.js';
import { niceLinearTicks } from './ticks.js';

const DRAWN = ['kind', 'arch', 'panel', 'size', 'learningRate', 'lossNats'] as const;
const TABLE = ['arch', 'size', 'budgetFlops', 'chosen', 'edge', 'bestNats', 'trials', 'notes'] as const;

/** Tuned curves; null where the sweep's rates were not tuned. */
export function tuningChart(context: ReportContext): Chart | null {
  const { tuning } = context;
  if (tuning === null) return null;
  const order = context.archs.map((a) => a.arch);
  const shown = tuning.rates.filter((rate) => order.includes(rate.arch));
  const isOneBudget = new Set(shown.map(({ budgetFlops }) => budgetFlops)).size === 1;
  const entries = shown
    .sort(
      (a, b) =>
        order.indexOf(a.arch) - order.indexOf(b.arch) ||
        a.shape.dModel - b.shape.dModel ||
        a.budgetFlops - b.budgetFlops,
    )
    .map((rate) => {
      const size = `${rate.shape.dModel}x${rate.shape.nLayers}`;
      const panel = isOneBudget ? size : `${size} at ${formatPowerOfTen(rate.budgetFlops)}`;
      return { ...rate, size, panel, points: meansByRate(rate.trials) };
    });
  const rows = entries.flatMap((entry) =>
    entry.points.flatMap(({ learningRate, lossNats }) =>
      lossNats === null
        ? []
        : [
            {
              kind: learningRate === entry.learningRate ? 'chosen' : 'trial',
              arch: entry.arch,
              panel: entry.panel,
              size: entry.size,
              learningRate,
              lossNats,
            },
          ],
    ),
  );
  if (rows.length === 0) return null;
  const archs = order.filter((arch) => rows.some((row) => row.arch === arch));
  const panels = [...new Map(entries.map((entry) => [entry.panel, entry]))]
    .sort(
      ([, a], [, b]) =>
        a.shape.dModel - b.shape.dModel || a.shape.nLayers - b.shape.nLayers || a.budgetFlops - b.budgetFlops,
    )
    .map(([panel]) => panel);
  const edges = entries.filter((entry) => entry.edge !== null).length;
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const rates = [...new Set(rows.map((row) => row.learningRate))].sort((a, b) => a - b);
  const x = {
    field: 'learningRate',
    type: 'quantitative',
    scale: { type: 'log', domain: paddedDomain(rates, 'log', 0.08), nice: false },
    axis: { title: 'Learning rate', values: rates, format: '.2~g' },
  };
  const losses = paddedDomain(
    rows.map((row) => row.lossNats),
    'linear',
  );
  const title = 'Validation loss, nats';
  // Losses fall far from budget to budget: on one axis the curves of a panel, which decide, would be flat.
  const y = {
    field: 'lossNats',
    type: 'quantitative',
    scale: isOneBudget ? { domain: losses, nice: false } : { zero: false, padding: 8 },
    axis: isOneBudget
      ? { title, values: niceLinearTicks(losses, 6), format: '.3~f' }
      : { title, tickCount: 5, format: '.3~f', ...TITLE_ABOVE },
  };
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('size', 'Size'),
    tip('learningRate', 'Learning rate', '.3~g'),
    tip('lossNats', 'Validation loss, nats', FORMAT.loss),
  ];
  return {
    id: 'tuning',
    title: 'Validation loss against learning rate',
    caption: rich`Rates come from ${tuning.sweeps.length === 1 ? 'the sweep' : 'the sweeps'} ${listInWords(tuning.sweeps)}: grids of factor 2 with the same seeds and compute for every architecture, chosen on the validation split (filled marks).${isOneBudget ? '' : ' A run takes the rate tuned at the budget nearest to its own; the panels say at which one theirs were.'} ${edges === 0 ? 'No optimum lies at an edge of the grid.' : `${edges} of ${entries.length} optima lie at an edge of the grid, so a better rate may lie outside it; the table flags them.`} Trials that diverged count as infinitely bad.`,
    alt: `Validation loss against learning rate. ${entries.map((entry) => `${entry.arch} ${entry.panel}: best rate ${entry.learningRate}${entry.edge === null ? '' : ', at the edge'}.`).join(' ')}`,
    layout: { kind: 'panels', panels: panels.length, minWidth: 240, height: 210 },
    archs,
    scales: { x: 'log' },
    datasets: { tuning: datasetOf(DRAWN, rows) },
    spec: {
      data: { name: 'tuning' },
      transform: [SHOWN],
      facet: { field: 'panel', type: 'nominal', sort: panels, header: { title: null } },
      ...(isOneBudget ? {} : { resolve: { scale: { y: 'independent' } } }),
      spec: {
        layer: [
          { mark: { type: 'line', strokeWidth: 1.4, aria: false }, encoding: { x, y, color, strokeDash } },
          { mark: { type: 'point', size: 34, strokeWidth: 1.4 }, encoding: { x, y, color, shape, tooltip } },
          {
            transform: [ofKind('chosen')],
            mark: { type: 'point', size: 70, filled: true, opacity: 1 },
            encoding: { x, y, color, shape, tooltip },
          },
        ],
      },
    },
    table: {
      caption: `Tuned learning rates, from ${listInWords(tuning.sweeps)}`,
      dataset: datasetOf(
        TABLE,
        entries.map((entry) => ({
          arch: entry.arch,
          size: entry.size,
          budgetFlops: entry.budgetFlops,
          chosen: entry.learningRate,
          edge: entry.edge === null ? 'no' : `yes, ${entry.edge}`,
          bestNats: entry.points.find((point) => point.learningRate === entry.learningRate)?.lossNats ?? null,
          trials: entry.points
            .map(
              ({ learningRate, lossNats }) =>
                `${learningRate}: ${lossNats === null ? 'diverged' : formatLoss(lossNats)}`,
            )
            .join(', '),
          notes: entry.flags.length === 0 ? null : entry.flags.join(' '),
        })),
      ),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'size', label: 'Size' },
        { field: 'budgetFlops', label: 'Tuned at, FLOPs', format: formatPowerOfTen },
        { field: 'chosen', label: 'Chosen rate' },
        { field: 'edge', label: 'At the edge' },
        { field: 'bestNats', label: 'Validation loss, nats', format: formatLoss },
        { field: 'trials', label: 'Trials (rate: loss)' },
        { field: 'notes', label: 'Notes' },
      ],
    },
  };
}

/** Mean loss at each rate, by rising rate; null where a trial diverged, which counts for the rate. */
function meansByRate(trials: TuningRate['trials']): { learningRate: number; lossNats: number | null }[] {
  const rates = [...new Set(trials.map((trial) => trial.learningRate))].sort((a, b) => a - b);
  return rates.map((learningRate) => {
    const losses = trials
      .filter((trial) => trial.learningRate === learningRate)
      .map((trial) => trial.lossNats);
    const finite = losses.filter((loss) => loss !== null);
    const lossNats = finite.length < losses.length ? null : finite.reduce((a, b) => a + b, 0) / finite.length;
    return { learningRate, lossNats };
  });
}
