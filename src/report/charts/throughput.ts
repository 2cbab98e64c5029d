/** Seconds: tokens a second by architecture and size, from the timings of one named hardware. */
import type { ReportContext } from '../context.js';
import { formatCount, formatNumber, formatShortCount } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { pairAxis, paddedDomain, seriesEncoding, SHOWN, tip, type Chart } from './chart.js';
import { niceLogTicks } from './ticks.js';

const COLUMNS = [
  'size',
  'arch',
  'tokensPerSecond',
  'low',
  'high',
  'gflopsPerSecond',
  'milliseconds',
  'madMilliseconds',
  'rounds',
] as const;

/** Throughput by size; null where the sweep was not timed. */
export function throughputChart(context: ReportContext): Chart | null {
  const { timings } = context.study;
  if (timings === null || timings.timings.length === 0) return null;
  const rows = [...timings.timings]
    .sort((a, b) => a.dModel - b.dModel || a.nLayers - b.nLayers)
    .map((timing) => {
      const tokens = timing.batchSize * timing.contextLength;
      const run = context.study.runs.find(
        ({ arch, setup }) =>
          arch === timing.arch &&
          setup.model.dModel === timing.dModel &&
          setup.model.nLayers === timing.nLayers &&
          setup.model.dFf === timing.dFf,
      );
      return {
        size: `${timing.dModel}x${timing.nLayers}`,
        arch: timing.arch,
        tokensPerSecond: tokens / timing.secondsPerStep,
        low: tokens / (timing.secondsPerStep + timing.madSeconds),
        high: tokens / (timing.secondsPerStep - timing.madSeconds),
        gflopsPerSecond: run === undefined ? null : run.flopsPerStep / timing.secondsPerStep / 1e9,
        milliseconds: timing.secondsPerStep * 1000,
        madMilliseconds: timing.madSeconds * 1000,
        rounds: timing.rounds,
      };
    });
  const order = context.archs.map((a) => a.arch);
  const archs = order.filter((arch) => rows.some((row) => row.arch === arch));
  const drawn = rows.filter((row) => archs.includes(row.arch));
  if (drawn.length === 0) return null;
  const sizes = [...new Set(drawn.map((row) => row.size))];
  const domain = paddedDomain(
    drawn.flatMap((row) => [row.low, row.high]),
    'log',
    0.06,
  );
  const { color, shape } = seriesEncoding(context.styles, archs);
  const x = {
    field: 'tokensPerSecond',
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: { title: 'Training tokens per second', values: niceLogTicks(domain, 6), format: '~s', grid: true },
  };
  const y = pairAxis('size', sizes);
  const yOffset = { field: 'arch', type: 'nominal', scale: { domain: archs } };
  const dataset = datasetOf(COLUMNS, drawn);
  return {
    id: 'throughput',
    title: 'Training speed',
    caption: rich`Median over ${timings.timings[0]!.rounds} round-robin rounds on ${timings.hardware}; bars are the median absolute deviation. Evaluation, compilation and checkpoints are excluded. Seconds of different hardware never meet in one ratio.`,
    alt: `Training tokens per second by size. ${drawn.map((row) => `${row.arch} ${row.size}: ${formatShortCount(row.tokensPerSecond)}.`).join(' ')}`,
    layout: { kind: 'rows', rows: sizes.length, step: Math.max(34, archs.length * 13 + 12) },
    archs,
    scales: { x: 'log' },
    datasets: { throughput: dataset },
    spec: {
      data: { name: 'throughput' },
      transform: [SHOWN],
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 1.5, aria: false },
          encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, yOffset, color },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: {
            x,
            y,
            yOffset,
            color,
            shape,
            tooltip: [
              tip('arch', 'Architecture'),
              tip('size', 'Size (width x layers)'),
              tip('tokensPerSecond', 'Tokens per second', ',.0f'),
              tip('gflopsPerSecond', 'GFLOP/s', '.1f'),
              tip('milliseconds', 'Milliseconds a step', '.2f'),
              tip('madMilliseconds', 'MAD, milliseconds', '.2f'),
            ],
          },
        },
      ],
    },
    table: {
      caption: `Training speed on ${timings.hardware}`,
      dataset,
      columns: [
        { field: 'size', label: 'Size' },
        { field: 'arch', label: 'Architecture' },
        { field: 'tokensPerSecond', label: 'Tokens per second', format: formatCount },
        { field: 'gflopsPerSecond', label: 'GFLOP/s', format: (rate) => formatNumber(rate, 3) },
        { field: 'milliseconds', label: 'Milliseconds a step', format: (ms) => ms.toFixed(2) },
        { field: 'madMilliseconds', label: 'MAD, ms', format: (ms) => ms.toFixed(2) },
        { field: 'rounds', label: 'Rounds' },
      ],
    },
  };
}
