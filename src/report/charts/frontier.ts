/** Loss against compute: every size trained, the optimum of each budget, and the law through the optima with its band. */
import type { Frontier } from '../../fit/analysis.js';
import type { ReportContext } from '../context.js';
import { archsOfFamily } from '../context.js';
import { formatLoss, formatPowerOfTen, formatShortCount, listInWords } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval } from '../text.js';
import {
  budgetTicks,
  CELL_TIPS,
  computeAxis,
  FORMAT,
  lossAxis,
  optimumLayers,
  paddedDomain,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';

const CELL = ['arch', 'size', 'flops', 'lossNats', 'bitsPerByte', 'seeds', 'tokens', 'steps'] as const;
const OPTIMUM = [
  'arch',
  'budgetFlops',
  'flops',
  'lossNats',
  'low',
  'high',
  'flopsPerToken',
  'params',
  'tokens',
  'label',
] as const;
const BAND = ['arch', 'flops', 'lossNats', 'low', 'high'] as const;

/** Frontiers of one family of positions; null where it has fewer than two budgets, or no optimum at any. */
export function frontierChart(context: ReportContext, positions: string): Chart | null {
  const { analysis } = context;
  const cells = analysis.cells.filter((cell) => cell.positions === positions);
  const hasOptimum = analysis.isoflop.some((fit) => fit.positions === positions && fit.accepted);
  if (!hasOptimum || new Set(cells.map((cell) => cell.budgetFlops)).size < 2) return null;
  const archs = archsOfFamily(context, positions).filter((arch) => cells.some((cell) => cell.arch === arch));
  const frontiers = analysis.frontier.filter((f) => f.positions === positions);
  const optima = analysis.isoflop.flatMap((fit) =>
    fit.positions !== positions || fit.optimum === null
      ? []
      : [
          {
            arch: fit.arch,
            budgetFlops: fit.budgetFlops,
            flops: fit.optimum.flops,
            lossNats: fit.optimum.lossNats.value,
            low: fit.optimum.lossNats.low,
            high: fit.optimum.lossNats.high,
            flopsPerToken: fit.optimum.flopsPerToken.value,
            params: fit.optimum.paramsNonEmbedding,
            tokens: fit.optimum.tokens,
            label: shortInterval(fit.optimum.lossNats, formatLoss),
          },
        ],
  );
  const band = frontiers.flatMap((f) =>
    f.band.map((point) => ({
      arch: f.arch,
      flops: point.flops,
      lossNats: point.lossNats.value,
      low: point.lossNats.low,
      high: point.lossNats.high,
    })),
  );
  const compute = paddedDomain([...cells.map((c) => c.flops), ...band.map((b) => b.flops)], 'log');
  const losses = paddedDomain(
    [...cells.map((c) => c.lossNats), ...optima.flatMap((o) => [o.low ?? o.lossNats, o.high ?? o.lossNats])],
    'log',
  );
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const x = computeAxis(
    'flops',
    'Training compute, FLOPs',
    compute,
    budgetTicks(cells.map((c) => c.budgetFlops)),
  );
  const y = lossAxis('lossNats', 'Test loss, nats per token', losses, 'log');
  const main = positions === context.families[0];
  return {
    id: main ? 'frontier' : `frontier-${positions}`,
    title: `Loss against compute, ${positions} positions`,
    caption: rich`Small marks are the sizes trained (mean over seeds). Large marks are the optimum of each budget, the vertex of its isoFLOP parabola; the line is the power law through them inside its measured range, the band its 95% interval.${bentText(frontiers)}`,
    alt: `Test loss against training compute. ${frontiers.map((f) => `${f.arch}: ${f.points.map((p) => `${formatLoss(p.lossNats.value)} nats at ${formatPowerOfTen(p.budgetFlops)} FLOPs`).join(', ') || 'no accepted optimum'}.`).join(' ')}`,
    layout: { kind: 'single', height: 380 },
    archs,
    scales: { x: 'log', y: 'log' },
    datasets: {
      cells: datasetOf(
        CELL,
        cells.map((c) => ({ ...c, seeds: c.seeds.length })),
      ),
      optima: datasetOf(OPTIMUM, optima),
      band: datasetOf(BAND, band),
    },
    spec: {
      encoding: { x },
      layer: [
        {
          data: { name: 'band' },
          transform: [SHOWN],
          mark: { type: 'area', opacity: 0.14, aria: false },
          encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
        },
        {
          data: { name: 'band' },
          transform: [SHOWN],
          mark: { type: 'line', aria: false },
          encoding: { y, color, strokeDash },
        },
        {
          data: { name: 'cells' },
          transform: [SHOWN],
          mark: { type: 'point', size: 26, opacity: 0.55, strokeWidth: 1.2 },
          encoding: {
            y,
            color,
            shape,
            tooltip: CELL_TIPS,
          },
        },
        ...optimumLayers(y, { color, shape }, 95, [
          tip('arch', 'Architecture'),
          tip('label', 'Optimal loss, nats'),
          tip('flops', 'FLOPs', FORMAT.flops),
          tip('flopsPerToken', 'FLOPs per token at optimum', FORMAT.flops),
          tip('params', 'Parameters (no embedding or output matrices)', FORMAT.short),
          tip('tokens', 'Tokens', FORMAT.short),
        ]),
      ],
    },
    table: {
      caption: `Optimum of each budget, ${positions} positions`,
      dataset: datasetOf(OPTIMUM, optima),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'label', label: 'Optimal test loss, nats (95%)' },
        { field: 'flopsPerToken', label: 'FLOPs per token', format: formatPowerOfTen },
        { field: 'params', label: 'Parameters, no embedding or output matrices', format: formatShortCount },
        { field: 'tokens', label: 'Tokens', format: formatShortCount },
      ],
    },
  };
}

/** Names the frontiers whose line is no law. */
function bentText(frontiers: readonly Frontier[]): string {
  const bent = frontiers.filter(({ reading }) => reading === 'optima').map(({ arch }) => arch);
  if (bent.length === 0) return '';
  return ` The optima of ${listInWords(bent)} lie further off a power law than seed noise explains: there the line goes from optimum to optimum, and speedups are read off it.`;
}
