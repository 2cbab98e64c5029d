/** The paper's law of absolute savings: loss against the FLOPs saved at equal loss, and what parallel frontiers predict. */
import type { Speedup } from '../../fit/comparison.js';
import type { ReportContext } from '../context.js';
import { formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { powerText, shortInterval } from '../text.js';
import {
  computeAxis,
  FORMAT,
  ofKind,
  paddedDomain,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';
import { niceLinearTicks } from './ticks.js';

const DRAWN = ['kind', 'arch', 'baseline', 'savedFlops', 'lossNats'] as const;

/** Savings in one family, a panel a baseline; null where no comparison has a law of them. */
export function savingsChart(context: ReportContext, positions: string): Chart | null {
  const comparisons = context.comparisons.filter((c) => c.positions === positions && c.savings !== null);
  if (comparisons.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => comparisons.some((c) => c.arch === arch));
  const rows = comparisons.flatMap((c) => [...savedRows(c), ...claimedRows(c)]);
  const panels = [...new Set(rows.map((row) => row.baseline))];
  const saved = paddedDomain(
    rows.map((row) => row.savedFlops),
    'log',
  );
  const losses = paddedDomain(
    rows.map((row) => row.lossNats),
    'log',
  );
  const { color } = seriesEncoding(context.styles, archs);
  const x = computeAxis('savedFlops', 'Compute saved at equal loss, FLOPs', saved);
  const y = {
    field: 'lossNats',
    type: 'quantitative',
    scale: { type: 'log', domain: losses, nice: false },
    axis: { title: 'Test loss, nats', values: niceLinearTicks(losses, 6), format: '.3~f' },
  };
  const main = positions === context.families[0];
  const line = (kind: string, mark: object): Record<string, unknown> => ({
    transform: [ofKind(kind)],
    mark: { type: 'line', aria: false, ...mark },
    encoding: { x, y, color, detail: { field: 'arch' } },
  });
  return {
    id: main ? 'savings' : `savings-${positions}`,
    title: `Compute saved at equal loss, ${positions} positions`,
    caption: rich`Solid: FLOPs saved at optimal size against the loss reached, inside the measured range. Dashed: what the paper claims for parallel frontiers, a power law with the exponent that the frontiers share; drawn only where parallel frontiers are not rejected.`,
    alt: `Compute saved against loss. ${comparisons.map((c) => `${c.arch} over ${c.baseline}: exponent ${shortInterval(c.savings!.exponent, powerText(3))}.`).join(' ')}`,
    layout: { kind: 'panels', panels: panels.length, minWidth: 320, height: 240 },
    archs,
    scales: { x: 'log', y: 'log' },
    datasets: { savings: datasetOf(DRAWN, rows) },
    spec: {
      data: { name: 'savings' },
      transform: [SHOWN],
      facet: { field: 'baseline', type: 'nominal', sort: panels, header: { title: null } },
      spec: {
        layer: [
          line('claimed', { strokeDash: [4, 4], strokeWidth: 1.4 }),
          line('saved', { strokeWidth: 2 }),
          {
            transform: [ofKind('saved')],
            mark: { type: 'point', size: 60, opacity: 0, filled: true },
            encoding: {
              x,
              y,
              color,
              tooltip: [
                tip('arch', 'Architecture'),
                tip('baseline', 'Compared'),
                tip('savedFlops', 'Saved, FLOPs', FORMAT.flops),
                tip('lossNats', 'At loss, nats', FORMAT.loss),
              ],
            },
          },
        ],
      },
    },
    table: {
      caption: `Compute saved at equal loss, ${positions} positions`,
      dataset: datasetOf(DRAWN, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'baseline', label: 'Compared' },
        { field: 'kind', label: 'Saved, or claimed for parallel frontiers' },
        { field: 'savedFlops', label: 'Saved, FLOPs', format: formatPowerOfTen },
        { field: 'lossNats', label: 'At loss, nats', format: formatLoss },
      ],
    },
  };
}

type Row = Record<(typeof DRAWN)[number], string | number> & {
  baseline: string;
  savedFlops: number;
  lossNats: number;
};

function savedRows({ arch, baseline, curve }: Speedup): Row[] {
  return curve.flatMap((point) => {
    const savedFlops = point.baselineFlops * (1 - 1 / point.factor.value);
    if (point.extrapolated || !(savedFlops > 0)) return [];
    return [{ kind: 'saved', arch, baseline: `over ${baseline}`, savedFlops, lossNats: point.lossNats }];
  });
}

/** a1 (1 - 1/b)^k s^-k at both ends of the range that the law was read from. */
function claimedRows({ arch, baseline, savings }: Speedup): Row[] {
  if (savings === null) return [];
  const { parallelCoefficient, parallelExponent, range } = savings;
  if (parallelCoefficient === null || parallelExponent === null) return [];
  return range.map((savedFlops) => ({
    kind: 'claimed',
    arch,
    baseline: `over ${baseline}`,
    savedFlops,
    lossNats: parallelCoefficient * savedFlops ** parallelExponent,
  }));
}
