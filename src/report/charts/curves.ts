/** Learning curves of all runs: training loss against compute, smoothed, with the final test loss at the end. */
import type { RunRecord, TrainRow } from '../../store/record.js';
import type { ReportContext } from '../context.js';
import { counted, formatCount, formatLoss, formatPowerOfTen, formatShortCount } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import {
  computeAxis,
  FORMAT,
  lossAxis,
  paddedDomain,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';

/** Points that all curves of a page share, so that a thousand runs stay a page of a few megabytes. */
const POINT_BUDGET = 16_000;
/** A point of a curve is the mean over the kept rows within this factor of its step. */
const WINDOW = 1.2;

const CURVE = [
  'run',
  'arch',
  'size',
  'budgetFlops',
  'seed',
  'best',
  'point',
  'tokens',
  'flops',
  'lossNats',
] as const;
const FINAL = ['run', 'arch', 'size', 'budgetFlops', 'seed', 'flops', 'lossNats'] as const;
const TABLE = [
  'run',
  'arch',
  'size',
  'budgetFlops',
  'seed',
  'status',
  'steps',
  'tokens',
  'epochs',
  'learningRate',
  'trainNats',
  'valNats',
  'testNats',
  'testBitsPerByte',
] as const;

/** All runs that have training rows; null where there is none. */
export function curvesChart(context: ReportContext): Chart | null {
  const { study } = context;
  const runs = study.runs.filter((run) => (study.curves[run.runKey]?.length ?? 0) > 0);
  if (runs.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => runs.some((run) => run.arch === arch));
  const perRun = Math.max(12, Math.min(80, Math.floor(POINT_BUDGET / runs.length)));
  const smooth = new Map(runs.map((run) => [run.runKey, smoothed(study.curves[run.runKey]!)]));
  const best = bestRuns(context);
  const points = runs.flatMap((run) =>
    thinned(smooth.get(run.runKey)!, perRun).map((point, i) => ({
      ...identity(run),
      best: best.has(run.runKey),
      point: i,
      ...point,
    })),
  );
  const finals = runs.flatMap((run) => {
    const lossNats = run.final?.test.lossNats ?? null;
    return lossNats === null ? [] : [{ ...identity(run), flops: run.flops, lossNats }];
  });
  const compute = paddedDomain(
    points.filter((p) => p.point > 0).map((p) => p.flops),
    'log',
    0.02,
  );
  const losses = paddedDomain(
    [...points, ...finals].map((p) => p.lossNats),
    'log',
    0.03,
  );
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const x = computeAxis('flops', 'Training compute, FLOPs', compute);
  const y = lossAxis('lossNats', 'Training loss, nats per token', losses, 'log');
  const about = [
    tip('arch', 'Architecture'),
    tip('size', 'Size (width x layers)'),
    tip('budgetFlops', 'Budget, FLOPs', FORMAT.flops),
    tip('seed', 'Seed'),
    tip('run', 'Run'),
  ];
  const faint = runs.length > 200 ? 0.12 : 0.28;
  // One path an architecture, broken at the first point of each run: a path a run takes Vega a hundred times longer.
  const line = (filter: string, mark: object): object => ({
    data: { name: 'curves' },
    transform: [
      SHOWN,
      { filter },
      { calculate: 'datum.point === 0 ? null : datum.lossNats', as: 'drawnNats' },
      { window: [{ op: 'row_number', as: 'place' }] },
    ],
    mark: { type: 'line', aria: false, invalid: 'break-paths-show-path-domains', ...mark },
    encoding: {
      y: { ...y, field: 'drawnNats' },
      color,
      strokeDash,
      order: { field: 'place', type: 'quantitative' },
    },
  });
  return {
    id: 'curves',
    title: 'Learning curves',
    caption: rich`Training loss of every run, each point the mean over the recorded steps within a factor of ${WINDOW}; the best size of each budget is drawn strongly. Marks at the ends are test losses. Rates decay to the end of each run, so a curve is not comparable with a finished run before its end.`,
    alt: `Training loss against compute for ${counted(runs.length, 'run')}; the table gives the final losses of each.`,
    layout: { kind: 'single', height: 380 },
    archs,
    scales: { x: 'log', y: 'log' },
    dense: runs.length > 60,
    datasets: { curves: datasetOf(CURVE, points), finals: datasetOf(FINAL, finals) },
    csv: datasetOf(CURVE, points),
    spec: {
      encoding: { x, y },
      layer: [
        line('!datum.best', { strokeWidth: 0.9, opacity: faint }),
        line('datum.best', { strokeWidth: 1.5, opacity: runs.length > 200 ? 0.5 : 0.9 }),
        {
          data: { name: 'finals' },
          transform: [SHOWN],
          mark: { type: 'point', size: 30, filled: true, opacity: 0.7, aria: false },
          encoding: {
            color,
            shape,
            tooltip: [
              ...about,
              tip('lossNats', 'Final test loss, nats', FORMAT.loss),
              tip('flops', 'FLOPs', FORMAT.flops),
            ],
          },
        },
        {
          data: { name: 'curves' },
          transform: [SHOWN, { filter: 'datum.point > 0' }],
          mark: { type: 'point', size: 36, filled: true, opacity: 0, aria: false },
          encoding: {
            color,
            tooltip: [
              ...about,
              tip('tokens', 'Tokens', FORMAT.short),
              tip('flops', 'FLOPs', FORMAT.flops),
              tip('lossNats', 'Training loss, nats', FORMAT.loss),
            ],
          },
        },
      ],
    },
    table: {
      caption: 'Runs and their final losses',
      dataset: datasetOf(
        TABLE,
        context.study.runs.map((run) => ({
          ...identity(run),
          status: run.status,
          steps: run.setup.steps,
          tokens: run.tokens,
          epochs: run.epochs,
          learningRate: run.setup.optimizer.learningRate,
          trainNats: smooth.get(run.runKey)?.at(-1)?.lossNats ?? null,
          valNats: run.final?.val.lossNats ?? null,
          testNats: run.final?.test.lossNats ?? null,
          testBitsPerByte: run.final?.test.bitsPerByte ?? null,
        })),
      ),
      columns: [
        { field: 'run', label: 'Run key' },
        { field: 'arch', label: 'Architecture' },
        { field: 'size', label: 'Size' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'seed', label: 'Seed' },
        { field: 'status', label: 'Status' },
        { field: 'steps', label: 'Steps', format: formatCount },
        { field: 'tokens', label: 'Tokens', format: formatShortCount },
        { field: 'epochs', label: 'Epochs', format: (epochs) => epochs.toFixed(2) },
        { field: 'learningRate', label: 'Learning rate' },
        { field: 'trainNats', label: 'Train, nats (smoothed)', format: formatLoss },
        { field: 'valNats', label: 'Val, nats', format: formatLoss },
        { field: 'testNats', label: 'Test, nats', format: formatLoss },
        { field: 'testBitsPerByte', label: 'Test, bits per byte', format: formatLoss },
      ],
    },
  };
}

/** Runs of the size with the lowest mean loss, for each architecture and budget. */
function bestRuns({ analysis }: ReportContext): ReadonlySet<string> {
  return new Set(
    analysis.isoflop.flatMap((fit) =>
      analysis.cells
        .filter(
          (c) => c.arch === fit.arch && c.budgetFlops === fit.budgetFlops && c.size === fit.bestCell.size,
        )
        .flatMap((c) => c.runIds),
    ),
  );
}

function identity(run: RunRecord): {
  run: string;
  arch: string;
  size: string;
  budgetFlops: number;
  seed: number;
} {
  const { dModel, nLayers } = run.setup.model;
  return {
    run: run.runKey,
    arch: run.arch,
    size: `${dModel}x${nLayers}`,
    budgetFlops: run.budgetFlops,
    seed: run.setup.seed,
  };
}

interface CurvePoint {
  readonly tokens: number;
  readonly flops: number;
  readonly lossNats: number;
}

/** Means over the rows within a factor of WINDOW in steps; rows without a finite loss are left out. */
function smoothed(rows: readonly TrainRow[]): CurvePoint[] {
  const finite = rows.flatMap((row) => (row.lossNats === null ? [] : [{ ...row, lossNats: row.lossNats }]));
  let from = 0;
  let to = 0;
  let sum = 0;
  return finite.map(({ step, tokens, flops }) => {
    while (to < finite.length && finite[to]!.step <= step * WINDOW) sum += finite[to++]!.lossNats;
    while (finite[from]!.step < step / WINDOW) sum -= finite[from++]!.lossNats;
    return { tokens, flops, lossNats: sum / (to - from) };
  });
}

/** At most `limit` points, evenly spaced in the list (which is spaced by the logarithm of the step), ends included. */
function thinned(points: readonly CurvePoint[], limit: number): CurvePoint[] {
  if (points.length <= limit) return [...points];
  return Array.from(
    { length: limit },
    (_, i) => points[Math.round((i * (points.length - 1)) / (limit - 1))]!,
  );
}
