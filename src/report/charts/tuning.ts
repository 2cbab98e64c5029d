/** Learning-rate tuning: validation loss against the rate, a panel a size, the chosen rate filled. */
import type { ReportContext } from '../context.js';
import { formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { FORMAT, lossAxis, ofKind, paddedDomain, seriesEncoding, SHOWN, tip, type Chart } from './chart.js';

const DRAWN = ['kind', 'arch', 'size', 'learningRate', 'lossNats'] as const;
const TABLE = ['arch', 'size', 'budgetFlops', 'chosen', 'edge', 'bestNats', 'trials'] as const;

/** Tuned curves; null where the sweep's rates were not tuned. */
export function tuningChart(context: ReportContext): Chart | null {
  const { tuning } = context;
  if (tuning === null) return null;
  const order = context.archs.map((a) => a.arch);
  const entries = tuning.entries.filter((entry) => order.includes(entry.arch)).sort((a, b) => order.indexOf(a.arch) - order.indexOf(b.arch));
  const rows = entries.flatMap((entry) =>
    entry.trials.flatMap((trial) =>
      trial.lossNats === null
        ? []
        : [
            {
              kind: trial.learningRate === entry.chosen ? 'chosen' : 'trial',
              arch: entry.arch,
              size: entry.size,
              learningRate: trial.learningRate,
              lossNats: trial.lossNats,
            },
          ],
    ),
  );
  if (rows.length === 0) return null;
  const archs = order.filter((arch) => rows.some((row) => row.arch === arch));
  const sizes = [...new Set(entries.map((entry) => entry.size))].sort((a, b) => parseInt(a) - parseInt(b) || (a < b ? -1 : 1));
  const edges = entries.filter((entry) => entry.edge).length;
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const rates = [...new Set(rows.map((row) => row.learningRate))].sort((a, b) => a - b);
  const x = {
    field: 'learningRate',
    type: 'quantitative',
    scale: { type: 'log', domain: paddedDomain(rates, 'log', 0.08), nice: false },
    axis: { title: 'Learning rate', values: rates, format: '.2~g' },
  };
  const y = lossAxis('lossNats', 'Validation loss, nats per token', paddedDomain(rows.map((row) => row.lossNats), 'linear'), 'linear');
  const tooltip = [tip('arch', 'Architecture'), tip('size', 'Size'), tip('learningRate', 'Learning rate', '.3~g'), tip('lossNats', 'Validation loss, nats', FORMAT.loss)];
  return {
    id: 'tuning',
    title: 'Learning-rate tuning',
    caption: rich`Rates come from the sweep ${tuning.sweep}: the same grid, seeds and compute for every architecture, chosen on the validation split (filled marks). ${edges === 0 ? 'No optimum lies at an edge of the grid.' : `${edges} of ${entries.length} optima lie at an edge of the grid, so a better rate may lie outside it; the table flags them.`} Trials that diverged count as infinitely bad.`,
    alt: `Validation loss against learning rate. ${entries.map((entry) => `${entry.arch} ${entry.size}: best rate ${entry.chosen}${entry.edge ? ', at the edge' : ''}.`).join(' ')}`,
    layout: { kind: 'panels', panels: sizes.length, minWidth: 240, height: 210 },
    archs,
    scales: { x: 'log' },
    datasets: { tuning: datasetOf(DRAWN, rows) },
    spec: {
      data: { name: 'tuning' },
      transform: [SHOWN],
      facet: { field: 'size', type: 'nominal', sort: sizes, header: { title: null } },
      spec: {
        layer: [
          { mark: { type: 'line', strokeWidth: 1.4, aria: false }, encoding: { x, y, color, strokeDash } },
          { mark: { type: 'point', size: 34, strokeWidth: 1.4 }, encoding: { x, y, color, shape, tooltip } },
          { transform: [ofKind('chosen')], mark: { type: 'point', size: 70, filled: true, opacity: 1 }, encoding: { x, y, color, shape, tooltip } },
        ],
      },
    },
    table: {
      caption: `Tuned learning rates, from the sweep ${tuning.sweep}`,
      dataset: datasetOf(
        TABLE,
        entries.map((entry) => ({
          arch: entry.arch,
          size: entry.size,
          budgetFlops: entry.budgetFlops,
          chosen: entry.chosen,
          edge: entry.edge,
          bestNats: entry.trials.find((trial) => trial.learningRate === entry.chosen)?.lossNats ?? null,
          trials: entry.trials.map((trial) => `${trial.learningRate}: ${trial.lossNats === null ? 'diverged' : formatLoss(trial.lossNats)}`).join(', '),
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
      ],
    },
  };
}
