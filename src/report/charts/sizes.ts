/** Loss against compute where no optimum was accepted: a line for each architecture and size with several budgets. */
import type { ReportContext } from '../context.js';
import { archsOfFamily } from '../context.js';
import { formatLoss, formatPowerOfTen, formatShortCount } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import {
  budgetTicks,
  CELL_TIPS,
  computeAxis,
  lossAxis,
  paddedDomain,
  seriesEncoding,
  SHOWN,
  type Chart,
} from './chart.js';

const COLUMNS = [
  'arch',
  'size',
  'budgetFlops',
  'flops',
  'lossNats',
  'bitsPerByte',
  'seeds',
  'tokens',
  'steps',
] as const;

/** The cells of one family; null where it has an optimum, which the chart of frontiers shows, or one budget alone. */
export function sizesChart(context: ReportContext, positions: string): Chart | null {
  const { analysis } = context;
  const cells = analysis.cells.filter((cell) => cell.positions === positions);
  const budgets = new Set(cells.map((cell) => cell.budgetFlops));
  const hasOptimum = analysis.isoflop.some((fit) => fit.positions === positions && fit.accepted);
  if (hasOptimum || budgets.size < 2) return null;
  const archs = archsOfFamily(context, positions).filter((arch) => cells.some((cell) => cell.arch === arch));
  const dataset = datasetOf(
    COLUMNS,
    cells.map((cell) => ({ ...cell, seeds: cell.seeds.length })),
  );
  const compute = paddedDomain(
    cells.map((c) => c.flops),
    'log',
  );
  const losses = paddedDomain(
    cells.map((c) => c.lossNats),
    'log',
  );
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const main = positions === context.families[0];
  return {
    id: main ? 'sizes' : `sizes-${positions}`,
    title: `Loss against compute, ${positions} positions`,
    caption: rich`Marks are the sizes trained (mean over seeds); a line joins the budgets of one architecture at one size. No optimal size could be read here, so there are no laws.`,
    alt: `Test loss against training compute. ${cells.map((c) => `${c.arch} ${c.size}: ${formatLoss(c.lossNats)} nats at ${formatPowerOfTen(c.budgetFlops)} FLOPs.`).join(' ')}`,
    layout: { kind: 'single', height: 380 },
    archs,
    scales: { x: 'log', y: 'log' },
    datasets: { sizes: dataset },
    spec: {
      data: { name: 'sizes' },
      transform: [SHOWN],
      encoding: {
        x: computeAxis('flops', 'Training compute, FLOPs', compute, budgetTicks([...budgets])),
        y: lossAxis('lossNats', 'Test loss, nats per token', losses, 'log'),
        color,
      },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 1.4, aria: false },
          encoding: { strokeDash, detail: { field: 'size', type: 'nominal' } },
        },
        {
          mark: { type: 'point', size: 48, filled: true, opacity: 0.85 },
          encoding: {
            shape,
            tooltip: CELL_TIPS,
          },
        },
      ],
    },
    table: {
      caption: `Loss of each size at each budget, ${positions} positions`,
      dataset,
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'size', label: 'Size' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'lossNats', label: 'Test loss, nats', format: formatLoss },
        { field: 'bitsPerByte', label: 'Bits per byte', format: formatLoss },
        { field: 'seeds', label: 'Seeds' },
        { field: 'tokens', label: 'Tokens', format: formatShortCount },
        { field: 'steps', label: 'Steps', format: (steps) => steps.toFixed(0) },
      ],
    },
  };
}
