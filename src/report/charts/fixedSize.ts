/** Speedups at one fixed size: the paper's other definition, kept apart from the headline. */
import type { FixedSizeSpeedup } from '../../fit/comparison.js';
import type { ReportContext } from '../context.js';
import { formatFactor, formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortFactor } from '../text.js';
import {
  FACTOR_LABEL,
  paddedDomain,
  referenceLine,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';
import { niceLogTicks } from './ticks.js';

const COLUMNS = [
  'panel',
  'arch',
  'baseline',
  'positions',
  'size',
  'budgetFlops',
  'lossNats',
  'relation',
  'factor',
  'low',
  'high',
  'label',
  'verdict',
  'nBudgets',
] as const;

/** Fixed-size speedups of one family, a panel a baseline; null where none could be read. */
export function fixedSizeChart(context: ReportContext, positions: string): Chart | null {
  const comparisons = context.comparisons.filter((c) => c.positions === positions);
  const entries = comparisons.flatMap((c) => c.fixedSize.map((at) => ({ c, at })));
  const rows = entries.flatMap(({ c, at }) => {
    const factor = at.factor?.value ?? at.bound;
    if (factor === null) return [];
    return [
      {
        panel: `over ${c.baseline}`,
        arch: c.arch,
        baseline: c.baseline,
        positions: c.positions,
        size: at.size,
        budgetFlops: at.budgetFlops,
        lossNats: at.lossNats,
        relation: at.relation,
        factor,
        low: at.factor?.low ?? null,
        high: at.factor?.high ?? null,
        label: labelOf(at),
        verdict: at.verdict ?? 'no interval',
        nBudgets: at.nBudgets,
      },
    ];
  });
  if (rows.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => rows.some((row) => row.arch === arch));
  const panels = [...new Set(rows.map((row) => row.panel))];
  const sizes = [...new Map(entries.map(({ at }) => [at.size, at])).values()]
    .sort((a, b) => a.dModel - b.dModel || a.nLayers - b.nLayers)
    .map((at) => at.size);
  const domain = paddedDomain(
    [1, ...rows.flatMap((row) => [row.factor, row.low, row.high]).filter((v) => v !== null)],
    'log',
    0.08,
  );
  const { color, shape } = seriesEncoding(context.styles, archs);
  const x = {
    field: 'size',
    type: 'nominal',
    scale: { domain: sizes },
    axis: { title: 'Size (width x layers)', labelAngle: 0 },
  };
  const y = {
    field: 'factor',
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: { title: 'Speedup at this size', values: niceLogTicks(domain, 7), labelExpr: FACTOR_LABEL },
  };
  const xOffset = { field: 'arch', type: 'nominal', scale: { domain: archs } };
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('baseline', 'Over'),
    tip('size', 'Size'),
    tip('label', 'Speedup'),
    tip('verdict', 'Verdict'),
    tip('nBudgets', 'Budgets trained at this size'),
  ];
  const main = positions === context.families[0];
  return {
    id: main ? 'fixed-size' : `fixed-size-${positions}`,
    title: `Speedup at a fixed size, ${positions} positions`,
    caption: rich`Compute of the baseline's largest run at one size over the compute at which the architecture, at that size, reaches the same final loss (log loss against log compute, interpolated between finished runs). It grows with the length of training, so it is not the speedup at optimal size. Triangles mark bounds.`,
    alt: `Speedups at fixed sizes. ${rows.map((row) => `${row.arch} ${row.panel} at ${row.size}: ${row.label}.`).join(' ')}`,
    layout: { kind: 'panels', panels: panels.length, minWidth: 320, height: 230 },
    archs,
    scales: { y: 'log' },
    datasets: { fixedSize: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'fixedSize' },
      transform: [SHOWN],
      facet: { field: 'panel', type: 'nominal', sort: panels, header: { title: null } },
      spec: {
        layer: [
          referenceLine('y', 1),
          {
            mark: { type: 'rule', strokeWidth: 2, aria: false },
            encoding: { x, xOffset, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
          },
          {
            transform: [{ filter: "datum.relation === '='" }],
            mark: { type: 'point', filled: true, size: 80, opacity: 1 },
            encoding: { x, xOffset, y, color, shape, tooltip },
          },
          bound('>', 'triangle-up', { x, xOffset, y, color, tooltip }),
          bound('<', 'triangle-down', { x, xOffset, y, color, tooltip }),
        ],
      },
    },
    table: {
      caption: `Speedups at a fixed size, ${positions} positions`,
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'baseline', label: 'Over' },
        { field: 'size', label: 'Size' },
        { field: 'budgetFlops', label: "Baseline's largest budget, FLOPs", format: formatPowerOfTen },
        { field: 'lossNats', label: 'At loss, nats', format: formatLoss },
        { field: 'label', label: 'Speedup (95%)' },
        { field: 'verdict', label: 'Verdict' },
        { field: 'nBudgets', label: 'Budgets at this size' },
      ],
    },
  };
}

function bound(
  relation: '>' | '<',
  shape: string,
  encoding: Record<string, unknown>,
): Record<string, unknown> {
  return {
    transform: [{ filter: `datum.relation === '${relation}'` }],
    mark: { type: 'point', shape, filled: false, size: 80, strokeWidth: 2 },
    encoding,
  };
}

function labelOf(at: FixedSizeSpeedup): string {
  if (at.factor !== null) return shortFactor(at.factor);
  return at.bound === null ? 'not read' : `${at.relation} ${formatFactor(at.bound)}`;
}
