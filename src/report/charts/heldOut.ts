/** Held-out prediction: the law without the largest budget, asked for its loss, beside the in-sample error. */
import type { ReportContext } from '../context.js';
import { formatLoss, formatPercent, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval, signedPercent } from '../text.js';
import {
  pairAxis,
  paddedDomain,
  referenceLine,
  seriesEncoding,
  SHOWN,
  SIGNED_PERCENT_LABEL,
  tip,
  TITLE_AT_END,
  type Chart,
} from './chart.js';
import { niceLinearTicks } from './ticks.js';

const COLUMNS = [
  'row',
  'arch',
  'budgetFlops',
  'nFitted',
  'predicted',
  'low',
  'high',
  'observed',
  'relativeError',
  'relativeLow',
  'relativeHigh',
  'inSampleError',
  'prediction',
  'covered',
  'label',
] as const;

/** Error of the held-out predictions; null where there are fewer than three budgets. */
export function heldOutChart(context: ReportContext): Chart | null {
  const { heldOut } = context.analysis;
  if (heldOut.length === 0) return null;
  const order = context.archs.map((a) => a.arch);
  const rows = [...heldOut]
    .sort((a, b) => order.indexOf(a.arch) - order.indexOf(b.arch) || b.budgetFlops - a.budgetFlops)
    .map((held) => ({
      row: `${held.arch}|at ${formatPowerOfTen(held.budgetFlops)} FLOPs`,
      arch: held.arch,
      budgetFlops: held.budgetFlops,
      nFitted: held.fittedBudgets.length,
      predicted: held.predicted.value,
      low: held.predicted.low,
      high: held.predicted.high,
      observed: held.observed,
      relativeError: held.relativeError,
      relativeLow: held.predicted.low === null ? null : held.predicted.low / held.observed - 1,
      relativeHigh: held.predicted.high === null ? null : held.predicted.high / held.observed - 1,
      inSampleError: held.inSampleError,
      prediction: shortInterval(held.predicted, formatLoss),
      covered: held.covered === null ? 'no interval' : held.covered ? 'yes' : 'no',
      label: signedPercent(held.relativeError),
    }));
  const archs = order.filter((arch) => rows.some((row) => row.arch === arch));
  const { color, shape } = seriesEncoding(context.styles, archs);
  const domain = paddedDomain(
    [
      0,
      ...rows
        .flatMap((row) => [row.relativeError, row.relativeLow, row.relativeHigh])
        .filter((v) => v !== null),
    ],
    'linear',
    0.1,
  );
  const x = {
    field: 'relativeError',
    type: 'quantitative',
    scale: { domain, nice: false },
    axis: {
      title: 'Predicted over observed loss, minus 1',
      ...TITLE_AT_END,
      values: niceLinearTicks(domain, 6),
      labelExpr: SIGNED_PERCENT_LABEL,
      grid: true,
    },
  };
  const y = pairAxis(
    'row',
    rows.map((row) => row.row),
  );
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('prediction', 'Predicted, nats'),
    tip('observed', 'Observed, nats', '.4f'),
    tip('label', 'Error'),
    tip('inSampleError', 'Mean error in sample', '.2%'),
    tip('covered', 'Interval holds it'),
  ];
  return {
    id: 'held-out',
    title: 'Held-out prediction',
    caption: rich`Each law is fitted without the largest budgets and predicts them. The bar is the 95% interval of the prediction; it should reach 0. An error much above the in-sample one says that the law is not to be extended.`,
    alt: rows
      .map(
        (row) =>
          `${row.arch} at ${formatPowerOfTen(row.budgetFlops)} FLOPs: error ${row.label}, in sample ${formatPercent(row.inSampleError)}.`,
      )
      .join(' '),
    layout: { kind: 'rows', rows: rows.length, step: 40 },
    archs,
    scales: {},
    datasets: { heldOut: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'heldOut' },
      transform: [SHOWN],
      layer: [
        referenceLine('x', 0),
        {
          mark: { type: 'rule', strokeWidth: 2, aria: false },
          encoding: { x: { ...x, field: 'relativeLow' }, x2: { field: 'relativeHigh' }, y, color },
        },
        {
          mark: { type: 'point', filled: true, size: 90, opacity: 1 },
          encoding: { x, y, color, shape, tooltip },
        },
      ],
    },
    table: {
      caption: 'Held-out predictions',
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Predicted at, FLOPs', format: formatPowerOfTen },
        { field: 'nFitted', label: 'Budgets fitted' },
        { field: 'prediction', label: 'Predicted, nats (95%)' },
        { field: 'observed', label: 'Observed, nats', format: formatLoss },
        { field: 'label', label: 'Error' },
        {
          field: 'inSampleError',
          label: 'Mean error in sample',
          format: (share) => `${(share * 100).toFixed(2)}%`,
        },
        { field: 'covered', label: 'Interval holds it' },
      ],
    },
  };
}
