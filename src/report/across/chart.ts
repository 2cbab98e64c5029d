/** Speedups of several sweeps side by side. */
import type { ReportContext } from '../context.js';
import {
  FORMAT,
  intervalLayers,
  paddedDomain,
  pairAxis,
  referenceLine,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from '../charts/chart.js';
import { speedupAxis, speedupFields } from '../charts/speedups.js';
import { factorDigits, formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval } from '../text.js';
import { seriesStyles, type SeriesStyle } from '../theme.js';
import type { Repeated } from './agreement.js';

const COLUMNS = [
  'pair',
  'arch',
  'comparison',
  'positions',
  'relation',
  'factor',
  'low',
  'high',
  'label',
  'verdict',
  'baselineFlops',
  'lossNats',
  'ratio',
  'agrees',
] as const;

/** One style a sweep; charts know series by the field `arch`. */
export function sweepStyles(contexts: readonly ReportContext[]): ReadonlyMap<string, SeriesStyle> {
  return seriesStyles(
    contexts.map(({ study }) => ({ arch: study.sweep.name, part: study.sweep.name, positions: '' })),
  );
}

/** Every comparison that repeats, a row a sweep. */
export function agreementChart(contexts: readonly ReportContext[], repeated: readonly Repeated[]): Chart {
  const rows = repeated.flatMap(({ arch, baseline, positions, findings, agreements }) =>
    findings.map(({ sweep, at }, i) => {
      const agreement = i === 0 ? null : (agreements[i - 1] ?? null);
      return {
        pair: `${arch} over ${baseline}|${sweep}`,
        arch: sweep,
        comparison: `${arch} over ${baseline}`,
        positions,
        ...speedupFields(at),
        baselineFlops: at.baselineCost,
        lossNats: at.lossNats,
        ratio: agreement === null ? null : shortInterval(agreement.ratio, factorDigits),
        agrees: agreement === null ? null : agreement.agrees ? 'yes' : 'no',
      };
    }),
  );
  const sweeps = contexts.map(({ study }) => study.sweep.name);
  const { color, shape } = seriesEncoding(sweepStyles(contexts), sweeps);
  const domain = paddedDomain(
    [1, ...rows.flatMap((row) => [row.factor, row.low, row.high]).filter((value) => value !== null)],
    'log',
    0.12,
  );
  const x = speedupAxis(domain);
  const y = pairAxis(
    'pair',
    rows.map((row) => row.pair),
  );
  const tooltip = [
    tip('comparison', 'Comparison'),
    tip('arch', 'Sweep'),
    tip('label', 'Speedup'),
    tip('verdict', 'Verdict'),
    tip('baselineFlops', 'Baseline, FLOPs', FORMAT.flops),
    tip('lossNats', 'At loss, nats', FORMAT.loss),
  ];
  return {
    id: 'speedup',
    title: 'Speedup at optimal size, sweep by sweep',
    caption: rich`Training compute of the baseline divided by that of the architecture at equal loss, each at its best size, inside each sweep, at the largest budget that all of them have (where none, each at its own largest). Bars are 95% intervals.`,
    alt: rows.map((row) => `${row.comparison} in ${row.arch}: ${row.label}.`).join(' '),
    layout: { kind: 'rows', rows: rows.length, step: 48, stacks: true },
    archs: sweeps,
    scales: { x: 'log' },
    datasets: { speedup: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'speedup' },
      transform: [SHOWN],
      layer: [referenceLine('x', 1), ...intervalLayers(x, y, { color, shape }, tooltip)],
    },
    table: {
      caption: 'Speedups at equal loss and optimal size, sweep by sweep',
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'comparison', label: 'Comparison' },
        { field: 'positions', label: 'Positions' },
        { field: 'arch', label: 'Sweep' },
        { field: 'label', label: 'Speedup (95% interval)' },
        { field: 'verdict', label: 'Verdict' },
        { field: 'baselineFlops', label: 'Baseline, FLOPs', format: formatPowerOfTen },
        { field: 'lossNats', label: 'At loss, nats', format: formatLoss },
        { field: 'ratio', label: 'Over the first sweep’s' },
        { field: 'agrees', label: 'Agrees' },
      ],
    },
  };
}
