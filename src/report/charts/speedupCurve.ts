/** Speedup as a function of the baseline's compute, with its band; the extrapolated part dashed. */
import type { Speedup } from '../../fit/comparison.js';
import type { ReportContext } from '../context.js';
import { formatFactor, formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortFactor } from '../text.js';
import {
  budgetTicks,
  computeAxis,
  FACTOR_LABEL,
  FORMAT,
  ofKind,
  paddedDomain,
  referenceLine,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';
import { niceLogTicks } from './ticks.js';

const DRAWN = [
  'kind',
  'arch',
  'baseline',
  'baselineFlops',
  'lossNats',
  'factor',
  'low',
  'high',
  'extrapolated',
  'label',
] as const;

/** Speedup against compute in one family, a panel a baseline; null where no comparison has a curve. */
export function speedupCurveChart(context: ReportContext, positions: string): Chart | null {
  const comparisons = context.comparisons.filter((c) => c.positions === positions && c.curve.length > 0);
  if (comparisons.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => comparisons.some((c) => c.arch === arch));
  const baselines = [...new Set(comparisons.map((c) => c.baseline))];
  const rows = comparisons.flatMap((c) =>
    c.curve.map((point) => ({
      kind: point.extrapolated ? 'extrapolated' : 'measured',
      arch: c.arch,
      baseline: `over ${c.baseline}`,
      baselineFlops: point.baselineFlops,
      lossNats: point.lossNats,
      factor: point.factor.value,
      low: point.factor.low,
      high: point.factor.high,
      extrapolated: point.extrapolated,
      label: `${shortFactor(point.factor)}${point.extrapolated ? ', extrapolated' : ''}`,
    })),
  );
  const compute = paddedDomain(
    rows.map((row) => row.baselineFlops),
    'log',
    0.03,
  );
  const factors = paddedDomain(
    [1, ...rows.flatMap((row) => [row.factor, row.low, row.high]).filter((v) => v !== null)],
    'log',
  );
  const budgets = context.analysis.cells
    .filter((cell) => baselines.includes(cell.arch))
    .map((cell) => cell.budgetFlops);
  const { color } = seriesEncoding(context.styles, archs);
  const x = computeAxis(
    'baselineFlops',
    "Baseline's training compute, FLOPs",
    compute,
    budgetTicks(budgets, 5).filter((b) => b >= compute[0] && b <= compute[1]),
  );
  const y = {
    field: 'factor',
    type: 'quantitative',
    scale: { type: 'log', domain: factors, nice: false },
    axis: { title: 'Speedup', values: niceLogTicks(factors, 7), labelExpr: FACTOR_LABEL },
  };
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('baseline', 'Compared'),
    tip('label', 'Speedup'),
    tip('baselineFlops', 'Baseline, FLOPs', FORMAT.flops),
    tip('lossNats', 'At loss, nats', FORMAT.loss),
  ];
  const line = (kind: string, dash: object): Record<string, unknown> => ({
    transform: [ofKind(kind)],
    mark: { type: 'line', strokeWidth: 2, aria: false, ...dash },
    encoding: { x, y, color, detail: { field: 'arch' } },
  });
  const main = positions === context.families[0];
  return {
    id: main ? 'speedup-curve' : `speedup-curve-${positions}`,
    title: `Speedup against compute, ${positions} positions`,
    caption: rich`The factor at the loss that the baseline's frontier has at each compute inside its measured range, with 95% bands. Dashed: extrapolated, since the architecture reaches that loss outside of its own measured range.`,
    alt: `Speedup against the baseline's compute. ${comparisons.map(measuredText).join(' ')}`,
    layout: { kind: 'panels', panels: baselines.length, minWidth: 320, height: 260 },
    archs,
    scales: { x: 'log', y: 'log' },
    datasets: { speedup: datasetOf(DRAWN, joined(rows)) },
    spec: {
      data: { name: 'speedup' },
      transform: [SHOWN],
      facet: {
        field: 'baseline',
        type: 'nominal',
        sort: baselines.map((b) => `over ${b}`),
        header: { title: null },
      },
      spec: {
        layer: [
          {
            mark: { type: 'area', opacity: 0.13, aria: false },
            encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
          },
          referenceLine('y', 1),
          line('measured', {}),
          line('extrapolated', { strokeDash: [4, 4] }),
          { mark: { type: 'point', size: 60, opacity: 0, filled: true }, encoding: { x, y, color, tooltip } },
        ],
      },
    },
    table: {
      caption: `Speedup against compute, ${positions} positions`,
      dataset: datasetOf(DRAWN, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'baseline', label: 'Compared' },
        { field: 'baselineFlops', label: "Baseline's FLOPs", format: formatPowerOfTen },
        { field: 'lossNats', label: 'At loss, nats', format: formatLoss },
        { field: 'label', label: 'Speedup (95%)' },
      ],
    },
  };
}

/** The smallest and the largest factor that was measured. */
function measuredText({ arch, baseline, curve }: Speedup): string {
  const measured = curve.filter((point) => !point.extrapolated).map(({ factor }) => factor.value);
  const range =
    measured.length === 0
      ? 'extrapolated throughout'
      : `${formatFactor(Math.min(...measured))} to ${formatFactor(Math.max(...measured))} where measured`;
  return `${arch} over ${baseline}: ${range}.`;
}

/**
 * The rows with the measured neighbour of each extrapolated stretch repeated as a part of it, so that the dashed
 * line starts where the solid one ends.
 */
function joined<Row extends { readonly kind: string; readonly arch: string; readonly baseline: string }>(
  rows: readonly Row[],
): Row[] {
  return rows.flatMap((row, i) => {
    const touches = [rows[i - 1], rows[i + 1]].some(
      (other) => other?.kind === 'extrapolated' && other.arch === row.arch && other.baseline === row.baseline,
    );
    return row.kind === 'measured' && touches ? [row, { ...row, kind: 'extrapolated' }] : [row];
  });
}
