/** Residuals of the isoFLOP parabolas against size, tokens and compute: a pattern here means a wrong form. */
import type { ReportContext } from '../context.js';
import { formatLoss, formatPowerOfTen, formatShortCount } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { signedNats } from '../text.js';
import {
  FORMAT,
  referenceLine,
  seriesEncoding,
  SHOWN,
  SIGNED_LABEL,
  SPARSE_POWER_OF_TEN_LABEL,
  tip,
  type Chart,
} from './chart.js';

const COLUMNS = ['run', 'arch', 'budgetFlops', 'flopsPerToken', 'tokens', 'flops', 'residualNats'] as const;
const PANELS = {
  flopsPerToken: 'Size, FLOPs per token',
  tokens: 'Training tokens',
  flops: 'Training compute, FLOPs',
} as const;

/** Residuals in three panels; null where no parabola was fitted. */
export function residualsChart(context: ReportContext): Chart | null {
  const { residuals, seedNoise } = context.analysis;
  if (residuals.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => residuals.some((r) => r.arch === arch));
  const { color, shape } = seriesEncoding(context.styles, archs);
  const dataset = datasetOf(
    COLUMNS,
    residuals.map((r) => ({ ...r, run: r.runId })),
  );
  const fields = Object.keys(PANELS) as (keyof typeof PANELS)[];
  const noise = seedNoise === null ? null : seedNoise.standardDeviation;
  return {
    id: 'residuals',
    title: 'Residuals',
    caption: rich`Observed loss minus the isoFLOP parabola, run by run. With three sizes at a budget the parabola passes through the mean of each, so only differences between seeds are left.${noise === null ? '' : ` The standard deviation between seeds is ${formatLoss(noise)} nats; residuals well beyond twice that point to a wrong form.`}`,
    alt: `Residuals of ${residuals.length} runs against size, tokens and compute; the largest is ${signedNats(largest(residuals.map((r) => r.residualNats)))} nats.`,
    layout: { kind: 'panels', panels: fields.length, minWidth: 200, height: 190 },
    archs,
    scales: {},
    datasets: { residuals: dataset },
    spec: {
      data: { name: 'residuals' },
      transform: [
        SHOWN,
        { fold: fields, as: ['against', 'at'] },
        { calculate: `${JSON.stringify(PANELS)}[datum.against]`, as: 'panel' },
      ],
      facet: { field: 'panel', type: 'nominal', sort: Object.values(PANELS), header: { title: null } },
      resolve: { scale: { x: 'independent' } },
      spec: {
        layer: [
          referenceLine('y', 0),
          {
            mark: { type: 'point', size: 34, filled: true, opacity: 0.7, aria: false },
            encoding: {
              x: {
                field: 'at',
                type: 'quantitative',
                scale: { type: 'log', nice: false, padding: 12 },
                axis: { title: null, labelExpr: SPARSE_POWER_OF_TEN_LABEL, labelFlush: true },
              },
              y: {
                field: 'residualNats',
                type: 'quantitative',
                axis: { title: 'Residual, nats', tickCount: 5, labelExpr: SIGNED_LABEL },
              },
              color,
              shape,
              tooltip: [
                tip('arch', 'Architecture'),
                tip('run', 'Run'),
                tip('residualNats', 'Residual, nats', '+.4f'),
                tip('budgetFlops', 'Budget, FLOPs', FORMAT.flops),
                tip('flopsPerToken', 'FLOPs per token', FORMAT.flops),
                tip('tokens', 'Tokens', FORMAT.short),
              ],
            },
          },
        ],
      },
    },
    table: {
      caption: 'Residuals of the isoFLOP parabolas',
      dataset,
      columns: [
        { field: 'run', label: 'Run key' },
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'flopsPerToken', label: 'FLOPs per token', format: formatPowerOfTen },
        { field: 'tokens', label: 'Tokens', format: formatShortCount },
        { field: 'residualNats', label: 'Residual, nats', format: signedNats },
      ],
    },
  };
}

function largest(values: readonly number[]): number {
  return values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
}
